import json
import re
from pathlib import Path
from typing import Any, cast

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

import amc
from agents.comparison import comparing
from agents.comparison.cell_search import search_cell
from agents.report.strategies.cell import CellKey
from amc.networks.weight_files import write_state_dict
from amc.utils.errors import UserError
from scripts import compare
from tests.command import call, fail, succeed
from tests.html_page import HtmlPage, expect_self_contained
from tests.small_network import NAME, SMALL, SmallResNet

FEW = (*SMALL, "--calibration-images", "40", "--reward-split", "80", "--test-images", "40", "--recovery", "statistics")
ASKED = (*FEW, "--search-recovery", "none", "--episodes", "3", "--budgets", "macs=0.5")


def cells(folder: Path) -> dict[str, dict[str, Any]]:
    return {path.name: json.loads(path.read_text()) for path in (folder / "cells").iterdir()}


def without_times(found: dict[str, Any]) -> dict[str, Any]:
    curves = {
        name: [(each["evaluations"], each["score"]) for each in found[name]] for name in ("best_so_far", "judged")
    }
    return {**found, "seconds": None, **curves}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison of two strategies with one seed."""
    folder = tmp_path_factory.mktemp("compared") / "digits"
    done = succeed(compare, *ASKED, "--strategies", "random", "uniform", "--seeds", "0", "--out", folder)
    assert "2 of 2: uniform at macs=0.5, seed 0: " in done.err
    assert f"{NAME} at macs=0.5" in done.out
    assert done.out.endswith(f"{folder / 'comparison.html'}\n")
    return folder


def forbidden(*_: Any, **__: Any) -> None:
    raise AssertionError("a search that has ended was made again")


def test_too_few_episodes_for_one_strategy_are_told_before_any_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "search_cell", forbidden)
    asked = ("--strategies", "random", "greedy", "--seeds", "0", "1", "--out", tmp_path / "few")
    assert "strategy greedy cuts each of" in fail(compare, *ASKED, *asked)
    assert not (tmp_path / "few").exists()


def test_a_search_is_a_small_file(folder: Path) -> None:
    found = cells(folder)
    assert set(found) == {"macs=0.5-random-seed-0.json", "macs=0.5-uniform-seed-0.json"}
    assert found["macs=0.5-uniform-seed-0.json"]["evaluations"] == 1
    assert all(path.stat().st_size < 4000 for path in (folder / "cells").iterdir())


def test_what_has_ended_is_not_made_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "search_cell", forbidden)
    before = cells(folder)
    done = succeed(compare, *ASKED, "--strategies", "random", "uniform", "--seeds", "0", "--out", folder)
    assert cells(folder) == before
    assert "of searching" not in done.err


def test_the_page_and_tensorboard_have_all_searches(folder: Path) -> None:
    content = (folder / "comparison.html").read_text(encoding="utf-8")
    expect_self_contained(content)
    assert {"original", "uniform", "random"} <= set(HtmlPage(content).rows)
    events = EventAccumulator(str(folder / "tensorboard" / "macs=0.5-random")).Reload()
    judged = {event.step: event.value for event in events.Scalars("best so far/judging half")}
    found = cells(folder)["macs=0.5-random-seed-0.json"]["judged"]
    assert judged == pytest.approx({each["evaluations"]: each["score"] for each in found})


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--episodes", "4"), "was begun with --episodes 3, got 4"),
        (("--criterion", "l2"), "was begun with --criterion auto, got l2"),
        (("--weights", "others.safetensors"), r"was begun with other weights \(--weights\)"),
        (("--test-images", "41"), r"was begun with other numbers of images \(--data\)"),
        (("--reward-images", "20"), "was begun with no --reward-images, got 20"),
        (("--budgets", "latency=0.5"), "latency"),
        (("--strategies", "random", "random"), "random is named twice among --strategies"),
        (("--strategies", "randm"), "unknown strategy 'randm'"),
        (("--seeds", "-1"), "expected --seed of 0 or more"),
    ],
)
def test_mistakes_are_refused_in_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_state_dict(Path("others.safetensors"), SmallResNet().state_dict())
    before = cells(folder)
    asked = ("--strategies", "random", "--seeds", "0", "--out", folder)
    done = call(compare, *ASKED, *asked, *words)
    *_, mistake = done.err.splitlines()  # below a warning that random weights score near chance
    assert done.status == 2
    assert re.search(f"error: .*{why}", mistake)
    assert cells(folder) == before


def test_another_folder_is_not_taken_for_a_comparison(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    assert "holds something else than a comparison" in fail(compare, *ASKED, "--out", tmp_path)


def test_an_interrupted_search_is_begun_again_and_the_others_are_kept(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = (*ASKED, "--strategies", "uniform", "random", "--seeds", "0", "--out", tmp_path / "digits")
    searched: list[CellKey] = []

    def interrupted(key: CellKey, *given: Any, **more: Any) -> Any:
        searched.append(key)
        if len(searched) == 2:
            raise KeyboardInterrupt
        return search_cell(key, *given, **more)

    monkeypatch.setattr(comparing, "search_cell", interrupted)
    assert call(compare, *asked).status == 130
    assert set(cells(tmp_path / "digits")) == {"macs=0.5-uniform-seed-0.json"}
    assert (tmp_path / "digits" / "comparison.html").is_file()
    succeed(compare, *asked)
    assert [key.strategy for key in searched] == ["uniform", "random", "random"]
    found, other = (cells(each)["macs=0.5-random-seed-0.json"] for each in (tmp_path / "digits", folder))
    assert without_times(found) == without_times(other)


def test_python_makes_the_same_searches(tmp_path: Path, folder: Path) -> None:
    data = amc.load_data("digits", sizes={"calibration": 40, "reward": 80, "test": 40})
    found = amc.compare(
        amc.load_network(NAME, "none"),
        data,
        "macs=0.5",
        "random",
        episodes=3,
        seeds=0,
        out=tmp_path / "digits",
        recovery="statistics",
        search_recovery="none",
    )
    assert "random" in found._repr_html_()
    name = "macs=0.5-random-seed-0.json"
    assert without_times(cells(tmp_path / "digits")[name]) == without_times(cells(folder)[name])


def test_what_is_no_list_in_python_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"expected one or more of seeds, got None"):
        amc.compare(amc.load_network(NAME, "none"), "digits", "macs=0.5", seeds=cast(Any, None), out=tmp_path)
