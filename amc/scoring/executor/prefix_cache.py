"""Networks that begin alike are computed from where they part.

A search that varies the later groups of a policy makes networks whose first layers are the same to the last bit. What
those layers make of the images is kept at one split point, and the next network that comes to that point with the same
weights goes on from there. The answers are those of the whole network.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence, Set
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor, nn

from amc.artifacts.digests import tensor_bytes
from amc.replay.operator_program import BoundProgram, OperatorProgram, SplitPoint

Places = Tensor | slice
"""The positions of some images among all: int64 `(n,)`, or a slice."""

MOST_BYTES = 2**28
"""The size of what is kept, at the most."""
RECENT = 4
"""The number of latest networks that show where the next ones may part."""
WORTH_MOVING = 2
"""Another split point is taken once it saves so many times as much as the one where something is kept."""


class PrefixCache:
    """Runs networks on images, and computes what consecutive ones have in common once.

    Args:
        program: The operators of the networks.
        images: All inputs, `(N, c, h, w)`.

    Attributes:
        shared: The parameters and buffers of the network that was bound last that are read before the split point where
            something is, or will be, kept.
    """

    def __init__(self, program: OperatorProgram, images: Tensor) -> None:
        self._program, self._images = program, images
        most = MOST_BYTES / (len(images) * images.element_size())
        self._points = program.split_points
        self._gain = np.array([point.steps * (point.shape.numel() <= most) for point in self._points])
        self._recent: deque[Sequence[bytes]] = deque(maxlen=RECENT)
        self._place = -1  # among the split points; none yet
        self._digest = b""
        self._memory = images.new_empty(0)
        self._kept: Tensor | None = None  # (N, h, w, c), in that memory
        self._is_kept = torch.zeros(len(images), dtype=torch.bool)
        self.shared: Set[str] = frozenset()

    def bind(self, network: nn.Module) -> Callable[[Places], Tensor]:
        """A function that gives the network's output for the images at given places."""
        bound = self._program.bind(network)
        digests = self._digests(bound)
        self._choose(digests)
        self._recent.append(digests)
        is_known = self._is_known(digests)
        before = self._points[: self._place + 1] if is_known else []
        self.shared = frozenset(name for point in before for name in point.names)
        if not is_known:
            return lambda places: bound(self._images[places])
        point = self._points[self._place]
        return lambda places: self._run(bound, point, places)

    def _run(self, bound: BoundProgram, point: SplitPoint, places: Places) -> Tensor:
        if self._kept is not None and bool(self._is_kept[places].all()):
            rows = self._kept[places] if isinstance(places, slice) else self._kept.index_select(0, places)
            may_be_changed = isinstance(places, slice) and not point.is_final  # a slice is a view of what is kept
            return bound.run_from(point, (rows.clone() if may_be_changed else rows).permute(0, 3, 1, 2))
        tensor = bound.run_until(point, self._images[places])
        self._keep(tensor, places)
        return bound.run_from(point, tensor)

    def _keep(self, tensor: Tensor, places: Places) -> None:
        if not tensor.is_contiguous(memory_format=torch.channels_last):
            return
        rows = tensor.permute(0, 2, 3, 1)
        if self._kept is None:
            count = len(self._images) * rows[0].numel()
            if len(self._memory) < count or self._memory.dtype != rows.dtype:
                self._memory = rows.new_empty(count)
            self._kept = self._memory[:count].view(len(self._images), *rows.shape[1:])
        self._kept[places] = rows
        self._is_kept[places] = True

    def _choose(self, digests: Sequence[bytes]) -> None:
        """Choose the split point that saves most steps, over all recent networks that begin like this one."""
        alike = sum((np.array([a == b for a, b in zip(digests, each, strict=True)]) for each in self._recent), start=0)
        worth = np.append(self._gain * alike, 0)
        place = int(np.argmax(worth))
        if worth[place] > WORTH_MOVING * worth[self._place] * self._is_known(digests):
            self._place, self._digest = place, digests[place]
            self._kept = None
            self._is_kept.zero_()

    def _is_known(self, digests: Sequence[bytes]) -> bool:
        """Whether a network comes to the chosen split point with the same weights."""
        return self._place >= 0 and digests[self._place] == self._digest

    def _digests(self, bound: BoundProgram) -> list[bytes]:
        """The digests of all weights that are read before each split point."""

        def extended(before: bytes, point: SplitPoint) -> bytes:
            digest = hashlib.sha256(before)
            for tensor in (bound.tensors[name] for name in point.names):
                digest.update(repr(tensor.shape).encode() + tensor_bytes(tensor))
            return digest.digest()

        return list(accumulate(self._points, extended, initial=b""))[1:]
