"""The making of networks as they would be kept, for the few policies that a search ends with."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from agents.final_result import ScoredPolicy
from amc.compression.compressor import Compressor
from amc.graph import KeptCounts
from amc.task import Task
from amc.utils.copying import copy_network

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
            network, selection = task.compact(kept_counts, task.compared_recovery)
            accuracy = task.accuracy(network, task.splits.reward)
            self._made[key] = ScoredPolicy(kept_counts, network, selection, accuracy)
        self._made.move_to_end(key)
        if len(self._made) > MOST_HELD:
            self._made.popitem(last=False)
        return self._made[key]


def trained(task: Task, found: ScoredPolicy, tell: Tell = lambda _: None) -> ScoredPolicy:
    """The policy with its network trained by gradients, scored on all reward images.

    Args:
        task: The task that the policy is for.
        found: The policy with its network, recovered in closed form, which is not changed.
        tell: Told what is trained, before it is.
    """
    network, text_before = copy_network(found.network), ""

    def told(text: str, done: int, total: int) -> None:
        nonlocal text_before
        if text != text_before:
            tell(f"training {text}, after {done:,} of {total:,} steps")
        text_before = text

    task.train(network, found.kept_counts, told)
    return replace(found, network=network, reward_accuracy=task.accuracy(network, task.splits.reward))
