"""The numbers of units of a group that may stay: rounded to what hardware likes, and never too few."""

from __future__ import annotations

import math


def choices(units: int, channels_per_unit: int, round_to: int | None, max_sparsity: float) -> tuple[int, ...]:
    """Return the numbers of units that may stay, ascending; the last is `units`.

    All but the last are multiples of a step. The step is the smallest number of units whose channels are a multiple of
    `round_to`; for None ("auto") it is the largest of 8, 4, 2, 1 that leaves at least 16 choices (8 from a width of 128
    on, 1 at 16). At least one step, and at least `1 - max_sparsity` of the units, always stays; a group narrower than a
    step stays whole.

    Args:
        units: Units of the group.
        channels_per_unit: Channels of its first producer that one unit stands for.
        round_to: Multiple of channels that may stay, or None.
        max_sparsity: Largest share of the units that may be cut, in [0, 1].
    """
    if round_to is None:
        step = next((size for size in (8, 4, 2) if units >= 16 * size), 1)
    else:
        step = round_to // math.gcd(round_to, channels_per_unit)
    least = step * max(1, math.ceil((1 - max_sparsity) * units / step - 1e-9))
    return (*range(least, units, step), units)
