"""The options that choose the network, its images and its channels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated

from amc.utils.errors import UserError
from scripts.options.option_types import Form, Name, Repeated, Share, Size

Patterns = Annotated[Repeated, Form("PATTERN")]
AUTO = "auto"
"""The value of an option that stands for what the run recorded, where a search has another default."""


@dataclass(frozen=True)
class ImageOptions:
    """The preparation of images as inputs, where it differs from what is known of the network."""

    image_size: Size | None = None
    """Height x width of the input in pixels, or one number for both; default: that of the pretrained weights."""
    mean: tuple[float, ...] | None = None
    """Mean of each colour channel, of pixels in [0, 1]; default: that of the pretrained weights, else ImageNet's."""
    std: tuple[float, ...] | None = None
    """Standard deviation of each colour channel, of pixels in [0, 1]; default: that of the pretrained weights, else
    ImageNet's."""


@dataclass(frozen=True)
class NetworkOptions:
    """The network and its weights."""

    model: Name = "digits_resnet"
    """Network: a name (digits_resnet, resnet56, mobilenet_v1, ...), torchvision:NAME, timm:NAME or
    path/to/file.py:function."""
    weights: Name = "default"
    """Weights: a file of safetensors or torch.save, FILE:KEY for one of several sets of weights in it, or none for
    random ones; default: the packaged or pretrained ones, for a function those that it returns."""
    preparation: ImageOptions = field(default_factory=ImageOptions)
    input_spec: Annotated[str, Form("SHAPES")] | None = None
    """Shapes of the inputs without the batch, as 3x224x224, or 3x64x64,10:int64 where there are two; default: one image
    of --image-size. Where there is data, its inputs must have these shapes."""


@dataclass(frozen=True)
class DataOptions:
    """The images and their splits."""

    data: Name | None = None
    """Images: imagefolder:PATH (with train/, and val/, test/ or both), images:PATH (without labels, for --metric
    fidelity), masks:PATH (with train/, and val/, test/ or both, and images/ and masks/ in each),
    coco:IMAGES,ANNOTATIONS.json (one such pair, or one for each split), cifar10, digits or path/to/file.py:function."""
    calibration_images: int | None = None
    """Training images for least squares and batch-norm statistics; default: 1000, or all where there are fewer."""
    reward_split: int | None = None
    """Images of the reward split; default: all of val/, a tenth of the training images where there is none, a
    quarter of images without labels."""
    test_images: int | None = None
    """Images of the test split; default: all; a quarter of images without labels."""
    class_order: Name | None = None
    """How the folders of an image folder's classes are numbered: name, in the order of text (as torchvision's
    ImageFolder), or number, by the numbers in their names; default: name."""


@dataclass(frozen=True)
class ChannelOptions:
    """The channels that may be cut, and the steps in which they are."""

    round_to: Annotated[str, Form("N")] = "auto"
    """Number of channels that widths are multiples of; auto: the largest of 8, 4, 2, 1 that leaves a group 16 choices;
    device: widths that use --target to the full, by its latency table."""
    max_sparsity: Share = 0.8
    """Largest share of a group's channels that is cut, between 0 and 1."""
    freeze: Patterns = ()
    """Names of layers or modules whose output channels all stay, as patterns with * and ?. Default: none."""
    only: Patterns = ()
    """Names of the layers or modules whose output channels may be cut, as patterns with * and ?. Default: all."""


def join_repeated(repeated: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """All values of a repeated option in one tuple."""
    return tuple(word for words in repeated for word in words)


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
