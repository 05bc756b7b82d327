"""Images that are in memory, ready for the network."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from amc.data.sampling import Indices, stratified
from amc.data.targets import Targets, select_targets
from amc.graph.input_spec import describe_inputs


@dataclass(frozen=True, repr=False)
class ResidentImages:
    """All inputs and targets of a split, as tensors in memory.

    Attributes:
        inputs: Normalised inputs, float32 [N, C, H, W].
        targets: Targets, int64 [N] where they are classes (`amc.data.targets`).
    """

    inputs: Tensor
    targets: Targets

    def __repr__(self) -> str:
        return f"<ResidentImages: {len(self):,} of {describe_inputs(self.inputs)}>"

    def __len__(self) -> int:
        return len(self.inputs)

    def batches(self, size: int, shuffle_seed: int | None = None) -> Iterator[tuple[Tensor, Targets]]:
        """Yield one pass over all images in batches of `size`: views in stored order, or shuffled if seeded."""
        if shuffle_seed is None:
            for start in range(0, len(self), size):
                yield self.inputs[start : start + size], self.targets[start : start + size]
            return
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(shuffle_seed))
        for chosen in torch.split(order, size):
            yield self.inputs[chosen], select_targets(self.targets, chosen)

    def take(self, count: int, seed: int) -> "ResidentImages":
        """Return copies of `count` of the images, drawn by `amc.data.sampling.stratified`."""
        are_numbers = isinstance(self.targets, Tensor) and self.targets.ndim == 1
        has_classes = are_numbers and not self.targets.is_floating_point()
        labels = self.targets.cpu().numpy() if has_classes else np.zeros(len(self), dtype=np.int64)
        return self.at(stratified(labels, count, seed))

    def at(self, places: Indices) -> "ResidentImages":
        """Return copies of the images at `places`, in that order."""
        chosen = torch.from_numpy(places)
        return ResidentImages(self.inputs[chosen], select_targets(self.targets, chosen))

    def to(self, device: torch.device, dtype: torch.dtype) -> "ResidentImages":
        """Return the images on a device and in a number format; inputs [N, C, H, W] get channels last in memory."""
        layout = torch.channels_last if self.inputs.ndim == 4 else torch.preserve_format
        inputs = self.inputs.to(device, dtype, memory_format=layout)
        targets = self.targets.to(device) if isinstance(self.targets, Tensor) else self.targets
        return ResidentImages(inputs, targets)

    def example(self, count: int = 2) -> Tensor:
        """Return the first inputs [count, C, H, W]."""
        return self.inputs[:count]
