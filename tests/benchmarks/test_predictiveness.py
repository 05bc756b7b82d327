import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from amc.recovery.recoveries import RECOVERIES
from amc.utils.defaults import CLOSED_FORMS
from benchmarks import predictiveness
from benchmarks.predictiveness import correlation, recommended
from tests.command import succeed


def test_the_interval_covers_the_correlation_of_what_the_policies_are_drawn_from() -> None:
    rng = np.random.default_rng(0)
    rank = 6 / np.pi * np.arcsin(0.7 / 2)  # Spearman's, of normal pairs that correlate by 0.7
    covered = 0
    for _ in range(20):
        pairs = rng.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], 40)
        found = correlation(pairs[:, 0].tolist(), pairs[:, 1].tolist())
        assert found.value == pytest.approx(spearmanr(pairs).statistic)
        assert found.low < found.value < found.high
        covered += found.low < rank < found.high
    assert covered >= 16


@pytest.mark.parametrize("order", [1, -1])
def test_only_ranks_count(order: int) -> None:
    found = correlation([order * np.exp(each) for each in range(12)], list(range(12)))
    assert found == pytest.approx((order, order, order))


def test_the_cheapest_that_is_not_clearly_worse_is_recommended() -> None:
    rng = np.random.default_rng(0)
    tuned, noise = rng.normal(size=40), rng.normal(size=(3, 40))
    scores = {"none": noise[0], "cheap": tuned + 0.5 * noise[1], "dear": tuned + 0.45 * noise[2]}
    known = {way: each.tolist() for way, each in scores.items()}
    seconds = {"none": 0.0, "cheap": 1.0, "dear": 9.0}
    assert recommended(known, tuned.tolist(), seconds) == "cheap"
    clear = (tuned + 0.1 * noise[2]).tolist()
    assert recommended(known | {"dear": clear}, tuned.tolist(), seconds) == "dear"


@pytest.mark.backward
def test_it_goes_on_where_it_was_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictiveness, "RECOVERIES", {way: RECOVERIES[way] for way in ("none", CLOSED_FORMS[0])})
    words = ("--model", "digits_resnet", "--data", "digits", "--images", "40", "--out", tmp_path)
    succeed(predictiveness, *words, "--policies", "2")
    begun = json.loads((tmp_path / "predictiveness.json").read_text())["rows"]
    out = succeed(predictiveness, *words, "--policies", "3").out
    rows = json.loads((tmp_path / "predictiveness.json").read_text())["rows"]
    assert rows[:2] == begun
    assert len({tuple(row["keeps"]) for row in rows}) == 3
    assert "policy 3/3" in out
    assert "policy 2/3" not in out
    table = (tmp_path / "predictiveness.md").read_text()
    assert table.startswith("3 policies; tuned: ")
    assert table in out
