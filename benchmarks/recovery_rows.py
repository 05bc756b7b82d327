"""The measurements of `benchmarks.recovery` in a file: which images each pruned network answers right."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from amc.utils.files import write_json
from benchmarks.runs import machine

ORIGINAL = "original"
"""What stands in place of a recovery where nothing was pruned."""


class Place(NamedTuple):
    """What has to be equal for recoveries to be compared: each measures one network at one place.

    Attributes:
        model: The network's name.
        budget: The share of the MACs that is left.
        images: Calibration images.
        criterion: The criterion by which channels were chosen.
        seed: The seed of the images that were drawn.
    """

    model: str
    budget: float
    images: int
    criterion: str
    seed: int


@dataclass(frozen=True)
class Row:
    """One network that was pruned to a uniform policy and recovered.

    Attributes:
        model: The network's name.
        budget: The share of the MACs that is left, 1 for the original.
        images: Calibration images, 0 for the original.
        criterion: The criterion by which channels were chosen, empty for the original.
        seed: The seed of the images that were drawn.
        recovery: The recovery, or `original`.
        right: Whether each judged image was answered right, as `packed` makes it.
        judged: The number of judged images.
        seconds: Seconds from the analysed network to the recovered one, with what a search would compute once.
        cpu_seconds: The processor time of that, which other work on the machine does not add to.
    """

    model: str
    budget: float
    images: int
    criterion: str
    seed: int
    recovery: str
    right: str
    judged: int
    seconds: float
    cpu_seconds: float

    @property
    def place(self) -> Place:
        """Where it is compared with others."""
        return Place(self.model, self.budget, self.images, self.criterion, self.seed)

    @property
    def answers(self) -> Tensor:
        """Whether each judged image was answered right, `(images,)` bool."""
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(self.right), dtype=np.uint8), count=self.judged)
        return torch.from_numpy(bits.astype(np.bool_))


def packed(right: Tensor) -> str:
    """Bools `(images,)` as hexadecimal digits, of which each stands for four images."""
    return np.packbits(right.numpy()).tobytes().hex()


def read_rows(path: Path) -> list[Row]:
    """The rows of a file; none where there is no file yet."""
    return [Row(**row) for row in json.loads(path.read_text(encoding="utf-8"))["rows"]] if path.exists() else []


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as a file, which names the machine."""
    write_json(path, {"machine": machine(), "rows": [asdict(row) for row in rows]})
