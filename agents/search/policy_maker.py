"""The making of networks as they would be kept, for the few policies that a search ends with."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

from torch import nn

from agents.final_result import ScoredPolicy
from amc.compression.compressor import Compressor
from amc.graph import KeptCounts
from amc.pruning.slicing import Selection
from amc.recovery.recoveries import Adjust
from amc.scoring.score import Score
from amc.task import Task
from amc.utils.copying import copy_network
from amc.utils.defaults import AUTO, BLOCKWISE, CLOSED_FORMS
from amc.utils.registry import name_of

Tell = Callable[[str], None]
"""Is told what is done next, in a few words."""
MOST_HELD = 6
"""The number of networks that are held at the most; those that were asked for last."""


class PolicyMaker:
    """Makes the networks of policies as they would be kept, and scores them on all reward images, each once.

    Where the recovery is to be the best closed form, or starts from it, the first policy decides which that is, for all
    others too.

    Args:
        tell: Told what is made, before it is.

    Attributes:
        recovery: The recovery that networks are made with; None before the first.
        recovery_scores: The score of each closed form with the first policy, by name; none where the user chose.
    """

    def __init__(self, tell: Tell = lambda _: None) -> None:
        self._tell = tell
        self._made: OrderedDict[tuple[Compressor, bytes], ScoredPolicy] = OrderedDict()
        self.recovery: str | Adjust | None = None
        self.recovery_scores: dict[str, float] = {}

    def decide(self, task: Task, kept_counts: KeptCounts) -> str:
        """The name of the recovery that networks are made with, which the policy `kept_counts` decides if none has.

        Args:
            task: The task that the policy is for.
            kept_counts: How many units of each group are kept, `(groups,)`.
        """
        if self.recovery is None and task.options.recovery in (AUTO, BLOCKWISE):
            choice = task.choose_recovery(kept_counts, lambda name: self._tell(f"making the best with {name} recovery"))
            self.recovery = choice.recovery
            self.recovery_scores = {name: found.metric for name, found in choice.scores.items()}
            self._keep(task, kept_counts, choice.network, choice.selection, choice.score)
        elif self.recovery is None:
            self.recovery = task.options.recovery
        return name_of(self.recovery)

    def decide_as(self, task: Task, recovery: str, scores: Mapping[str, float]) -> None:
        """Make networks with the recovery that was decided on before an interruption.

        Args:
            task: The task that policies are for.
            recovery: The name of that recovery.
            scores: The score of each closed form that it was chosen among, by name.
        """
        if task.options.recovery in (AUTO, BLOCKWISE):
            self.recovery, self.recovery_scores = recovery, dict(scores)

    def __call__(self, task: Task, kept_counts: KeptCounts, text: str) -> ScoredPolicy:
        """The policy with its compact network, scored on all reward images.

        Args:
            task: The task that the policy is for.
            kept_counts: How many units of each group are kept, `(groups,)`.
            text: What is told where the network has to be made.
        """
        self.decide(task, kept_counts)
        key = task.compressor, kept_counts.tobytes()
        if key not in self._made:
            self._tell(text)
            network, selection = task.compact(kept_counts, self.recovery)
            self._keep(task, kept_counts, network, selection, task.reward_score(network))
        self._made.move_to_end(key)
        return self._made[key]

    def _keep(
        self, task: Task, kept_counts: KeptCounts, network: nn.Module, selection: Selection, found: Score
    ) -> None:
        lost = task.compressor.lost if self.recovery == CLOSED_FORMS[0] else None  # of another network
        policy = ScoredPolicy.of(kept_counts, network, selection, found, lost)
        self._made[task.compressor, kept_counts.tobytes()] = policy
        if len(self._made) > MOST_HELD:
            self._made.popitem(last=False)


def trained(task: Task, found: ScoredPolicy, tell: Tell = lambda _: None) -> ScoredPolicy:
    """The policy with its network trained by gradients, scored on all reward images; `found` where that scores more.

    Training goes by calibration images, all of which the closed form has seen unless they are few.

    Args:
        task: The task that the policy is for.
        found: The policy with its network, recovered in closed form, which is not changed.
        tell: Told what is trained, before it is.
    """
    network, text_before = copy_network(found.network), ""

    def told(text: str, done: int, total: int) -> None:
        nonlocal text_before
        if text != text_before:
            tell(f"recovery: {text}, after {done:,} of {total:,} steps of training")
        text_before = text

    task.compressor.train(network, task.compressor.mask(found.kept_counts), told)
    policy = ScoredPolicy.of(found.kept_counts, network, found.selection, task.reward_score(network), found.lost)
    if policy.value >= found.value:
        return policy
    tell("training harmed on the reward images: the network stays as it was before")
    return found
