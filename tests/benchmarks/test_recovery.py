import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from amc.utils.defaults import CLOSED_FORMS, DEFAULT_CRITERION
from amc.utils.errors import UserError
from benchmarks import pretrained_efficientnet, recovery
from benchmarks.judged_choice import choose
from benchmarks.recovery_page import COMPARED, recovery_page
from benchmarks.recovery_rows import Row, packed
from tests.command import fail, succeed

COUNT = 40


def row(way: str, right: Tensor, images: int = 100, seconds: float = 1.0) -> Row:
    return Row("net", 0.5, images, DEFAULT_CRITERION, 3, way, packed(right), len(right), seconds, seconds)


def measured(best: Mapping[str, Tensor]) -> dict[str, Row]:
    """The closed forms at one place: those of `best` with their answers, all others always wrong."""
    wrong = torch.zeros(COUNT, dtype=torch.bool)
    return {way: row(way, best.get(way, wrong)) for way in COMPARED}


def halves() -> list[Tensor]:
    return list(map(torch.from_numpy, np.array_split(np.random.default_rng(3).permutation(COUNT), 2)))


def right_on(half: Tensor) -> Tensor:
    right = torch.zeros(COUNT, dtype=torch.bool)
    right[half] = True
    return right


@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_answers_come_back_as_they_were_packed(right: list[bool]) -> None:
    assert row("none", torch.tensor(right)).answers.tolist() == right


@given(st.lists(st.integers(0, 2**COUNT - 1), min_size=len(CLOSED_FORMS), max_size=len(CLOSED_FORMS)))
def test_each_half_is_judged_by_what_the_other_chose(bits: list[int]) -> None:
    answers = {
        way: torch.tensor([each >> place & 1 for place in range(COUNT)], dtype=torch.bool)
        for way, each in zip(CLOSED_FORMS, bits, strict=True)
    }
    choice = choose(measured(answers))
    assert choice is not None
    for name, choosing, judging in zip(choice.names, halves(), reversed(halves()), strict=True):
        assert all(int(answers[name][choosing].sum()) >= int(each[choosing].sum()) for each in answers.values())
        assert torch.equal(choice.answers[judging], answers[name][judging])


def test_nothing_is_chosen_before_all_candidates_are_measured() -> None:
    rows = measured({})
    del rows[CLOSED_FORMS[-1]]
    assert choose(rows) is None


def test_rows_of_another_criterion_are_shown_where_there_are_no_others() -> None:
    rows = [dataclasses.replace(each, criterion="l2") for each in measured({}).values()]
    assert "| net | 50% |" in recovery_page(rows).partition("## `auto`")[0]


def test_a_choice_that_does_not_hold_on_other_images_is_told() -> None:
    one, other = sorted(CLOSED_FORMS[:2], key=COMPARED.index)
    first, second = halves()
    page = recovery_page(measured({one: right_on(first), other: right_on(second)}).values())
    place = "net, 50% of the MACs, 100 images"
    assert f"Worse by more than the interval than: `{one}` at {place}, `{other}` at {place}." in page
    page = recovery_page(measured({one: right_on(torch.arange(COUNT))}).values())
    assert "Worse by more than the interval than: none." in page


def test_more_images_that_make_it_worse_are_told() -> None:
    everywhere, nowhere = right_on(torch.arange(COUNT)), right_on(torch.arange(0))
    rows = [
        row("both", everywhere, 100),
        row("both", nowhere, 300),
        row("none", nowhere, 100),
        row("none", nowhere, 300),
    ]
    page = recovery_page(rows)
    assert (
        "Worse with more images by more than the interval: `both` at net, 50% of the MACs, 300 images than with 100"
        " (-100.00 (-100.00 to -97.50))."
    ) in page


def test_seconds_are_multiples_of_one_recovery() -> None:
    nowhere = right_on(torch.arange(0))
    page = recovery_page([row("asymmetric", nowhere, seconds=4.0), row("both", nowhere, seconds=1.0)])
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("|")]
    (at,) = [number for number, line in enumerate(lines) if "seconds of `asymmetric`" in line]
    seconds = dict(zip(lines[at], lines[at + 2], strict=True))
    assert seconds["seconds of `asymmetric`"] == "4.0"
    assert (seconds["`both`"], seconds["`asymmetric`"], seconds["`auto`"]) == ("0.25", "1.00", "1.25")


def test_parts_add_to_what_is_there(tmp_path: Path) -> None:
    words = ("--models", "digits_resnet", "--data", "digits", "--budgets", "0.5", "--out", tmp_path)
    done = succeed(recovery, *words, "--images", "40", "--recoveries", "none", "statistics")
    assert done.out.count("\n") == 3
    begun = json.loads((tmp_path / "recovery.json").read_text())["rows"]
    done = succeed(recovery, *words, "--images", "40", "60", "--recoveries", "statistics", "none")
    assert [line.partition(": ")[0] for line in done.out.splitlines()] == [
        f"digits_resnet, 50% of the MACs, 60 images, {DEFAULT_CRITERION}, {way}" for way in ("statistics", "none")
    ]
    rows = json.loads((tmp_path / "recovery.json").read_text())["rows"]
    assert rows[:3] == begun
    assert rows[0]["recovery"] == "original"
    page = (tmp_path / "recovery.md").read_text()
    assert page.count("| digits_resnet | 50% | 40 |") == 2  # accuracy, and by number of images
    assert done.out.splitlines()[0].split(": ")[1].partition(" in ")[0] in page
    assert not succeed(recovery, *words, "--images", "40", "--recoveries", "none").out


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    words = ("--models", "digits_resnet", "--data", "digits", "--out", tmp_path)
    assert "unknown recovery 'bote'" in fail(recovery, *words, "--recoveries", "bote")
    assert "expected --weights for each of 1 --models, got 2" in fail(recovery, *words, "--weights", "a.pt", "b.pt")


def test_images_called_by_their_class_are_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"expected a folder of images like 0007.jpg in IMAGENET_IMAGES, got 'nothing'"):
        pretrained_efficientnet.images_for_lite1()
    for number in (7, 30, 2, 999):
        Image.new("RGB", (300, 280), (number % 256, 0, 0)).save(tmp_path / f"{number:04}.jpg")
    monkeypatch.setenv("IMAGENET_IMAGES", str(tmp_path))
    for images, side in (
        (pretrained_efficientnet.images_for_lite0(), 224),
        (pretrained_efficientnet.images_for_lite1(), 240),
    ):
        assert sorted([*images["train"].targets, *images["val"].targets]) == [2, 7, 30, 999]
        assert len(images["train"]) == len(images["val"]) == 2
        image, target = images["val"][1]
        assert image.shape == (3, side, side)
        assert target == images["val"].targets[1]
        assert image[0].mean() == pytest.approx((target % 256 / 255 - 0.498) / 0.502, abs=0.02)
