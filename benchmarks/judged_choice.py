"""The closed form that one half of the judged images chooses, judged on the other half."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from amc.utils.defaults import CLOSED_FORMS
from benchmarks.recovery_rows import Row


class Choice(NamedTuple):
    """What choosing comes to.

    Attributes:
        names: What the first half of the images chose for the second, and the second for the first.
        answers: Whether each image is answered right by what the other half chose, `(images,)` bool.
    """

    names: tuple[str, str]
    answers: Tensor


def choose(rows: Mapping[str, Row]) -> Choice | None:
    """Choose the closed form that answers most images of a random half right, for each half, and judge on the other.

    It is what `auto` does (`amc.scoring.recovery_choice`), with half of the images. Every image judges, and none judges
    what it has chosen.

    Args:
        rows: What was measured at one place, by recovery.

    Returns:
        The choice; None where a candidate, one of `CLOSED_FORMS`, was not measured.
    """
    if any(way not in rows for way in CLOSED_FORMS):
        return None
    found = {way: rows[way].answers for way in CLOSED_FORMS}
    count = len(next(iter(found.values())))
    seed = next(iter(rows.values())).seed
    first, second = map(torch.from_numpy, np.array_split(np.random.default_rng(seed).permutation(count), 2))
    answers = torch.zeros(count, dtype=torch.bool)
    names = []
    for choosing, judging in ((first, second), (second, first)):
        best = max(found, key=lambda way: int(found[way][choosing].sum()))
        answers[judging] = found[best][judging]
        names.append(best)
    return Choice((names[0], names[1]), answers)
