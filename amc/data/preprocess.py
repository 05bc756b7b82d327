"""How an image becomes the tensor that a network expects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from amc.data.image_size import ImageSize, sides
from amc.data.pixels import as_8_bits
from amc.utils.errors import UserError
from amc.utils.option_names import option

if TYPE_CHECKING:
    from torchvision.tv_tensors import TVTensor

Interpolation = Literal["nearest", "bilinear", "bicubic"]
CropMode = Literal["center", "squash", "border"]
"""How an image is resized before the crop, by timm's words.

`center` covers the size and keeps the image's shape, `squash` is just that size, and `border` lies within it, keeps the
image's shape and is framed in the mean colour.
"""
SCALE = "pixels are scaled to [0, 1] first, so divide what is meant for 0 to 255 by 255"


@dataclass(frozen=True)
class Preprocess:
    """The steps from an image to an input: resize, centre crop, scale to [0, 1], normalise.

    They are those of torchvision's classification weights and of timm's, pixel by pixel, done by Pillow alone:
    importing torchvision takes seconds.

    Attributes:
        image_size: Height and width of the input, in pixels; one number where they are equal.
        mean: Number subtracted from each channel, in [0, 1]; there is one (grey) or three (RGB).
        std: Number by which each channel is then divided, in (0, 1].
        resize_size: Height and width to which the image is resized before the crop, as `crop_mode` says, in pixels; one
            number where they are equal, None for those of the input.
        interpolation: How pixels are resized.
        crop_mode: How the image is fitted to that size.

    Raises:
        UserError: `mean` and `std` are not both of 1 or 3 numbers in [0, 1], or a size or `std` is not positive.
    """

    image_size: int | tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resize_size: int | tuple[int, int] | None = None
    interpolation: Interpolation = "bilinear"
    crop_mode: CropMode = "center"

    def __post_init__(self) -> None:
        if len(self.mean) not in (1, 3) or len(self.std) != len(self.mean):
            raise UserError(
                f"expected 1 (grey) or 3 (RGB) numbers as mean and as many as std, got {self.mean} and {self.std}"
            )
        if not all(0 <= value <= 1 for value in self.mean):
            raise UserError(f"expected numbers from 0 to 1 as mean, got {self.mean}; {SCALE}")
        if not all(0 < value <= 1 for value in self.std):
            raise UserError(f"expected numbers above 0, and 1 at the most, as std, got {self.std}; {SCALE}")
        sides(self.image_size)
        if self.resize_size is not None and np.min(self.resize_size) < 1:
            raise UserError(f"expected a size of at least 1 pixel before the crop, got {self.resize_size}")

    @property
    def channels(self) -> int:
        """The number of channels of an input: 1 (grey) or 3 (RGB)."""
        return len(self.mean)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one image's input: channels, height, width."""
        return self.channels, *sides(self.image_size)

    def __call__(self, image: Image.Image) -> Tensor:
        """Return the input [C, height, width] of one image, float32.

        Raises:
            UserError: The range of its pixels is unknown (`amc.data.pixels`).
        """
        pixels = as_8_bits(image, self.channels)
        height, width = self._resized(pixels.height, pixels.width)
        if (pixels.width, pixels.height) != (width, height):
            pixels = pixels.resize((width, height), Image.Resampling[self.interpolation.upper()])
        colour = tuple(round(255 * value) for value in self.mean) if self.crop_mode == "border" else 0
        cropped = Image.new(pixels.mode, sides(self.image_size)[::-1], colour)
        top, left = self._corner(height, width)
        cropped.paste(pixels, (-left, -top))
        scaled = torch.from_numpy(np.array(cropped)).reshape(*self.shape[1:], -1).permute(2, 0, 1).float().div(255)
        return scaled.contiguous().sub(_per_channel(self.mean)).div(_per_channel(self.std))

    def place(self, target: TVTensor) -> TVTensor:
        """Return a mask (h, w) or the boxes of an image, resized and cropped as the image is."""
        from torchvision.transforms.v2 import functional as F

        height, width = self._resized(*F.get_size(target))
        resized = F.resize(target, [height, width])
        placed: TVTensor = F.crop(resized, *self._corner(height, width), *sides(self.image_size))
        return placed

    def _resized(self, image_height: int, image_width: int) -> tuple[int, int]:
        """Height and width of the image before the crop."""
        height, width = sides(self.resize_size or self.image_size)
        if self.crop_mode == "squash":
            return height, width
        if self.crop_mode == "center" and height == width:
            if image_width <= image_height:
                return int(height * image_height / image_width), width
            return height, int(width * image_width / image_height)
        times_larger = image_height / height, image_width / width
        ratio = min(times_larger) if self.crop_mode == "center" else max(times_larger)
        return max(1, round(image_height / ratio)), max(1, round(image_width / ratio))

    def _corner(self, height: int, width: int) -> tuple[int, int]:
        """Top and left of the centre crop in an image of this size; negative where the image is smaller."""
        wanted_height, wanted_width = sides(self.image_size)
        return _before_crop(height, wanted_height), _before_crop(width, wanted_width)


