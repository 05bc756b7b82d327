"""The matching of the data's classes with the outputs of a network."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from amc.data.images import Images
from amc.data.load import Splits
from amc.data.sampling import Indices
from amc.data.targets import class_numbers
from amc.graph.inputs import Example
from amc.utils.errors import UserError
from amc.utils.text import shortened


def match_classes(
    outputs: int, network_names: Sequence[str] | None, data_names: Sequence[str] | None
) -> tuple[int, ...] | None:
    """Find the network's output for each class of the data, by name.

    Names are compared without regard to case, `_` and `-`. Where none of them is known to the network but the numbers
    agree, the order is taken to agree too.

    Args:
        outputs: How many classes the network tells apart.
        network_names: Names of its outputs, if known.
        data_names: Names of the data's classes by target, if known.

    Returns:
        The output of each class of the data, or None where targets are outputs as they are.

    Raises:
        UserError: The numbers differ and names don't help, or only some names are known.
    """
    if data_names is None:
        return None
    known = _positions(network_names or ())
    mapping = [known.get(_plain(name)) for name in data_names]
    found = tuple(output for output in mapping if output is not None)
    if len(found) == len(data_names) and len(set(found)) == len(found):
        return None if found == tuple(range(outputs)) else found
    unknown = [name for name, output in zip(data_names, mapping, strict=True) if output is None]
    if len(data_names) == outputs and (not found or all(output in (None, i) for i, output in enumerate(mapping))):
        return None
    names = (
        f"the network does not know {shortened(unknown)}" if network_names else "the network's classes have no names"
    )
    raise UserError(
        f"the network tells {outputs} classes apart, the data has {len(data_names)}, and {names};"
        " give data of the network's classes, in folders named like them"
    )


def map_classes(splits: Splits, outputs: int, network_names: tuple[str, ...] | None) -> Splits:
    """Return the splits with each target replaced by the network's output that `match_classes` finds.

    Raises:
        UserError: The classes can't be matched, as for `match_classes`.
    """
    mapping = match_classes(outputs, network_names, splits.class_names)
    if mapping is None:
        return splits
    return replace(
        splits,
        train=MappedImages(splits.train, mapping),
        calibration=MappedImages(splits.calibration, mapping),
        reward=MappedImages(splits.reward, mapping),
        test=MappedImages(splits.test, mapping),
        judging=splits.judging and MappedImages(splits.judging, mapping),
        class_names=network_names,
    )


@dataclass(frozen=True, repr=False)
class MappedImages:
    """Images whose targets `t` are replaced by `mapping[t]`; it offers what `amc.data.images.Images` does."""

    images: Images
    mapping: tuple[int, ...]

    def __repr__(self) -> str:
        return f"<MappedImages: {len(self):,}, with targets in the order of the network's classes>"

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, size: int, shuffle_seed: int | None = None) -> Iterator[tuple[Example, Tensor]]:
        """Yield one pass over all images in batches of `size`, shuffled if a seed is given."""
        mapping = torch.tensor(self.mapping)
        for inputs, targets in self.images.batches(size, shuffle_seed):
            yield inputs, mapping[class_numbers(targets)]

    def take(self, count: int, seed: int) -> "MappedImages":
        """Return `count` of the images, drawn by `amc.data.sampling.stratified`."""
        return MappedImages(self.images.take(count, seed), self.mapping)

    def at(self, places: Indices) -> "MappedImages":
        """Return the images at `places`, in that order."""
        return MappedImages(self.images.at(places), self.mapping)

    def example(self, count: int = 2) -> Example:
        """Return the first inputs [count, C, H, W]."""
        return self.images.example(count)


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()


def _positions(names: Sequence[str]) -> dict[str, int]:
    """Return the output of each name; a name that several outputs share is left out."""
    plain = [_plain(name) for name in names]
    return {name: output for output, name in enumerate(plain) if plain.count(name) == 1}
