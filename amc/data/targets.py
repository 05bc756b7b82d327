"""What belongs to the images of a task: a class, a mask, or the boxes of a detection network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from amc.utils.errors import UserError

Target = Any
"""The target of one image: a class as an int, a tensor such as a mask `(h, w)` or a number `()` that need not be whole,
or a dictionary of boxes as in torchvision."""
Targets = Any
"""The targets of several images: int64 `(n,)` of classes, `(n, ...)` of tensors of one shape, else a list."""


def collate_targets(targets: Sequence[Target]) -> Targets:
    """Put the targets of several images together.

    Raises:
        UserError: Some are classes and others are not.
    """
    are_classes = {isinstance(each, int) for each in targets}
    if len(are_classes) > 1:
        others = {type(each).__name__ for each in targets if not isinstance(each, int)}
        raise UserError(f"expected targets of one kind, got classes and {', '.join(sorted(others))}")
    if True in are_classes:
        return torch.tensor(targets, dtype=torch.int64)
    shapes = {each.shape if isinstance(each, Tensor) else None for each in targets}
    return torch.stack(list(targets)) if len(shapes) == 1 and None not in shapes else list(targets)


def select_targets(targets: Targets, places: Tensor) -> Targets:
    """The targets at `places`, int64 `(n,)`, in that order."""
    return targets[places] if isinstance(targets, Tensor) else [targets[place] for place in places.tolist()]


def join_targets(parts: Sequence[Targets]) -> Targets:
    """The targets of several batches, one after the other."""
    shapes = {part.shape[1:] if isinstance(part, Tensor) else None for part in parts}
    if len(shapes) == 1 and None not in shapes:
        return torch.cat(list(parts))
    return [target for part in parts for target in part]


def are_whole(targets: Tensor) -> bool:
    """Whether all targets are whole numbers, of whatever type."""
    return not targets.is_floating_point() or bool((targets == targets.long()).all())


def class_numbers(targets: Tensor) -> Tensor:
    """Classes as int64, from whole numbers of any type, such as floats or bools.

    Raises:
        UserError: Not all are whole.
    """
    if not are_whole(targets):
        raise UserError("expected whole numbers as the classes of images, and the data gives others")
    return targets.long()
