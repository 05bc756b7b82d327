"""Networks that begin alike are computed from where they part.

A search that varies the later groups of a policy makes networks whose first layers are the same to the last bit. What
those make of the images is kept at one place of the network, and the next network that comes to that place with the
same weights goes on from there. The answers are those of the whole network.
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
from amc.scoring.executor.operator_program import BoundProgram, OperatorProgram, SplitPoint

Places = Tensor | slice
"""Of images among all: int64 `(n,)`, or neighbours."""

MOST_BYTES = 2**28
"""That are kept at the most."""
RECENT = 4
"""How many of the latest networks show where the next ones may part."""
WORTH_MOVING = 2
"""So many times as much must another place save as the one where something is kept."""


class PrefixCache:
    """Runs networks on images, and keeps what several of them have in common.

    Args:
        tape: Of the networks.
        images: All inputs, `(N, c, h, w)`.

    Attributes:
        shared: Of the network that was last asked for: the parameters and buffers that are read before the place where
            something is, or will be, kept.
    """

    def __init__(self, program: OperatorProgram, images: Tensor) -> None:
        self._program, self._images = program, images
        most = MOST_BYTES / (len(images) * images.element_size())
        self._cuts = program.cuts
        self._gain = np.array([cut.steps * (cut.shape.numel() <= most) for cut in program.cuts])
        self._recent: deque[Sequence[bytes]] = deque(maxlen=RECENT)
        self._place = -1  # among the cuts; none yet
        self._digest = b""
        self._room = images.new_empty(0)
        self._kept: Tensor | None = None  # (N, h, w, c), in the room
        self._is_kept = torch.zeros(len(images), dtype=torch.bool)
        self.shared: Set[str] = frozenset()

    def of(self, network: nn.Module) -> Callable[[Places], Tensor]:
        """What computes as `network` does for the images at given places."""
        play = self._program.of(network)
        digests = self._digests(play)
        self._choose(digests)
        self._recent.append(digests)
        is_known = self._is_known(digests)
        before = self._cuts[: self._place + 1] if is_known else []
        self.shared = frozenset(name for cut in before for name in cut.names)
        if not is_known:
            return lambda places: play(self._images[places])
        cut = self._cuts[self._place]
        return lambda places: self._run(play, cut, places)

    def _run(self, play: BoundProgram, cut: SplitPoint, places: Places) -> Tensor:
        if self._kept is not None and bool(self._is_kept[places].all()):
            rows = self._kept[places] if isinstance(places, slice) else self._kept.index_select(0, places)
            is_view = isinstance(places, slice) and not cut.is_left
            return play.since(cut, (rows.clone() if is_view else rows).permute(0, 3, 1, 2))
        tensor = play.until(cut, self._images[places])
        self._keep(tensor, places)
        return play.since(cut, tensor)

    def _keep(self, tensor: Tensor, places: Places) -> None:
        if not tensor.is_contiguous(memory_format=torch.channels_last):
            return
        rows = tensor.permute(0, 2, 3, 1)
        if self._kept is None:
            count = len(self._images) * rows[0].numel()
            if len(self._room) < count or self._room.dtype != rows.dtype:
                self._room = rows.new_empty(count)
            self._kept = self._room[:count].view(len(self._images), *rows.shape[1:])
        self._kept[places] = rows
        self._is_kept[places] = True

    def _choose(self, digests: Sequence[bytes]) -> None:
        """Where to keep what networks like this one have in common: it saves steps for as many as begin like it."""
        alike = sum((np.array([a == b for a, b in zip(digests, each, strict=True)]) for each in self._recent), start=0)
        worth = np.append(self._gain * alike, 0)
        place = int(np.argmax(worth))
        if worth[place] > WORTH_MOVING * worth[self._place] * self._is_known(digests):
            self._place, self._digest = place, digests[place]
            self._kept = None
            self._is_kept.zero_()

    def _is_known(self, digests: Sequence[bytes]) -> bool:
        """Whether a network comes to the place with the same weights."""
        return self._place >= 0 and digests[self._place] == self._digest

    def _digests(self, play: BoundProgram) -> list[bytes]:
        """At each cut, of all weights that are read before it."""

        def extended(before: bytes, cut: SplitPoint) -> bytes:
            digest = hashlib.sha256(before)
            for tensor in (play.tensors[name] for name in cut.names):
                digest.update(repr(tensor.shape).encode() + tensor_bytes(tensor))
            return digest.digest()

        return list(accumulate(self._cuts, extended, initial=b""))[1:]
