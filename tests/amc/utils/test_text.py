import pytest

from amc.utils.text import did_you_mean, merge_numbered, one_line, shortened


def test_an_error_is_one_line_with_its_type() -> None:
    assert one_line(ValueError("first\n  second")) == "ValueError: first second"
    assert one_line(KeyboardInterrupt()) == "KeyboardInterrupt"


def test_long_lists_are_counted() -> None:
    assert shortened(["a", "b"], limit=2) == "a, b"
    assert shortened(["a", "b", "c", "d"], limit=2) == "a, b and 2 more"


def test_near_names_are_suggested_else_all_are_listed() -> None:
    assert did_you_mean("resnet65", ["digits", "resnet56"]) == "did you mean resnet56?"
    assert did_you_mean("vgg", ["resnet56", "digits"]) == "there are digits, resnet56"
    assert did_you_mean("vgg", []) == "there is none"


@pytest.mark.parametrize(
    ("texts", "merged"),
    [
        ([], {}),
        (["fc"], {"fc": [0]}),
        (["a.0.conv", "fc", "a.1.conv"], {"a.*.conv": [0, 2], "fc": [1]}),
        (["l1.0.conv1", "l1.11.conv1", "l1.2.conv1"], {"l1.*.conv1": [0, 1, 2]}),
        (["l1.0.conv1", "l2.0.conv2"], {"l*.0.conv*": [0, 1]}),
        (["a.0", "a.x"], {"a.0": [0], "a.x": [1]}),
        (["same 1", "same 1"], {"same 1": [0, 1]}),
    ],
)
def test_texts_that_differ_in_numbers_alone_are_merged(texts: list[str], merged: dict[str, list[int]]) -> None:
    assert merge_numbered(texts) == merged
