import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amc.utils.errors import UserError
from amc.utils.registry import UserFunction, name_of, resolve


class Power:
    """An entry of a table whose entries have a class of their own."""

    def __init__(self, exponent: int) -> None:
        self.exponent = exponent

    def __call__(self, number: int) -> int:
        return int(number**self.exponent)


POWERS = {"square": Power(2), "cube": Power(3)}


def double(number: int) -> int:
    return 2 * number


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text("def negative(number):\n    return -number\n\ndef failing(number):\n    return [][number]\n")
    return path


def test_a_name_a_file_and_an_object_are_accepted(file: Path) -> None:
    given: list[str | Callable[..., Any]] = ["square", f"{file}:negative", double, Power(4), lambda number: number]
    assert [resolve("power", each, POWERS)(3) for each in given] == [9, -3, 6, 81, 3]


def test_objects_of_the_tables_class_are_returned_as_they_are() -> None:
    mine = Power(4)
    assert resolve("power", mine, POWERS, Power) is mine
    assert isinstance(resolve("power", double, POWERS, Power), UserFunction)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("squar", r"^unknown power 'squar'; did you mean square\?, or give path/to/file.py:function$"),
        ("root", r"^unknown power 'root'; there are cube, square, or give path/to/file.py:function$"),
        ("nowhere.py:f", "^expected a Python file at nowhere.py, there is none"),
        (3, r"^expected a power as a name, path/to/file.py:function or a callable, got 3$"),
    ],
)
def test_what_is_no_entry_is_told_in_one_line(given: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        resolve("power", given, POWERS)


def test_what_a_users_function_raises_is_told_in_one_line(file: Path) -> None:
    with pytest.raises(UserError, match=r"^power .*mine.py:failing failed: IndexError: list index out of range$"):
        resolve("power", f"{file}:failing", POWERS)(1)
    with pytest.raises(UserError, match=r"^power tests.*double failed: TypeError: "):
        resolve("power", double, POWERS)(None)  # type: ignore[arg-type]


def test_names_are_those_that_were_given_or_of_the_object() -> None:
    assert name_of("a/b.py:build") == "a/b.py:build"
    assert name_of(Path.exists) == "pathlib.Path.exists"
    assert name_of(Path("x")).endswith("PosixPath")
    assert name_of(Power) == f"{__name__}.Power"
    assert name_of(Power(2)) == f"{__name__}.Power"


def test_a_users_function_is_pickled() -> None:
    function = UserFunction("power", "name", pow)
    assert pickle.loads(pickle.dumps(function)) == function
