"""What the progress bars of a search and of a training say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from agents.episode import Episode, best_of, better
from agents.strategy import OnEpisode
from amc.scoring.number_format import percent, score, score_name
from amc.utils.progress_bar import ProgressBar, progress_bar


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


class TrainingBar:
    """A bar that `training_progress` shows: it is told of every step and of every epoch."""

    def __init__(self, bar: ProgressBar, epochs: int) -> None:
        self._bar = bar
        self._epochs = epochs

    def step(self, done: float, text: str) -> None:
        """Show that a step is over, with the share in [0, 1] of all steps that are, and a text."""
        self._bar.update(done, text=text)

    def epoch(self, number: int, text: str) -> None:
        """Show that an epoch is over, of which the first has number 1, with a text."""
        self._bar.update(text=text)
        self._bar.print_tenth("epoch", number, self._epochs, text)


@contextmanager
def training_progress(epochs: int, quiet: bool) -> Iterator[TrainingBar]:
    """Show a bar with the share that is done; where there is no terminal, print a line at every tenth of the epochs."""
    with progress_bar(total=1.0, in_percent=True, quiet=quiet) as bar:
        yield TrainingBar(bar, epochs)