def _before_crop(length: int, wanted: int) -> int:
    """How many pixels are left out in front of a centre crop; of a smaller image, how many are added, negative."""
    return round((length - wanted) / 2) if length >= wanted else -((wanted - length) // 2)


def _per_channel(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values).reshape(-1, 1, 1)


IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
IMAGENET = Preprocess(image_size=224, mean=IMAGENET_MEAN, std=IMAGENET_STD, resize_size=256)
CIFAR = Preprocess(image_size=32, mean=IMAGENET_MEAN, std=IMAGENET_STD)
DIGITS = Preprocess(image_size=8, mean=(0.305,), std=(0.376,))


def check_known(preprocess: Preprocess | None) -> Preprocess:
    """Return how images of a folder become inputs.

    Raises:
        UserError: It is unknown.
    """
    if preprocess is None:
        raise UserError(
            f"how images become inputs is unknown for this network; give {option('image_size')},"
            f" and {option('mean')} and {option('std')} if they are not ImageNet's"
        )
    return preprocess


def adapted(
    own: Preprocess | None,
    image_size: ImageSize | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Preprocess | None:
    """The `own` preprocessing of a network or of data, with what a user asks for in its place.

    Args:
        own: What is known; None where nothing is, and then a mean and standard deviation are those of ImageNet.
        image_size: Height and width of the input, in pixels; None to leave it as it is.
        mean: Mean of each colour channel, of pixels in [0, 1]; None to leave it as it is.
        std: Standard deviation of each colour channel, of pixels in [0, 1]; None to leave it as it is.

    Returns:
        The preprocessing; None where nothing is known and nothing is asked for.

    Raises:
        UserError: Values without an image size, of another number of colours, or out of range.
    """
    asked = {"image_size": image_size, "mean": _numbers("mean", mean), "std": _numbers("std", std)}
    changes: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    if not changes:
        return own
    if own is None:
        if image_size is None:
            raise UserError(
                f"{option('mean')} and {option('std')} need {option('image_size')} too, since the network has none of"
                " its own"
            )
        own = Preprocess(224, IMAGENET_MEAN, IMAGENET_STD)
    elif (given := {len(changes[name]) for name in ("mean", "std") if name in changes}) - {own.channels}:
        raise UserError(
            f"expected {option('mean')} and {option('std')} of {own.channels} each, one for each colour channel, got"
            f" {max(given)}"
        )
    if image_size is not None:
        height, width = sides(image_size)
        changes |= {"image_size": height if height == width else (height, width), "resize_size": None}
    return replace(own, **changes)


def _numbers(name: str, given: Sequence[float] | None) -> tuple[float, ...] | None:
    try:
        return None if given is None else tuple(map(float, given))
    except (TypeError, ValueError):
        raise UserError(f"expected numbers as {option(name)}, one for each colour channel, got {given!r}") from None
