"""The accuracy of the networks that given keeps leave: what a search asks for, over and over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from amc.graph import Keeps
from amc.scoring.racing import ROUND, Score, Yardstick, panel_of

ScoreAll = Callable[[Sequence[Keeps], Yardstick | None], Iterable[Score]]
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
        self._past: list[tuple[Keeps, Score]] = []

    def __call__(self, keeps: Keeps) -> float:
        """The accuracy with `keeps[g]` units of each group, int64 `(groups,)`."""
        (score,) = self.all([keeps])
        return score.value

    def all(self, policies: Sequence[Keeps], *, race: bool = False) -> Iterator[Score]:
        """The scores of several policies, in their order; with `race` those of bad ones may be estimates."""
        race = race and self._can_race
        new = {keeps.tobytes(): keeps for keeps in policies if keeps.tobytes() not in self._known}
        yardstick = self._yardstick(len(policies)) if race and new else None
        coming = iter(self._score_all(list(new.values()), yardstick)) if new else iter(())
        found: dict[bytes, Score] = {}
        for keeps in policies:
            key = keeps.tobytes()
            score = self._known.get(key) or found.get(key)
            if score is None:
                score = found[key] = next(coming)
                if score.share == 1:
                    self._known[key] = score
            if race:
                self._past.append((keeps, score))
            yield score

    def tell(self, past: Iterable[tuple[Keeps, Score]]) -> None:
        """Tell of scores from before an interruption, in order."""
        self._past = list(past)
        self._known = {keeps.tobytes(): score for keeps, score in self._past if score.share == 1}

    def _yardstick(self, together: int) -> Yardstick | None:
        """What is raced against, chosen anew every `ROUND` scores, and never within policies scored together."""
        period = -(-ROUND // together) * together
        panel = [self._past[index][0] for index in panel_of([score for _, score in self._past], period)]
        if not panel:
            return None
        unknown = [keeps for keeps in panel if self._known[keeps.tobytes()].answers is None]
        if unknown:  # they were scored before an interruption
            found = self._score_all(unknown, None)
            self._known |= {keeps.tobytes(): score for keeps, score in zip(unknown, found, strict=True)}
        answers = [self._known[keeps.tobytes()].answers for keeps in panel]
        return Yardstick.of([each for each in answers if each is not None], seed=len(self._past) // period)
