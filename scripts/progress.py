"""The live bar of a search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from agents.result import Episode, best_of, better
from agents.strategies import OnEpisode


@contextmanager
def search_progress(episodes: int, macs: int, quiet: bool, past: Sequence[Episode] = ()) -> Iterator[OnEpisode]:
    """A bar on standard error with the episode, the best reward, its accuracy and cost, and the time left.

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
            outcome = best.outcome
            words = (
                f"best: reward {best.reward:.4f}, accuracy {100 * outcome.accuracy:.2f} %,"
                f" MACs {100 * outcome.macs / macs:.1f} %"
            )
            bar.update(task, advance=1, description=words)
            if not live and (episode.index + 1) % max(1, episodes // 10) == 0:
                console.print(f"episode {episode.index + 1}/{episodes}: {words}", highlight=False)

        yield told
