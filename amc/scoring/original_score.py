"""The first figure of every command and call: the score of the network before anything is done to it."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from amc.analysis.check_runs import float_outputs, have_other_shapes
from amc.data.images import Images
from amc.graph.inputs import Example, tensors
from amc.graph.trace_forward import preserve_state
from amc.scoring.checked_score import CheckedScore, checked_score
from amc.scoring.metrics import Metric, check_runs, moved_inputs
from amc.scoring.number_format import percent, score
from amc.utils.copying import copy_network
from amc.utils.device import device_of
from amc.utils.differences import furthest, largest
from amc.utils.errors import UserError
from amc.utils.operator_mode import OperatorMode
from amc.utils.option_names import option

BATCH_BYTES = 2**21
"""The size in bytes of a scored batch's inputs, about: a small network's activations then stay in the cache."""
NEAR = 0.02
"""The largest difference of a copy's output from the network's own, relative to the largest: devices differ."""
LEAST_BATCH = 16
"""The least number of images in a scored batch, however large they are."""
NOT_APART = (
    "a copy of the network does not compute what the network does; a hook or a function in it holds one of its modules,"
    " and goes on to use that one: register a method of the module instead"
)


def scoring_batch(example: Example) -> int:
    """The number of images that are scored at once, from the inputs `example` of one image."""
    return max(LEAST_BATCH, BATCH_BYTES // max(sum(tensor.nbytes for tensor in tensors(example)), 1))


def score_original(model: nn.Module, images: Images, metric: str | Metric, device: torch.device) -> CheckedScore:
    """The score of a network that is left as it is.

    Args:
        model: The network, in evaluation mode.
        images: The images; all are scored.
        metric: The metric, as `amc.scoring.metrics.find_metric` takes it.
        device: The device that it runs on.

    Raises:
        UserError: The network does not run on the images, or what `checked_score` raises.
    """
    example = images.example(1)
    wanted = _repeated_outputs(model, example, images.example(2)) if device_of(model) == device else None
    copied = copy_network(model).to(device)  # which may keep what it computes
    if wanted is not None:
        _check_copy(model, copied, moved_inputs(example, device), wanted)
    check_runs(copied, moved_inputs(example, device))
    return checked_score(copied, images, metric, scoring_batch(example), device)


def _repeated_outputs(model: nn.Module, example: Example, other: Example) -> list[Tensor] | None:
    """What a network computes of `example` again and again, in the end of `other`; None where that changes."""
    own, wanted, again, _ = (_outputs(model, each) for each in (other, example, example, other))
    return wanted if own and wanted and again and _are_near(again, wanted) else None


def _outputs(model: nn.Module, example: Example) -> list[Tensor] | None:
    """What a network computes, with random numbers that are always the same; None where it fails."""
    with torch.no_grad(), preserve_state(model), suppress(Exception):
        torch.manual_seed(0)
        return float_outputs(model, example)
    return None


class _Reads(OperatorMode):
    """Notes whether an operator reads a parameter of a network."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.found = False
        self._memory = {each.untyped_storage().data_ptr() for each in model.parameters() if each.numel()}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        leaves = tree_leaves((args, kwargs))
        read = (leaf for leaf in leaves if isinstance(leaf, nn.Parameter))
        self.found |= any(leaf.untyped_storage().data_ptr() in self._memory for leaf in read)
        return func(*args, **(kwargs or {}))


def check_apart(copied: nn.Module, model: nn.Module, example: Example) -> list[Tensor] | None:
    """What a copy of a network computes of an example, with weights of its own; None where it fails.

    Raises:
        UserError: It reads a parameter of the network that it was copied from.
    """
    reads = _Reads(model)
    with reads:
        found = _outputs(copied, example)
    if reads.found:
        raise UserError(NOT_APART)
    return found


def _check_copy(model: nn.Module, copied: nn.Module, example: Example, wanted: list[Tensor]) -> None:
    found = check_apart(copied, model, example)
    if found is None or not _are_near(found, wanted):
        raise UserError(NOT_APART)


def _are_near(found: list[Tensor], wanted: list[Tensor]) -> bool:
    return not have_other_shapes(found, wanted) and all(map(_is_near, found, wanted))


def _is_near(found: Tensor, wanted: Tensor) -> bool:
    return furthest(found.cpu().float(), wanted.cpu().float(), equal_nan=True) <= NEAR * max(largest(wanted), 1e-6)


def print_score(found: CheckedScore, network: str) -> None:
    """Print the score of a network on the reward images on standard output, at once."""
    shown = score(found.metric, found.value)
    print(f"{network}: {found.metric} {shown} on {found.images:,} reward images (validation)", flush=True)


def warn_near_chance(found: CheckedScore, weights: str) -> None:
    """Print on standard error what usually is wrong where a network hardly does better than chance.

    Args:
        found: The score of the network.
        weights: Where its weights came from, in words.
    """
    if not found.is_near_chance:
        return
    assert found.chance is not None, "it is near it"
    print(
        f"warning: {found.metric} of {percent(found.value)} is near chance, which is {percent(found.chance)} here:"
        f" check the weights ({weights}), the order of the network's classes and of the data's"
        f" ({option('class_order')}), and that images are normalised and sized as in training ({option('mean')},"
        f" {option('std')}, {option('image_size')})",
        file=sys.stderr,
    )
