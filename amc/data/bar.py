"""The bar that is shown while many images are read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def reading(title: str | None, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on standard error, if that is a terminal; gives a function that takes how many more images are read.

    Args:
        title: what the bar says; None for no bar.
        total: how many images there are.
    """
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    hidden = title is None or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task(title or "", total=total)
        yield lambda count: bar.advance(task, count)
