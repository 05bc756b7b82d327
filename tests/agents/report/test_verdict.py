import pytest

from agents.report.verdict import ADVICE, against_uniform, with_interval
from amc.scoring.paired_test import Drop


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        (
            Drop(0.012, 0.004, 0.02),
            "On unseen (test) images the found policy is better than uniform by 1.20 points"
            " (95 % interval 0.40 to 2.00).",
        ),
        (
            Drop(-0.012, -0.02, -0.004),
            "On unseen (test) images the found policy is worse than uniform by 1.20 points"
            f" (95 % interval 0.40 to 2.00). {ADVICE}",
        ),
        (
            Drop(0.001, -0.003, 0.005),
            "On unseen (test) images the found policy is not told apart from uniform: +0.10 points"
            f" (95 % interval -0.30 to +0.50). {ADVICE}",
        ),
        (
            Drop(0.0, 0.0, 0.0),
            "On unseen (test) images the found policy is not told apart from uniform: +0.00 points"
            f" (95 % interval +0.00 to +0.00). {ADVICE}",
        ),
    ],
)
def test_the_interval_decides_what_is_said(difference: Drop, expected: str) -> None:
    assert against_uniform("top1", difference.value, difference, is_uniform=False) == expected


@pytest.mark.parametrize(("gain", "is_better"), [(0.5, True), (0.0, False), (-0.5, False)])
def test_without_an_interval_the_plain_difference_is_told(gain: float, is_better: bool) -> None:
    said = against_uniform("own.py:agreement", gain, None, is_uniform=False)
    assert f"{gain:+.4f} against uniform; no interval is known." in said
    assert ("not better" not in said) == is_better


def test_what_was_compared_before_a_training_is_said_to_be() -> None:
    said = against_uniform("top1", 0.012, Drop(0.012, 0.004, 0.02), is_uniform=False, is_trained=True)
    assert "the found policy, before it was trained by gradients, is better than uniform by 1.20 points" in said


def test_a_policy_that_is_uniform_is_called_so() -> None:
    assert "is the uniform one" in against_uniform("top1", 0.0, Drop(0.0, 0.0, 0.0), is_uniform=True)


def test_tables_have_the_interval_in_brackets() -> None:
    assert with_interval("top1", -0.02, Drop(-0.02, -0.03, -0.01)) == "-2.00 points (-3.00 to -1.00)"
    assert with_interval("own.py:agreement", 0.5, None) == "+0.5000"
