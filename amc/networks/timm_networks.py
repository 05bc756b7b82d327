"""Networks of timm, which is an optional dependency."""

from __future__ import annotations

import importlib

from torch import nn

from amc.data.preprocess import Preprocess
from amc.utils.errors import UserError
from amc.utils.text import did_you_mean, one_line


def timm_network(name: str, pretrained: bool) -> tuple[nn.Module, Preprocess]:
    """Return a network by timm's name, and how the images of its weights were made into inputs.

    Without `pretrained`, the weights are random, and the preprocessing is timm's default for that name.

    Raises:
        UserError: timm is not installed, the name is unknown, or the weights do not exist or can't be downloaded.
    """
    try:
        timm = importlib.import_module("timm")
    except ImportError as error:
        raise UserError(f"timm:{name} needs timm; install it with: pip install 'amc-pruning[timm]'") from error
    if not timm.is_model(name.partition(".")[0]):
        raise UserError(f"timm has no network {name!r}; {did_you_mean(name, timm.list_models())}")
    try:
        model = timm.create_model(name, pretrained=pretrained)
    except (OSError, RuntimeError) as error:  # no weights of that name, no connection, or a damaged download
        raise UserError(
            f"the weights of timm:{name} can't be had: {one_line(error)}; check the connection or give a weights file"
        ) from error
    config = timm.data.resolve_model_data_config(model)
    height, width = config["input_size"][1:]
    resized = int(height / config["crop_pct"]), int(width / config["crop_pct"])
    return model, Preprocess(
        image_size=height if height == width else (height, width),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        resize_size=resized,
        interpolation=config["interpolation"],
        crop_mode=config["crop_mode"],
    )
