"""A progress bar for whatever takes long: reading, searching, training, measuring."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from amc.utils.notebook_bar import NotebookBar, in_notebook


class ProgressBar:
    """The handle by which the progress shown by `progress_bar` is updated.

    Args:
        show: Shows how much is done, of how much in all, and a text; what is None stays as it was.
        console: Where lines are printed in place of a bar, unless it is a terminal.
    """

    def __init__(self, show: Callable[[float | None, float | None, str | None], None], console: Console) -> None:
        self._show = show
        self._console = console

    def update(self, done: float | None = None, total: float | None = None, text: str | None = None) -> None:
        """Show how much is done, of how much in all, and a text; what is None stays as it was."""
        self._show(done, total, text)

    def print_tenth(self, unit: str, number: int, total: int, text: str) -> None:
        """Print a line where there is no terminal for a bar, at every tenth of the `total` units; the first is 1."""
        if not self._console.is_terminal and number % max(1, total // 10) == 0:
            self._console.print(f"{unit} {number}/{total}: {text}", highlight=False)


@contextlib.contextmanager
def progress_bar(
    text: str = "", total: float | None = None, *, done: int = 0, in_percent: bool = False, quiet: bool = False
) -> Iterator[ProgressBar]:
    """Show a bar with how much is done, a text and the time left; it goes away at the end.

    It needs a terminal or a notebook.

    Args:
        text: What is said beside the bar at first.
        total: How much there is to do; None where that is told later.
        done: How much of it is done already.
        in_percent: Whether a percentage is shown, rather than two numbers.
        quiet: Whether nothing is shown or printed at all.
    """
    if in_notebook() and not quiet:
        with contextlib.closing(NotebookBar(text, total, done, in_percent)) as shown:
            yield ProgressBar(shown.update, Console(quiet=True))
        return
    console = Console(stderr=True, quiet=quiet)
    amount = TaskProgressColumn() if in_percent else MofNCompleteColumn()
    columns = (amount, BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task(text, total=total, completed=done)

        def show(done: float | None, total: float | None, text: str | None) -> None:
            bar.update(task, completed=done, total=total, description=text)

        yield ProgressBar(show, console)
