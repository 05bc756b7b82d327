"""The accuracy of the networks that given keeps leave: what a search asks for, over and over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from amc.graph import KeptCounts
from amc.scoring.racing import ROUND, RaceReference, Score, choose_panel

ScoreAll = Callable[[Sequence[KeptCounts], RaceReference | None], Iterable[Score]]
"""Scores policies in their order; with a yardstick those that are surely worse than its reference not to the end."""


class PolicyScorer:
    """Remembers scores by the keeps: the same keeps give the same network.

    What was not scored to the end is no score of a network, and is forgotten. Which policies are not follows from all
    scores before, in order, so a search that goes on tells of those first.

    Args:
        score_all: Scores policies, of which no two are the same.
        can_race: Whether it can compare them with a reference.
    """

    def __init__(self, score_all: ScoreAll, *, can_race: bool = False) -> None:
        self._score_all = score_all
        self._can_race = can_race
        self._known: dict[bytes, Score] = {}
        self._past: list[tuple[KeptCounts, Score]] = []

    def __call__(self, kept_counts: KeptCounts) -> float:
        """The accuracy with `kept_counts[g]` units of each group, int64 `(groups,)`."""
        (score,) = self.all([kept_counts])
        return score.value

    def all(self, policies: Sequence[KeptCounts], *, race: bool = False) -> Iterator[Score]:
        """The scores of several policies, in their order; with `race` those of bad ones may be estimates."""
        race = race and self._can_race
        new = {
            kept_counts.tobytes(): kept_counts for kept_counts in policies if kept_counts.tobytes() not in self._known
        }
        race_reference = self._yardstick(len(policies)) if race and new else None
        coming = iter(self._score_all(list(new.values()), race_reference)) if new else iter(())
        found: dict[bytes, Score] = {}
        for kept_counts in policies:
            key = kept_counts.tobytes()
            score = self._known.get(key) or found.get(key)
            if score is None:
                score = found[key] = next(coming)
                if score.share == 1:
                    self._known[key] = score
            if race:
                self._past.append((kept_counts, score))
            yield score

    def tell(self, past: Iterable[tuple[KeptCounts, Score]]) -> None:
        """Tell of scores from before an interruption, in order."""
        self._past = list(past)
        self._known = {kept_counts.tobytes(): score for kept_counts, score in self._past if score.share == 1}

    def _yardstick(self, round_size: int) -> RaceReference | None:
        """What is raced against, chosen anew every `ROUND` scores, and never within policies scored together."""
        period = -(-ROUND // round_size) * round_size
        panel = [self._past[index][0] for index in choose_panel([score for _, score in self._past], period)]
        if not panel:
            return None
        unknown = [kept_counts for kept_counts in panel if self._known[kept_counts.tobytes()].answers is None]
        if unknown:  # they were scored before an interruption
            found = self._score_all(unknown, None)
            self._known |= {kept_counts.tobytes(): score for kept_counts, score in zip(unknown, found, strict=True)}
        answers = [self._known[kept_counts.tobytes()].answers for kept_counts in panel]
        return RaceReference.from_panel([each for each in answers if each is not None], seed=len(self._past) // period)
