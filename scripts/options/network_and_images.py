"""The options that choose the network, its images and its channels, and the objects that are loaded by them."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

import torch
import tyro
from torch import Tensor, nn

from amc.data.class_mapping import map_classes
from amc.data.load import Splits, load_splits
from amc.data.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess
from amc.data.splits import SplitSizes
from amc.graph.input_spec import describe_inputs, zero_inputs
from amc.graph.inputs import Example
from amc.networks.sources import Network, load_network
from amc.scoring.metrics import METRICS, check_runs
from amc.utils.errors import UserError
from amc.utils.user_file import is_user_function

T = TypeVar("T")
CLASS_ORDER = "name"
Repeated = Annotated[tuple[tuple[str, ...], ...], tyro.conf.UseAppendAction]
"""The type of an option that takes several values, and may be given several times."""


@dataclass(frozen=True)
class ImageOptions:
    """The preparation of images as inputs, where it differs from what is known of the network."""

    image_size: int | None = None
    """Height and width of the input, in pixels; default: that of the pretrained weights."""
    mean: tuple[float, ...] | None = None
    """Mean of each colour channel, of pixels in [0, 1]; default: that of the pretrained weights."""
    std: tuple[float, ...] | None = None
    """Standard deviation of each colour channel, of pixels in [0, 1]; default: that of the pretrained weights."""

    def preprocess(self, own: Preprocess | None) -> Preprocess | None:
        """The network's `own` preprocessing with what was asked for in its place; None where there is neither.

        Raises:
            UserError: Values without an image size, of another number of colours, or an image size below 1.
        """
        asked: dict[str, Any] = {"image_size": self.image_size, "mean": self.mean, "std": self.std}
        changes = {name: value for name, value in asked.items() if value is not None}
        if not changes:
            return own
        if own is None:
            if self.image_size is None:
                raise UserError("--mean and --std need --image-size too, since the network has none of its own")
            own = Preprocess(self.image_size, IMAGENET_MEAN, IMAGENET_STD)
        elif (given := {len(values) for values in (self.mean, self.std) if values is not None}) - {own.channels}:
            raise UserError(
                f"expected --mean and --std of {own.channels} each, one for each colour channel, got {max(given)}"
            )
        if self.image_size is not None:
            if self.image_size < 1:
                raise UserError(f"expected --image-size above 0 pixels, got {self.image_size}")
            changes["resize_size"] = None
        return dataclasses.replace(own, **changes)


@dataclass(frozen=True)
class NetworkOptions:
    """The network and its weights."""

    model: str = "digits_resnet"
    """Network: a name (digits_resnet, resnet56, mobilenet_v1, ...), torchvision:NAME, timm:NAME or
    path/to/file.py:function."""
    weights: str = "default"
    """Weights: a file of safetensors or torch.save, FILE:KEY for one of several sets of weights in it, default for
    the packaged or torchvision's pretrained ones (for a function: as it returns them), none for random ones."""
    preparation: tyro.conf.OmitArgPrefixes[ImageOptions] = field(default_factory=ImageOptions)
    input_spec: str | None = None
    """Shapes of the inputs without the batch, as 3x224x224, or 3x64x64,10:int64 where there are two; default: one image
    of --image-size. Where there is data, its inputs must have these shapes."""

    def example(self, network: Network) -> Example:
        """An input of zeros `(1, ...)`, or several, for an analysis without data.

        Raises:
            UserError: The size of the input is not known, or is given twice.
        """
        if self.input_spec is not None:
            if self.preparation.image_size is not None:
                raise UserError("--input-spec says the whole shape of each input; leave --image-size out")
            return zero_inputs(self.input_spec)
        if network.preprocess is None:
            raise UserError(f"the input size of {network.name} is not known; give --image-size or --input-spec")
        return torch.zeros(1, *network.preprocess.shape)

    def check_inputs(self, example: Example) -> None:
        """Raise a UserError where the inputs that the data gives are not those of --input-spec."""
        if self.input_spec is not None and describe_inputs(zero_inputs(self.input_spec)) != describe_inputs(example):
            raise UserError(f"the data gives inputs of {describe_inputs(example)}, got --input-spec {self.input_spec}")

    def load(self, *, quiet: bool = False) -> Network:
        """The network with its weights, and with the preprocessing that was asked for in place of its own.

        Notes on the weights are printed on standard error unless `quiet`.

        Raises:
            UserError: An unknown network, or weights that can't be read or do not fit.
        """
        network = load_network(self.model, self.weights)
        for note in () if quiet else network.notes:
            print(f"note: {note}", file=sys.stderr)
        return dataclasses.replace(network, preprocess=self.preparation.preprocess(network.preprocess))


