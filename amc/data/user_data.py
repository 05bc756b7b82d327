"""Data from the user's own datasets, or from a function that returns them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from amc.data.fork_safety import ForkSafe
from amc.data.sampling import Labels
from amc.data.targets import Target
from amc.data.unsplit_data import Source, UnsplitData
from amc.data.user_loader import LoaderImages
from amc.utils.errors import UserError
from amc.utils.registry import UserFunction, name_of
from amc.utils.user_file import call_function

NUMBERS = "biuf"
"""NumPy's kinds of numbers: bool, signed, unsigned and floating-point."""


@dataclass(frozen=True)
class UserDataset:
    """A user's map-style dataset of (input, target) pairs, checked as it is read.

    Attributes:
        dataset: The dataset that the user's function returned.
        labels: The class of each image [N]; all zero where they are unknown.
        name: How messages call it.
    """

    dataset: ForkSafe[Any]
    labels: Labels
    name: str

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Target]:
        """Return the input of one image, float32 [C, H, W], and its target.

        Raises:
            UserError: The item is no pair of a float tensor [C, H, W] and a number, a tensor or a dictionary.
        """
        item = self.dataset.for_this_process[index]
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise UserError(f"expected (input, target) pairs from {self.name}, got {type(item).__name__}")
        image, target = item
        if not isinstance(image, Tensor) or not image.is_floating_point():
            got = f"a tensor of {image.dtype}" if isinstance(image, Tensor) else type(image).__name__
            raise UserError(
                f"expected float tensors as inputs from {self.name}, got {got}; let the dataset transform its images,"
                " or return a DataLoader for other inputs"
            )
        return image.float(), _target(target, self.name)


def _target(given: Any, name: str) -> Target:
    """A class as an int, a number that need not be whole as float32 `()`, and any other target as it is."""
    if isinstance(given, dict) or (isinstance(given, Tensor) and given.ndim):
        return given
    number = given.item() if isinstance(given, Tensor) or (isinstance(given, np.ndarray) and not given.ndim) else given
    if isinstance(number, float | np.floating):
        return torch.tensor(float(number))
    try:
        return int(number)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"expected class numbers, other numbers, tensors or dictionaries as targets from {name}, got"
            f" {type(given).__name__}; let the dataset convert them, or return a DataLoader for other targets"
        ) from error


def user_data(spec: str) -> UnsplitData:
    """Call the user's function, `path/to/file.py:function`, and check what it returns, as `data_of_objects` does.

    Raises:
        UserError: The function failed or returned something else.
    """
    return data_of_objects(call_function(spec), spec)


def data_of_function(function: Callable[[], Any]) -> UnsplitData:
    """Call a function that a user holds, and check what it returns, as `data_of_objects` does.

    Raises:
        UserError: The function failed or returned something else.
    """
    return data_of_objects(UserFunction("data", name_of(function), function)(), name_of(function))


def data_of_objects(content: Any, name: str) -> UnsplitData:
    """Check the user's datasets; messages call them `name`.

    They are a mapping with `train`, and `val`, `test` or both, each a map-style dataset of (input, target) pairs or a
    `DataLoader`. A target is a class or another number, or else a tensor, such as a mask, or a dictionary, as
    torchvision's detection networks take it. A dataset may have `targets` (the class of each image) and `classes`
    (their names), as torchvision's have.

    Raises:
        UserError: The content is anything else, or a dataset has more or fewer `targets` than images.
    """
    if not isinstance(content, Mapping) or not {"train"} < set(content) <= {"train", "val", "test"}:
        got = f"the keys {sorted(map(str, content))}" if isinstance(content, Mapping) else type(content).__name__
        raise UserError(f"expected a mapping with train, and val, test or both from {name}, got {got}")
    parts = {key: _source(part, f"{key} of {name}") for key, part in content.items()}
    names = _class_names(parts["train"])
    return UnsplitData(
        parts,
        class_names=None if names is None else tuple(map(str, names)),
        notes=tuple(note for part in parts.values() for note in _notes(part)),
    )


def _source(part: Any, name: str) -> Source:
    if isinstance(part, DataLoader):
        _check_map_style(part.dataset, part, name)
        images = LoaderImages(part)
        _check_not_empty(len(images), name)
        return images
    _check_map_style(part, part, name)
    unread = ForkSafe(part)
    _check_not_empty(len(unread.for_this_process), name)
    return UserDataset(unread, _labels(unread.for_this_process, name), name)


def _check_map_style(dataset: Any, part: Any, name: str) -> None:
    if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
        raise UserError(
            f"expected {name} to be a map-style dataset (with a length and items by index) or a"
            f" DataLoader over one, got {type(part).__name__}"
        )


def _check_not_empty(count: int, name: str) -> None:
    if count == 0:
        raise UserError(f"expected images in {name}, there are none")


def _class_names(part: Source) -> Any:
    """Return the names of the data's classes, if it has them; a loader has none."""
    return getattr(part.dataset.for_this_process, "classes", None) if isinstance(part, UserDataset) else None


def _notes(part: Source) -> list[str]:
    if not isinstance(part, UserDataset) or part.dataset.fault is None:
        return []
    return [
        f"note: {part.name} can't be copied ({part.dataset.fault}), so it is read by one process; a dataset that opens"
        " its file at the first access can be read by several"
    ]


def _labels(dataset: Any, name: str) -> Labels:
    targets: Any = getattr(dataset, "targets", None)
    can_be_cut = hasattr(targets, "__getitem__") and not isinstance(targets, Mapping)
    first = np.asarray(targets[:1] if can_be_cut else [])  # the others may be large, such as masks
    if first.shape != (1,) or first.dtype.kind not in NUMBERS:
        return np.zeros(len(dataset), dtype=np.int64)
    if len(targets) != len(dataset):
        raise UserError(
            f"expected a class in the targets of {name} for each of its {len(dataset):,} images, got {len(targets):,}"
        )
    return np.asarray(targets).astype(np.int64)
