"""Networks of torchvision.

Importing it takes seconds, so this module is imported when one of its networks is asked for.
"""

from __future__ import annotations

import warnings
from http.client import HTTPException

from torch import nn
from torchvision import models

from amc.data.preprocess import Preprocess
from amc.utils.errors import UserError
from amc.utils.text import did_you_mean, one_line


def is_torchvision(name: str) -> bool:
    """Return whether torchvision has a classification network of that name."""
    return name in models.list_models(module=models)


def torchvision_network(name: str, pretrained: bool) -> tuple[nn.Module, Preprocess, tuple[str, ...] | None]:
    """Return a classification network of torchvision, its preprocessing, and the names of its classes where pretrained.

    Raises:
        UserError: torchvision has no such network, or its weights can't be downloaded.
    """
    known = models.list_models(module=models)
    if name not in known:
        raise UserError(f"torchvision has no classification network {name!r}; {did_you_mean(name, known)}")
    weights = models.get_model_weights(name).DEFAULT
    try:
        with warnings.catch_warnings():
            # two networks announce that their random weights will change in a later version
            warnings.simplefilter("ignore", FutureWarning)
            model = models.get_model(name, weights=weights if pretrained else None)
    except (OSError, RuntimeError, HTTPException) as error:  # no connection, or a damaged download
        raise UserError(
            f"the weights of torchvision:{name} can't be downloaded from {weights.url}: {one_line(error)};"
            " check the connection or give a weights file"
        ) from error
    _arrange_as_published(model)
    return model, _torchvision_preprocess(weights), pretrained_class_names(name) if pretrained else None


def pretrained_class_names(name: str) -> tuple[str, ...]:
    """Return the names of the classes that the pretrained weights of a classification network of torchvision know."""
    return tuple(models.get_model_weights(name).DEFAULT.meta["categories"])


def _arrange_as_published(model: nn.Module) -> None:
    """Do to two networks what torchvision does when it loads their weights, whatever the weights.

    So a network is the same for downloaded weights, for the same weights from a file, and when only a policy is left.
    """
    if isinstance(model, models.GoogLeNet | models.Inception3):
        model.transform_input = True
    if isinstance(model, models.GoogLeNet):
        model.aux_logits, model.aux1, model.aux2 = False, None, None


def _torchvision_preprocess(weights: models.WeightsEnum) -> Preprocess:
    transforms = weights.transforms()
    return Preprocess(
        image_size=transforms.crop_size[0],
        mean=tuple(transforms.mean),
        std=tuple(transforms.std),
        resize_size=transforms.resize_size[0],
        interpolation=transforms.interpolation.value,
    )
