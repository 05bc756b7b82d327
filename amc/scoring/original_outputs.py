"""The outputs of the original network in the place of targets, which is what fidelity compares with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from amc.data.images import Images
from amc.data.load import MEMORY_LIMIT_BYTES, Splits
from amc.data.sampling import Indices
from amc.data.user_loader import LoaderImages
from amc.graph.inputs import batch_size
from amc.graph.raw_heads import RawHeads, comparable_outputs, find_heads
from amc.graph.trace_forward import preserve_state
from amc.recovery.output_distance import OutputKinds, float_tensors
from amc.scoring.fidelity import WantedOutputs
from amc.scoring.metrics import check_runs, moved_inputs
from amc.scoring.output_kinds import find_kinds
from amc.utils.copying import copy_network
from amc.utils.errors import UserError

BATCH = 64
"""The number of images that the original is run on at once."""
CPU = torch.device("cpu")


def with_original_outputs(
    splits: Splits, original: nn.Module, output_kind: str | None = None, device: torch.device = CPU
) -> Splits:
    """The splits with the original's outputs as the targets of reward and test images; those that are already stay.

    Args:
        splits: The images.
        original: The original network, in evaluation mode; it is copied.
        output_kind: The kinds of its outputs, as `amc.scoring.output_kinds.find_kinds` takes them.
        device: Where it runs.

    Raises:
        UserError: It does not run on the images, or what `find_kinds` raises.
    """
    original = copy_network(original).to(device)
    example = moved_inputs(splits.calibration.example(1), device)
    check_runs(original, example)
    heads = find_heads(original, example)
    kinds = find_kinds(output_kind, check_runs(original, example, heads))
    if isinstance(splits.reward, ImagesWithOutputs) and splits.reward.kinds == kinds:
        return splits
    run, bare = OriginalRun(original, kinds, device, heads), without_outputs(splits)
    return replace(
        bare,
        reward=ImagesWithOutputs(bare.reward, run),
        test=ImagesWithOutputs(bare.test, run),
        judging=bare.judging and ImagesWithOutputs(bare.judging, run),
    )


def has_outputs(splits: Splits) -> bool:
    """Whether the original's outputs are the targets of reward and test images."""
    return isinstance(splits.reward, ImagesWithOutputs)


def without_outputs(splits: Splits) -> Splits:
    """The splits with the targets that the data has."""
    judging = splits.judging and _bare(splits.judging)
    return replace(splits, reward=_bare(splits.reward), test=_bare(splits.test), judging=judging)


def _bare(images: Images) -> Images:
    return images.images if isinstance(images, ImagesWithOutputs) else images


@dataclass(frozen=True, eq=False)
class OriginalRun:
    """The original network, run for its outputs.

    Attributes:
        network: The network, in evaluation mode on the device.
        kinds: The kinds of its outputs.
        device: The device.
        heads: The modules whose outputs stand for what it returns (`amc.graph.raw_heads`).
    """

    network: nn.Module
    kinds: OutputKinds
    device: torch.device
    heads: RawHeads = ()

    def __call__(self, inputs: Any) -> WantedOutputs:
        """The outputs for a batch of inputs, on the CPU.

        Raises:
            UserError: It returns another number of outputs than for one image.
        """
        with torch.no_grad(), preserve_state(self.network):
            found = float_tensors(comparable_outputs(self.network, moved_inputs(inputs, self.device), self.heads))
        if len(found) != len(self.kinds):
            raise UserError(
                f"the network returns {len(self.kinds)} outputs for one image and {len(found)} for"
                f" {batch_size(inputs)}; fidelity compares networks that return as many whatever they see"
            )
        return WantedOutputs(tuple(tensor.cpu() for tensor in found), self.kinds, self.heads)


class ImagesWithOutputs:
    """Images whose targets are the outputs of the original; it offers what `amc.data.images.Images` does.

    The outputs are computed in the first pass, and kept where they take no more than `MEMORY_LIMIT_BYTES` and the
    images always come in the same order; else in every pass.

    Args:
        images: The images.
        run: The original network.

    Attributes:
        images: The images with the targets that the data has.
    """

    def __init__(self, images: Images, run: OriginalRun) -> None:
        self.images = images
        self._run = run

    @property
    def kinds(self) -> OutputKinds:
        """The kinds of the outputs."""
        return self._run.kinds

    def __repr__(self) -> str:
        return f"<ImagesWithOutputs: {len(self):,}, with the original's outputs as targets>"

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, size: int, shuffle_seed: int | None = None) -> Iterator[tuple[Any, Any]]:
        """Yield one pass over all images in batches of `size`, shuffled if a seed is given."""
        kept = self._kept if shuffle_seed is None else None
        begin = 0
        for inputs, _ in self.images.batches(size, shuffle_seed):
            end = begin + batch_size(inputs)
            yield inputs, self._run(inputs) if kept is None else self._part(kept, begin, end)
            begin = end

    def take(self, count: int, seed: int) -> ImagesWithOutputs:
        """Return `count` of the images, drawn by `amc.data.sampling.stratified`."""
        return ImagesWithOutputs(self.images.take(count, seed), self._run)

    def at(self, places: Indices) -> ImagesWithOutputs:
        """Return the images at `places`, in that order."""
        return ImagesWithOutputs(self.images.at(places), self._run)

    def example(self, count: int = 2) -> Any:
        """Return the inputs of the first `count` images."""
        return self.images.example(count)

    @cached_property
    def _kept(self) -> list[Tensor] | None:
        """All outputs, with a row for each image where they have rows; None where they are not kept."""
        if isinstance(self.images, LoaderImages):  # which may shuffle
            return None
        one = self._run(self.images.example(1))
        if sum(tensor.nbytes for tensor in one.tensors) * len(self) > MEMORY_LIMIT_BYTES:
            return None
        parts = [self._run(inputs).tensors for inputs, _ in self.images.batches(BATCH)]
        return [self._joined(each) for each in zip(*parts, strict=True)]

    def _joined(self, parts: tuple[Tensor, ...]) -> Tensor:
        """One output of all batches; of one without a row for each image, such as anchors, that of the first batch."""
        if sum(len(part) if part.ndim else 0 for part in parts) != len(self):
            return parts[0]
        if len({part.shape[1:] for part in parts}) > 1:
            raise UserError(
                "the network returns outputs of other shapes for other images; fidelity compares networks that return"
                " as many numbers whatever they see"
            )
        return torch.cat(parts)

    def _part(self, kept: list[Tensor], begin: int, end: int) -> WantedOutputs:
        parts = (tensor[begin:end] if tensor.ndim and len(tensor) == len(self) else tensor for tensor in kept)
        return WantedOutputs(tuple(parts), self._run.kinds, self._run.heads)
