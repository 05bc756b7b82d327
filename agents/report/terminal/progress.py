"""What the progress bar of a search says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from agents.episode import Episode, best_of, better
from agents.strategy import OnEpisode
from amc.scoring.number_format import percent, score, score_name
from amc.utils.progress_bar import progress_bar


@contextmanager
def search_progress(
    episodes: int, macs: int, quiet: bool, past: Sequence[Episode] = (), metric: str = "top1"
) -> Iterator[OnEpisode]:
    """Show a bar with the episode, the best reward, its score and MACs, and the time left.

    What it gives is called with every episode. Where standard error is no terminal, a line is printed at every tenth of
    the episodes instead.

    Args:
        episodes: How many the search scores in all.
        macs: The MACs of the whole network, for one image.
        quiet: Whether nothing is shown.
        past: The episodes before an interruption.
        metric: The name of the metric that scores networks.
    """
    best = best_of(past)
    with progress_bar(total=episodes, done=len(past), quiet=quiet) as bar:

        def told(episode: Episode) -> None:
            nonlocal best
            best = better(best, episode)
            number, text = episode.index + 1, _of_best(best, macs, metric)
            bar.update(number, text=text)
            bar.print_tenth("episode", number, episodes, text)

        yield told


@contextmanager
def end_progress(steps: int, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show a bar with what the end of a search is at, and the time left; where there is no terminal, print lines.

    What it gives is called with what is done next.

    Args:
        steps: How much there is to do, about: networks that are made or scored.
        quiet: Whether nothing is shown.
    """
    with progress_bar(total=steps, quiet=quiet) as bar:
        begun = 0

        def tell(text: str) -> None:
            nonlocal begun
            bar.update(begun, max(steps, begun + 1), text)
            bar.print_line(text)
            begun += 1

        yield tell


def _of_best(best: Episode | None, macs: int, metric: str) -> str:
    if best is None:
        return "no policy within the budget yet"
    return (
        f"best: reward {best.reward:.4f}, {score_name(metric)} {score(metric, best.outcome.accuracy)},"
        f" MACs {percent(best.outcome.macs / macs, digits=1)}"
    )
