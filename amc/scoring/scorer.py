"""The scores of policies, remembered: what a search asks for, over and over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from types import TracebackType
from typing import Self

from amc.graph import KeptCounts
from amc.scoring.candidates import Candidates
from amc.scoring.engines.engine import Engine, MakeEngine, SerialEngine
from amc.scoring.racing import ROUND, RaceReference, choose_panel
from amc.scoring.score import Score
from amc.scoring.score_cache import ScoreCache

ScoreAll = Callable[[Sequence[KeptCounts], RaceReference | None], Iterable[Score]]
"""Scores policies in their order; given a reference, those that are surely worse are not scored to the end."""


class PolicyScorer:
    """Scores policies, and remembers the scores by the kept counts: the same counts give the same network.

    What was not scored to the end is no score of a network, and is forgotten. Which policies those are follows from all
    scores before, in order, so a search that is resumed tells of those first.

    Args:
        score_all: Scores policies, of which no two are the same.
        can_race: Whether `score_all` can compare them with a reference.
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

    def all(self, policies: Sequence[KeptCounts], *, race: bool = False, before: int = 0) -> Iterator[Score]:
        """The scores of several policies, in their order; with `race`, scores of bad policies may be estimates.

        `before` policies of the same round were scored before an interruption: the reference is that of the round.
        """
        race = race and self._can_race
        new = {
            kept_counts.tobytes(): kept_counts for kept_counts in policies if kept_counts.tobytes() not in self._known
        }
        race_reference = (
            self._race_reference(len(policies) + before, len(self._past) - before) if race and new else None
        )
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
        """Take over the scores from before an interruption, in order."""
        self._past = list(past)
        self._known = {kept_counts.tobytes(): score for kept_counts, score in self._past if score.share == 1}

    def _race_reference(self, round_size: int, begin: int) -> RaceReference | None:
        """The reference of a round that began after `begin` scores; it is chosen anew every `ROUND` scores."""
        period = -(-ROUND // round_size) * round_size
        panel = [self._past[index][0] for index in choose_panel([score for _, score in self._past[:begin]], period)]
        if not panel:
            return None
        unknown = [kept_counts for kept_counts in panel if self._known[kept_counts.tobytes()].answers is None]
        if unknown:  # they were scored before an interruption
            found = self._score_all(unknown, None)
            self._known |= {kept_counts.tobytes(): score for kept_counts, score in zip(unknown, found, strict=True)}
        answers = [self._known[kept_counts.tobytes()].answers for kept_counts in panel]
        return RaceReference.from_panel([each for each in answers if each is not None], seed=begin // period)


class Scorer(PolicyScorer):
    """Scores the policies of one task and owns what that takes: processes, caches, the number format.

    It is a context manager. Its engine begins with the first policy, and ends when the context is left; nothing is
    scored after that.

    Args:
        make_candidates: Makes the candidates of this process.
        make_engine: Makes the engine that scores them, in processes or elsewhere.
        can_race: Whether policies can be compared with a reference.
        open_cache: Opens what holds scores on the disk, given the candidates. What is in it is not scored again, and
            races are run on the answers there, with the same results; for that each network is scored to the end.
    """

    def __init__(
        self,
        make_candidates: Callable[[], Candidates],
        make_engine: MakeEngine = SerialEngine,
        *,
        can_race: bool,
        open_cache: Callable[[Candidates], ScoreCache] | None = None,
    ) -> None:
        super().__init__(self._score, can_race=can_race)
        self._make_candidates = make_candidates
        self._make_engine = make_engine
        self._engine: Engine | None = None
        self._open_cache = open_cache
        self._is_closed = False

    @cached_property
    def candidates(self) -> Candidates:
        """The candidates of this process; they are made at the first use."""
        return self._make_candidates()

    @cached_property
    def cache(self) -> ScoreCache | None:
        """The scores on the disk; None where none are kept."""
        return self._open_cache(self.candidates) if self._open_cache else None

    def _score(self, policies: Sequence[KeptCounts], race_reference: RaceReference | None) -> Iterator[Score]:
        if self._is_closed:
            raise ValueError("the scorer is closed; make another by Task.scorer")
        if self._engine is None:
            self._engine = self._make_engine(self.candidates)
        if self.cache is None:
            return self._engine(policies, race_reference)
        return self._cached(self._engine, self.cache, policies, race_reference)

    def _cached(
        self,
        engine: Engine,
        cache: ScoreCache,
        policies: Sequence[KeptCounts],
        race_reference: RaceReference | None,
    ) -> Iterator[Score]:
        known = [cache.get(kept_counts) for kept_counts in policies]
        coming = iter(engine([each for each, score in zip(policies, known, strict=True) if score is None], None))
        for kept_counts, found in zip(policies, known, strict=True):
            score = found or next(coming)
            if found is None:
                cache.put(kept_counts, score)
            if race_reference is None or score.answers is None:
                yield score
            else:
                yield self.candidates.raced(score.answers, race_reference)

    def close(self) -> None:
        """End the engine; it is safe to call this again."""
        self._is_closed = True
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        if cache := vars(self).pop("cache", None):
            cache.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
