"""One search of a comparison: half of the reward images are searched on, the other half judges what is found."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from agents.episode import Episode, best_so_far
from agents.report.strategies.cell import Cell, CellKey, HalfScores, Reached
from agents.report.terminal.progress import search_progress
from agents.search.episode_log import EpisodeLog
from agents.search.final import final_result, score_on_test
from agents.search.plan import SearchPlan
from agents.search.stages import Stages
from agents.strategy import NO_PAST
from amc.artifacts.digests import images_digest
from amc.cost.costs import macs
from amc.data.halves import halves
from amc.data.images import Images
from amc.data.load import Splits
from amc.latency.fingerprint import cpu_name
from amc.task import Task
from amc.utils.defaults import AUTO, BLOCKWISE


@dataclass(frozen=True)
class HalvedImages:
    """The images of the searches with one seed.

    Attributes:
        splits: The splits, whose reward images are the half that is searched on.
        judge: The other half.
    """

    splits: Splits
    judge: Images

    @property
    def digest(self) -> str:
        """The digest of all images but those to train on, which tells them from others."""
        splits = self.splits
        return images_digest(splits.calibration, splits.reward, self.judge, splits.test)


def halved(splits: Splits, seed: int) -> HalvedImages:
    """The images of the searches with a seed, which divides the reward images.

    Raises:
        UserError: There are fewer than two reward images.
    """
    searched, judge = halves(splits.reward, seed)
    return HalvedImages(replace(splits, reward=searched), judge)


def search_cell(key: CellKey, task: Task, images: HalvedImages, plan: SearchPlan, *, quiet: bool = True) -> Cell:
    """Search by one strategy, and judge what it found on images that it did not see.

    Args:
        key: What tells the search from the others.
        task: The network with the half of the images that is searched on, at the search's budget.
        images: The images of the task, and the half that judges.
        plan: The strategy, the number of evaluations and the seed.
        quiet: Whether no progress is shown.

    Raises:
        UserError: Too few evaluations for the strategy, or a plan that does not fit the task.
    """
    judge = images.judge
    begun, clock = time.perf_counter(), list[float]()
    with Stages(task, plan) as stages:
        whole = macs(task.graph)(task.graph.full)
        with search_progress(stages.planned, whole, quiet, metric=task.metric_name) as show:
            log = EpisodeLog(lambda _: clock.append(time.perf_counter() - begun), show)
            stages.search(log, NO_PAST)
        seconds = time.perf_counter() - begun
        final = final_result(stages.current, log.episodes, task.accuracy(task.model, task.splits.reward))
        test = score_on_test(stages.current.task, final)
    uniform, found, tested = final.uniform, final.policy, test.policy
    if final.untrained is not None and test.untrained is not None:  # all are compared in closed form
        found, tested = final.untrained, test.untrained
    bests = [*_bests(log.episodes, clock)]
    return Cell(
        *key,
        images=images.digest,
        machine=cpu_name(),
        evaluations=len(log.episodes),
        seconds=seconds,
        recovery=final.recovery,
        kept_counts=tuple(found.kept_counts.tolist()),
        left={kind: cost.ratio for kind, cost in final.costs.items()},
        original=HalfScores(final.original_accuracy, task.accuracy(task.model, judge), test.original),
        uniform=HalfScores(uniform.reward_accuracy, task.accuracy(uniform.network, judge), test.uniform),
        found=HalfScores(found.reward_accuracy, task.accuracy(found.network, judge), tested),
        best_so_far=tuple(best.reached(best.episode.outcome.accuracy) for best in _changes(bests)),
        judged=tuple(_judged(task, judge, final.recovery, _looked_at(bests))),
    )


class _Best(NamedTuple):
    """The best episode after a number of evaluations, and the seconds until then."""

    evaluations: int
    seconds: float
    episode: Episode

    def reached(self, score: float) -> Reached:
        return Reached(self.evaluations, self.seconds, score)


def _bests(episodes: Sequence[Episode], clock: Sequence[float]) -> Iterator[_Best]:
    """The best after each evaluation, from the first policy within the budget on."""
    for number, (best, seconds) in enumerate(zip(best_so_far(episodes), clock, strict=True), 1):
        if best is not None:
            yield _Best(number, seconds, best)


def _changes(bests: Sequence[_Best]) -> Iterator[_Best]:
    """The first best, and each that is another than the one before it."""
    yield bests[0]
    yield from (after for before, after in pairwise(bests) if after.episode is not before.episode)


def _looked_at(bests: Sequence[_Best]) -> Iterator[_Best]:
    """The bests that are judged: the first, those after a power of two of evaluations, and the last."""
    return (each for each in bests if each.evaluations.bit_count() == 1 or each in (bests[0], bests[-1]))


def _judged(task: Task, judge: Images, recovery: str, bests: Iterable[_Best]) -> Iterator[Reached]:
    """The scores of policies on the judging half, made as they would be kept, each once."""
    options, known = task.options, dict[bytes, float]()
    how = recovery if options.recovery in (AUTO, BLOCKWISE) else options.recovery
    for best in bests:
        kept_counts = best.episode.kept_counts
        if kept_counts.tobytes() not in known:
            network, _ = task.compact(kept_counts, how)
            known[kept_counts.tobytes()] = task.accuracy(network, judge)
        yield best.reached(known[kept_counts.tobytes()])
