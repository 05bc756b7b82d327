"""A progress bar on standard error for whatever takes long: reading, searching, training, measuring."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)


class ProgressBar:
    """The handle by which the progress shown by `progress_bar` is updated.

    Args:
        bar: The bar of `rich`, with one task.
        console: Where it is shown.
    """

    def __init__(self, bar: Progress, console: Console) -> None:
        self._bar = bar
        self._console = console

    def update(self, done: float | None = None, total: float | None = None, text: str | None = None) -> None:
        """Show how much is done, of how much in all, and a text; what is None stays as it was."""
        self._bar.update(self._bar.task_ids[0], completed=done, total=total, description=text)

    @property
    def has_terminal(self) -> bool:
        """Whether there is a terminal that shows the bar."""
        return self._console.is_terminal

    def print(self, line: str) -> None:
        """Print a line, which stays above the bar; where there is no terminal, it is all that is shown."""
        self._console.print(line, highlight=False, soft_wrap=True)

    def print_tenth(self, unit: str, number: int, total: int, text: str) -> None:
        """Print a line where there is no terminal for a bar, at every tenth of the `total` units; the first is 1."""
        if not self._console.is_terminal and number % max(1, total // 10) == 0:
            self._console.print(f"{unit} {number}/{total}: {text}", highlight=False)


@contextmanager
def progress_bar(
    text: str = "", total: float | None = None, *, done: float = 0, in_percent: bool = False, quiet: bool = False
) -> Iterator[ProgressBar]:
    """Show a bar with how much is done, a text and the time left; it goes away at the end, and needs a terminal.

    Args:
        text: What is said beside the bar at first.
        total: How much there is to do; None where that is told later.
        done: How much of it is done already.
        in_percent: Whether a percentage is shown, rather than two numbers.
        quiet: Whether nothing is shown or printed at all.
    """
    console = Console(stderr=True, quiet=quiet)
    amount = TaskProgressColumn() if in_percent else MofNCompleteColumn()
    columns = (amount, BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        bar.add_task(text, total=total, completed=done)
        yield ProgressBar(bar, console)
