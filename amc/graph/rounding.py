"""How many units of a group may stay: rounding to what hardware likes, and the least that is kept."""

from __future__ import annotations

import math


def choices(units: int, channels_per_unit: int, round_to: int | None, max_sparsity: float) -> tuple[int, ...]:
    """Numbers of units that may stay, ascending; the last is `units`.

    All but the last are multiples of a step: the smallest number of units whose channels are a multiple of
    `round_to`, or for None ("auto") the largest of 8, 4, 2, 1 that leaves at least 16 choices (8 from a width of 128
    on, 1 at 16). At least one step, and at least `1 - max_sparsity` of the units, always stays; a group narrower than
    a step keeps everything.
    """
    if round_to is None:
        step = next((size for size in (8, 4, 2) if units >= 16 * size), 1)
    else:
        step = round_to // math.gcd(round_to, channels_per_unit)
    least = step * max(1, math.ceil((1 - max_sparsity) * units / step - 1e-9))
    return (*range(least, units, step), units)
