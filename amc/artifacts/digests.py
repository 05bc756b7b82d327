"""Digests that tell networks, files of weights and images apart: a run uses only those that it began with or wrote."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from amc.data.images import Images
from amc.data.resident import ResidentImages
from amc.graph.inputs import tensors
from amc.pruning.slicing import stored_tensors

LOOKED_AT = 100
"""Images of a split whose values enter a digest."""


def weights_digest(model: nn.Module) -> str:
    """Return a digest of all tensors that a network stores, and of their names, as the checkpoints of a run hold it."""
    digest = hashlib.sha256()
    for name, tensor in sorted(stored_tensors(model).items()):
        digest.update(name.encode() + tensor_bytes(tensor))
    return digest.hexdigest()[:16]


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """Return 16 hex digits over the names, types, shapes and values of tensors, in whatever order they are given.

    A file of weights keeps its digest when another program writes the same tensors anew. Every bit of a value counts:
    the sign of a zero and the payload of a NaN do, too.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(repr((name, str(tensor.dtype), tuple(tensor.shape))).encode() + tensor_bytes(tensor))
    return digest.hexdigest()[:16]


def shapes_digest(model: nn.Module) -> str:
    """Return a digest of the names, shapes and types of all tensors that a network stores, whatever their values."""
    shapes = sorted((name, tuple(tensor.shape), str(tensor.dtype)) for name, tensor in model.state_dict().items())
    return hashlib.sha256(repr(shapes).encode()).hexdigest()[:16]


def images_digest(*splits: Images) -> str:
    """Return 16 hex digits over the first 100 inputs of the first split and all lengths; targets do not count."""
    digest = hashlib.sha256()
    for tensor in tensors(splits[0].example(LOOKED_AT)):
        digest.update(tensor_bytes(tensor))
    digest.update(repr([len(each) for each in splits]).encode())
    return digest.hexdigest()[:16]


def values_digest(images: Images) -> str:
    """Return 16 hex digits over all inputs and targets of images that are in memory; of others, over the first 100."""
    if isinstance(images, ResidentImages):
        held = [images.inputs, images.targets]
    else:
        held = [*tensors(images.example(LOOKED_AT)), torch.tensor(len(images))]
    return tensors_digest({str(place): tensor for place, tensor in enumerate(held)})


def tensor_bytes(tensor: Tensor) -> bytes:
    """Return the values of a tensor as bytes, in the order of its indices."""
    return tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
