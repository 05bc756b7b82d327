"""One of the best policies of a search, made again as it would be kept."""

from __future__ import annotations

from typing import NamedTuple


class Finalist(NamedTuple):
    """One of the best policies of a search, whose network was made again as it would be kept, and scored again.

    Attributes:
        episode: The index of the episode that decided it. Where a latency was measured, the policy may be that of the
            episode scaled down to the budget.
        search_accuracy: The score of the network that the search made of it, in [0, 1] for accuracies.
        reward_accuracy: The score of the network that would be kept, on all reward images.
        is_kept: Whether this is the policy that is kept.
    """

    episode: int
    search_accuracy: float
    reward_accuracy: float
    is_kept: bool
