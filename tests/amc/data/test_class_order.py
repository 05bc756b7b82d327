import pytest

from amc.data.class_order import in_order
from amc.utils.errors import UserError


@pytest.mark.parametrize(
    ("names", "by_number"),
    [
        (["10", "9", "0"], ["0", "9", "10"]),
        (["class_10", "class_2"], ["class_2", "class_10"]),
        (["1", "-1", "-10", "0"], ["-10", "-1", "0", "1"]),
        (["class-2", "class-10"], ["class-2", "class-10"]),
        (["0_apple", "10_kiwi", "1_banana"], ["0_apple", "1_banana", "10_kiwi"]),
        (["2.5", "10.0"], ["2.5", "10.0"]),
    ],
)
def test_an_order_that_is_not_that_of_the_numbers_is_told(names: list[str], by_number: list[str]) -> None:
    ordered, warning = in_order(names, "name")
    assert list(ordered) == sorted(names)
    assert warning is not None
    assert f"in the order of text: {', '.join(sorted(names))};" in warning
    assert in_order(names, "number") == (tuple(by_number), None)


@pytest.mark.parametrize(
    "names", [["0", "1", "2"], ["01", "02", "10"], ["n02119789", "n01440764"], ["cat", "ant"], ["a10", "b9"], ["9"]]
)
def test_other_names_are_in_the_order_of_text_without_a_word(names: list[str]) -> None:
    assert in_order(names, "name") == (tuple(sorted(names)), None)


def test_names_that_can_not_be_ordered_by_number_are_one_line() -> None:
    with pytest.raises(UserError, match="needs a number in the name of every class; there is none in cat"):
        in_order(["1", "cat"], "number")
    with pytest.raises(UserError, match="needs names that differ by a number behind the same text, got a10, b9;"):
        in_order(["a10", "b9"], "number")
