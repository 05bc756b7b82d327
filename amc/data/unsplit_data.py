"""Data as its source delivers it, before it is divided into splits."""

from dataclasses import dataclass

from amc.data.dataset import LabelledDataset
from amc.data.user_loader import LoaderImages

Source = LabelledDataset | LoaderImages
"""Images of one source, by index or as a loader."""


@dataclass(frozen=True)
class UnsplitData:
    """The images of `train`, and of `val`, `test` or both, as they came; or all of them undivided.

    Attributes:
        sources: Images by `train`, `val` and `test`; or those of `amc.data.splits.UNDIVIDED` alone.
        class_names: Names of the classes by target; None if unknown.
        notes: Lines that the user should read.
        is_labelled: Whether targets may be the classes of images.
    """

    sources: dict[str, Source]
    class_names: tuple[str, ...] | None
    notes: tuple[str, ...] = ()
    is_labelled: bool = True
