"""Options that several entry points share, and what they stand for."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor, nn

from amc.data.classes import fit_classes
from amc.data.load import Splits, load_data
from amc.data.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess
from amc.data.splits import SplitSizes
from amc.errors import UserError
from amc.evaluate import METRICS, check_runs
from amc.networks import Network, load_network
from amc.userfile import is_user_function

T = TypeVar("T")


@dataclass(frozen=True)
class NetworkOptions:
    """Which network."""

    model: str = "digits_resnet"
    """Network: a name (digits_resnet, resnet20, resnet56, ...), torchvision:NAME, timm:NAME or
    path/to/file.py:function."""
    weights: str = "default"
    """Its weights: a .safetensors, .pt, .pth or .th file, default for the packaged or torchvision's pretrained ones
    (for a function: as it returns them), none for random ones."""
    image_size: int | None = None
    """Height and width of the input, in pixels; default: that of the pretrained weights."""
    mean: tuple[float, ...] | None = None
    """Mean of each colour channel, of pixels in [0, 1]; default: that of the pretrained weights."""
    std: tuple[float, ...] | None = None
    """Standard deviation of each colour channel, of pixels in [0, 1]; default: that of the pretrained weights."""

    def load(self) -> Network:
        """The network with its weights, and its preprocessing with what was asked for in place of its own."""
        network = load_network(self.model, self.weights)
        return dataclasses.replace(network, preprocess=self._preprocess(network.preprocess))

    def _preprocess(self, own: Preprocess | None) -> Preprocess | None:
        asked: dict[str, Any] = {"image_size": self.image_size, "mean": self.mean, "std": self.std}
        changes = {name: value for name, value in asked.items() if value is not None}
        if not changes:
            return own
        if own is None:
            if self.image_size is None:
                raise UserError("--mean and --std need --image-size too, since the network has none of its own")
            own = Preprocess(self.image_size, IMAGENET_MEAN, IMAGENET_STD)
        if self.image_size is not None:
            if self.image_size < 1:
                raise UserError(f"expected --image-size above 0 pixels, got {self.image_size}")
            changes["resize_size"] = None
        try:
            return dataclasses.replace(own, **changes)
        except ValueError as error:
            raise UserError(f"--mean and --std: {error}") from error


@dataclass(frozen=True)
class DataOptions:
    """Which images."""

    data: str = "digits"
    """Images: digits, cifar10, imagefolder:PATH (with train/, and val/, test/ or both) or path/to/file.py:function."""
    calibration_images: int | None = None
    """Training images for least squares and batch-norm statistics; default: 1000, or all where there are fewer."""
    reward_split: int | None = None
    """Images of the reward split; default: all of val/, or a tenth of the training images where there is none."""
    test_images: int | None = None
    """Images of the test split; default: all."""

    def load(self, network: Network, metric: str, seed: int, progress: bool) -> Splits:
        """The splits, with targets that are the network's outputs where the metric compares them."""
        sizes = SplitSizes(self.calibration_images, self.reward_split, self.test_images)
        splits = load_data(self.data, network.preprocess, sizes, seed, progress)
        if metric not in METRICS:
            return splits
        return fit_classes(splits, _classes(network.model, splits.calibration.example(1)), network.class_names)


def check_seed(seed: int) -> None:
    """Raise a UserError for a seed that NumPy's generators do not take."""
    if not 0 <= seed < 2**32:
        raise UserError(f"expected --seed of 0 or more, and below 2^32, got {seed}")


def rounding(round_to: str) -> int | None:
    """`--round-to` as a number; None for auto."""
    if round_to == "auto":
        return None
    if not round_to.isdecimal() or int(round_to) < 1:
        raise UserError(f"expected --round-to auto or a whole number of channels above 0, got {round_to!r}")
    return int(round_to)


def not_imported(value: T, option: str, *, given: bool) -> T:
    """Refuse a user's function that only a run's file names."""
    if isinstance(value, str) and is_user_function(value) and not given:
        raise UserError(f"the run used {option} {value}, which is not imported from a run's files; give {option} again")
    return value


def check_command(folder: Path, arguments: Mapping[str, Any]) -> str:
    """What scores the results of a run again; the user's functions are named, since none is imported from files."""
    words = ["python", "-m", "scripts.evaluate", "--run-dir", str(folder)]
    for option in ("model", "data", "metric"):
        words += [f"--{option}", arguments[option]] * is_user_function(arguments[option])
    return shlex.join(words)


def _classes(model: nn.Module, example: Tensor) -> int:
    outputs = check_runs(model, example)
    if not isinstance(outputs, Tensor) or outputs.ndim != 2:
        raise UserError(
            "top1 and top5 need a network that returns one row of class scores per image;"
            " give --metric path/to/file.py:function for other tasks"
        )
    return outputs.shape[1]
