"""What `summary.json` tells of a search that has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from amc.artifacts.checked_json import Count
from amc.cost.costs import LATENCY
from amc.recovery.layer_problem import LostShares
from amc.scoring.paired_test import Drop


@dataclass(frozen=True)
class RunSources:
    """The arguments of a run that may name a user's own file, and its recoveries; earlier versions lack the latter."""

    model: str
    data: str
    metric: str
    recovery: str | None = None
    search_recovery: str | None = None


@dataclass(frozen=True)
class Interval:
    """A difference of two accuracies on the same images, in [-1, 1], and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class CalibrationLost:
    """What is lost of layers' outputs, as `amc.recovery.layer_problem.LostShares` describes it."""

    seen: float
    held_out: float
    takes_more: bool = True


@dataclass(frozen=True)
class FinalistScores:
    """The scores of a finalist, as `agents.final_result.Finalist` describes them."""

    episode: Count
    search_accuracy: float
    reward_accuracy: float
    is_kept: bool


@dataclass(frozen=True)
class JudgedBudget:
    """What came of one budget of a search for the least one, as `agents.judgement.Judgement` describes it."""

    budget: tuple[str, ...]
    drop: float
    judged_drop: float | None
    holds: bool


@dataclass(frozen=True)
class RunSummary:
    """The numbers of a search that has ended, as far as its report shows them; accuracies are in [0, 1].

    Attributes:
        original_accuracy, uniform_accuracy, zero_shot_accuracy, policy_accuracy: Scores on the reward images.
        test_accuracy_original, test_accuracy_uniform, test_accuracy_zero_shot, test_accuracy_policy: Scores on the
            test images.
        untrained_accuracy, test_accuracy_untrained: Those of the found network before it was trained by gradients; None
            where it was not.
        macs_after, params_after, memory_after, latency_after_ms: Costs of the network that was found.
        episodes: How many policies were scored.
        wall_seconds: How long the run took in all.
        arguments: What the run was begun with.
        interrupted: Whether Ctrl-C ended the search.
        test_drop: What the found network loses against the original on the test images; None for metrics other than
            top1 and top5, and for runs of earlier versions.
        test_difference_to_uniform: What it gains over the uniform one, likewise; before it was trained by gradients.
        finalists: The policies that were made again as they would be kept; none in runs of earlier versions.
        recovery_taken: The name of the recovery that these were made with; None in runs of earlier versions.
        recovery_scores: The score of each closed form that it was chosen among, by name; none where the user chose.
        calibration_lost: What layers lose of their outputs on calibration images seen and held out; None for plenty.
        max_drop, minimise, drop, drop_interval, passed_over: What came of a search for the cheapest network that is
            good enough, as `agents.judgement.GoalReached` describes it; None for one within a budget.
        judged: What came of each budget of such a search.
    """

    original_accuracy: float
    uniform_accuracy: float
    policy_accuracy: float
    test_accuracy_original: float
    test_accuracy_uniform: float
    test_accuracy_policy: float
    macs_after: Count
    params_after: Count
    memory_after: Count
    episodes: Count
    wall_seconds: float
    arguments: RunSources
    interrupted: bool = False
    zero_shot_accuracy: float | None = None
    test_accuracy_zero_shot: float | None = None
    untrained_accuracy: float | None = None
    test_accuracy_untrained: float | None = None
    latency_after_ms: float | None = None
    test_drop: Interval | None = None
    test_difference_to_uniform: Interval | None = None
    finalists: tuple[FinalistScores, ...] = ()
    recovery_taken: str | None = None
    recovery_scores: dict[str, float] = field(default_factory=dict)
    calibration_lost: CalibrationLost | None = None
    max_drop: float | None = None
    minimise: str | None = None
    drop: float | None = None
    drop_interval: tuple[float, float] | None = None
    passed_over: Count = 0
    judged: tuple[JudgedBudget, ...] = ()

    @property
    def gain_over_uniform(self) -> float:
        """By how much the found network scores more than the uniform one on the test images, both in closed form."""
        untrained, policy = self.test_accuracy_untrained, self.test_accuracy_policy
        return (policy if untrained is None else untrained) - self.test_accuracy_uniform

    @property
    def lost(self) -> LostShares | None:
        """What is lost of layers' outputs on calibration images, where it is known."""
        return LostShares(**vars(self.calibration_lost)) if self.calibration_lost else None

    @property
    def drop_on_test(self) -> Drop | None:
        """The fall from the original to the found network on the test images, where its interval is known."""
        return Drop(**vars(self.test_drop)) if self.test_drop else None

    @property
    def difference_to_uniform(self) -> Drop | None:
        """The gain of the found network over the uniform one on the test images, where its interval is known."""
        return Drop(**vars(self.test_difference_to_uniform)) if self.test_difference_to_uniform else None

    @property
    def kept_episode(self) -> int | None:
        """The index of the episode whose policy is kept; None where that is not known."""
        return next((each.episode for each in self.finalists if each.is_kept), None)

    @property
    def costs(self) -> Mapping[str, float]:
        """The costs of the network that was found, by kind; latency where the search knew it."""
        latency = {} if self.latency_after_ms is None else {LATENCY: self.latency_after_ms}
        return {"macs": self.macs_after, "params": self.params_after, "memory": self.memory_after, **latency}
