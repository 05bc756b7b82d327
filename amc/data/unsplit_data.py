"""What a provider of data hands over before splits are made."""

from dataclasses import dataclass

from amc.data.dataset import LabelledDataset
from amc.data.user_loader import LoaderImages

Source = LabelledDataset | LoaderImages


@dataclass(frozen=True)
class UnsplitData:
    """The data as it came.

    Attributes:
        sources: `train`, and `val`, `test` or both.
        class_names: by target; None if unknown.
        notes: what the user is to be told, a line each.
    """

    sources: dict[str, Source]
    class_names: tuple[str, ...] | None
    notes: tuple[str, ...] = ()
