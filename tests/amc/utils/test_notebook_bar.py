import sys
from types import ModuleType
from typing import Any

import pytest

from amc.utils import notebook_bar
from amc.utils.progress_bar import progress_bar


class ZMQInteractiveShell:
    """Bears the name of the class by which a notebook runs its cells."""


class Output:
    """The output of a cell, which notes all that it showed."""

    def __init__(self) -> None:
        self.pages: list[str] = []

    def update(self, page: str) -> None:
        self.pages.append(page)


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Output:
    """The output of a cell of a notebook, in which the test runs from now on."""
    cell, ipython, display = Output(), ModuleType("IPython"), ModuleType("IPython.display")

    def show(page: str, display_id: bool) -> Output:
        assert display_id
        cell.update(page)
        return cell

    parts: dict[str, Any] = {"HTML": str, "display": show}
    vars(display).update(parts)
    vars(ipython)["get_ipython"] = ZMQInteractiveShell
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setattr(notebook_bar, "SECONDS_BETWEEN", 0.0)
    return cell


def test_a_notebook_has_a_bar_in_place_of_lines_but_for_those_that_stay(
    output: Output, capfd: pytest.CaptureFixture[str]
) -> None:
    with progress_bar("a < b", total=4, done=1) as bar:
        bar.update(2, text="half")
        bar.print_tenth("step", 2, 4, "a line")
        bar.print("a line that stays")
    first, half, last = output.pages
    assert first == '1/4 <progress value="1" max="4"></progress> a &lt; b '
    assert half.startswith('2/4 <progress value="2" max="4"></progress> half 0:0')
    assert last == ""
    assert capfd.readouterr() == ("a line that stays\n", "")


def test_a_share_is_in_percent_and_an_unknown_total_has_no_number(output: Output) -> None:
    with progress_bar(total=1.0, in_percent=True) as bar:
        bar.update(0.25)
    with progress_bar("measuring"):
        pass
    assert [page.partition(" <")[0] for page in output.pages] == [
        "0%",
        "25%",
        "",
        "<progress></progress> measuring",
        "",
    ]


def test_quiet_shows_nothing(output: Output) -> None:
    with progress_bar(total=2, quiet=True) as bar:
        bar.update(1)
    assert output.pages == []
