"""The making of networks as they would be kept, for the few policies that a search ends with."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from agents.final_result import ScoredPolicy
from amc.compression.compressor import Compressor
from amc.graph import KeptCounts
from amc.task import Task

Tell = Callable[[str], None]
"""Is told what is done next, in a few words."""
MOST_HELD = 6
"""The number of networks that are held at the most; those that were asked for last."""


class PolicyMaker:
    """Makes the networks of policies as they would be kept, and scores them on all reward images, each once.

    Args:
        tell: Told what is made, before it is.
    """

    def __init__(self, tell: Tell = lambda _: None) -> None:
        self._tell = tell
        self._made: OrderedDict[tuple[Compressor, bytes], ScoredPolicy] = OrderedDict()

    def __call__(self, task: Task, kept_counts: KeptCounts, text: str) -> ScoredPolicy:
        """The policy with its compact network, scored on all reward images.

        Args:
            task: The task that the policy is for.
            kept_counts: How many units of each group are kept, `(groups,)`.
            text: What is told where the network has to be made.
        """
        key = task.compressor, kept_counts.tobytes()
        if key not in self._made:
            self._tell(text)
            network, selection = task.compact(kept_counts)
            accuracy = task.accuracy(network, task.splits.reward)
            self._made[key] = ScoredPolicy(kept_counts, network, selection, accuracy)
        self._made.move_to_end(key)
        if len(self._made) > MOST_HELD:
            self._made.popitem(last=False)
        return self._made[key]
