"""A progress bar for whatever takes long: reading, searching, training, measuring."""

from __future__ import annotations

import contextlib
import time
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

HALF_A_MINUTE = 30
"""Seconds after which a line is printed at the latest, where there is no terminal."""


class ProgressBar:
    """The handle by which the progress shown by `progress_bar` is updated.

    Args:
        show: Shows how much is done, of how much in all, and a text; what is None stays as it was.
        console: Where lines are printed.

    Attributes:
        is_visible: Whether a bar is shown: on a terminal or in a notebook.
    """

    def __init__(
        self,
        show: Callable[[float | None, float | None, str | None], None],
        console: Console,
        *,
        is_visible: bool,
    ) -> None:
        self._show = show
        self._console = console
        self._printed = 0  # tenths
        self._printed_at = time.monotonic()
        self.is_visible = is_visible

    def update(self, done: float | None = None, total: float | None = None, text: str | None = None) -> None:
        """Show how much is done, of how much in all, and a text; what is None stays as it was."""
        self._show(done, total, text)

    def print(self, line: str) -> None:
        """Print a line, which stays when the bar goes away."""
        self._console.print(line, highlight=False, soft_wrap=True)

    def print_tenth(self, unit: str, number: int, total: int, text: str) -> None:
        """Print a line where no bar is shown, at every tenth of the `total` units; the first is 1."""
        if number % max(1, total // 10) == 0:
            self.print_line(f"{unit} {number}/{total}: {text}")

    def print_line(self, line: str) -> None:
        """Print a line where no bar is shown."""
        if not self.is_visible:
            self.print(line)

    def advance(self, text: str, done: int, total: int) -> None:
        """Show how much is done; where no bar is, print a line at every further tenth, or each half minute."""
        self.update(done, total, text)
        tenths, now = 10 * done // max(total, 1), time.monotonic()
        if tenths > self._printed or now - self._printed_at > HALF_A_MINUTE:
            self._printed, self._printed_at = tenths, now
            self.print_line(f"{text}: {done} of {total}")


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
            yield ProgressBar(shown.update, Console(force_jupyter=False), is_visible=True)
        return
    console = Console(stderr=True, quiet=quiet)
    amount = TaskProgressColumn() if in_percent else MofNCompleteColumn()
    columns = (amount, BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task(text, total=total, completed=done)

        def show(done: float | None, total: float | None, text: str | None) -> None:
            bar.update(task, completed=done, total=total, description=text)

        yield ProgressBar(show, console, is_visible=console.is_terminal)