@dataclass(frozen=True)
class DataOptions:
    """The images and their splits."""

    data: str = "digits"
    """Images: digits, cifar10, imagefolder:PATH (with train/, and val/, test/ or both) or path/to/file.py:function."""
    calibration_images: int | None = None
    """Training images for least squares and batch-norm statistics; default: 1000, or all where there are fewer."""
    reward_split: int | None = None
    """Images of the reward split; default: all of val/, or a tenth of the training images where there is none."""
    test_images: int | None = None
    """Images of the test split; default: all."""
    class_order: str | None = None
    """How the folders of an image folder's classes are numbered: name, in the order of text (as torchvision's
    ImageFolder), or number, by the numbers in their names; default: name."""

    def load(self, network: Network, metric: str, seed: int, progress: bool) -> Splits:
        """The splits, with labels in the order of the network's classes where the metric compares them.

        With `progress`, bars are shown while images are read, and notes on the data are printed.

        Raises:
            UserError: Data that can't be read, or classes that the network does not have.
        """
        sizes = SplitSizes(self.calibration_images, self.reward_split, self.test_images)
        splits = load_splits(
            self.data, network.preprocess, sizes, seed, progress, class_order=self.class_order or CLASS_ORDER
        )
        if progress:
            print_notes(splits)
        if metric not in METRICS:
            return splits
        return map_classes(splits, _classes(network.model, splits.calibration.example(1)), network.class_names)


@dataclass(frozen=True)
class ChannelOptions:
    """The channels that may be cut, and the steps in which they are."""

    round_to: str = "auto"
    """Number of channels that widths are multiples of; auto: the largest of 8, 4, 2, 1 that leaves a group 16 choices;
    device: widths that use --target to the full, by its latency table."""
    max_sparsity: float = 0.8
    """Largest share of a group's channels that is cut, between 0 and 1."""
    freeze: Repeated = ()
    """Names of layers or modules whose output channels all stay, as patterns with * and ?. Default: none."""
    only: Repeated = ()
    """Names of the layers or modules whose output channels may be cut, as patterns with * and ?. Default: all."""


def print_notes(splits: Splits) -> None:
    """Print the notes on the data on standard error."""
    for note in splits.notes:
        print(note, file=sys.stderr)


def join_repeated(repeated: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """All values of a repeated option in one tuple."""
    return tuple(word for words in repeated for word in words)


def check_seed(seed: int) -> None:
    """Raise a UserError for a seed that NumPy's generators do not take."""
    if not 0 <= seed < 2**32:
        raise UserError(f"expected --seed of 0 or more, and below 2^32, got {seed}")


def parse_rounding(round_to: str) -> int | None:
    """The number of channels that `--round-to` gives; None for auto.

    Raises:
        UserError: Neither auto nor a whole number above 0.
    """
    if round_to == "auto":
        return None
    if not round_to.isdecimal() or int(round_to) < 1:
        raise UserError(f"expected --round-to auto, device or a whole number of channels above 0, got {round_to!r}")
    return int(round_to)


def require_given(value: T, option: str, *, given: bool) -> T:
    """The value of an option, which must be `given` on the command line where it names a user's function.

    Raises:
        UserError: Only the file of a run names the function, which is not reason enough to import it.
    """
    if isinstance(value, str) and is_user_function(value) and not given:
        raise UserError(f"the run used {option} {value}, which is not imported from a run's files; give {option} again")
    return value


def _classes(model: nn.Module, example: Example) -> int:
    outputs = check_runs(model, example)
    if not isinstance(outputs, Tensor) or outputs.ndim != 2:
        raise UserError(
            "top1 and top5 need a network that returns one row of class scores per image;"
            " give --metric path/to/file.py:function for other tasks"
        )
    return outputs.shape[1]
