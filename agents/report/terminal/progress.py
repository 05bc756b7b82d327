"""The live bars of a search and of a training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

from agents.report.number_format import percent, score, score_name
from agents.result import Episode, best_of, better
from agents.strategy import OnEpisode


@contextmanager
def search_progress(
    episodes: int, macs: int, quiet: bool, past: Sequence[Episode] = (), metric: str = "top1"
) -> Iterator[OnEpisode]:
    """A bar on standard error with the episode, the best reward, its score by the metric, its cost and the time left.

    Yields a function to be told of every episode. `macs` are those of the whole network, `past` the
    episodes before an interruption. Where standard error is no
    terminal, a line is printed at every tenth of the episodes instead.
    """
    console = Console(stderr=True, quiet=quiet)
    live = console.is_terminal and not quiet
    columns = (
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
    )
    best = best_of(past)
    with Progress(*columns, console=console, transient=True, disable=not live) as bar:
        task = bar.add_task("", total=episodes, completed=len(past))

        def told(episode: Episode) -> None:
            nonlocal best
            best = better(best, episode)
            words = _of_best(best, macs, metric)
            bar.update(task, advance=1, description=words)
            if not live and (episode.index + 1) % max(1, episodes // 10) == 0:
                console.print(f"episode {episode.index + 1}/{episodes}: {words}", highlight=False)

        yield told


def _of_best(best: Episode | None, macs: int, metric: str) -> str:
    if best is None:
        return "no policy within the budget yet"
    return (
        f"best: reward {best.reward:.4f}, {score_name(metric)} {score(metric, best.outcome.accuracy)},"
        f" MACs {percent(best.outcome.macs / macs, digits=1)}"
    )


class TrainingBar:
    """What `training_progress` yields."""

    def __init__(self, bar: Progress, console: Console, epochs: int) -> None:
        self._bar = bar
        self._console = console
        self._epochs = epochs
        self._task = bar.add_task("", total=1.0)

    def step(self, done: float, words: str) -> None:
        """One step is done: the share of all that is, and what to say."""
        self._bar.update(self._task, completed=done, description=words)

    def epoch(self, number: int, words: str) -> None:
        """One epoch is over; the first has number 1."""
        self._bar.update(self._task, description=words)
        if not self._console.is_terminal and number % max(1, self._epochs // 10) == 0:
            self._console.print(f"epoch {number}/{self._epochs}: {words}", highlight=False)


@contextmanager
def training_progress(epochs: int, quiet: bool) -> Iterator[TrainingBar]:
    """A bar on standard error; where that is no terminal, a line at every tenth of the epochs instead."""
    console = Console(stderr=True, quiet=quiet)
    columns = (TaskProgressColumn(), BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        yield TrainingBar(bar, console, epochs)
