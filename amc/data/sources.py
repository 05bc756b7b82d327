"""What a provider of data hands over before splits are made."""

from dataclasses import dataclass

from amc.data.dataset import LabelledDataset
from amc.data.loader import LoaderImages

Source = LabelledDataset | LoaderImages


@dataclass(frozen=True)
class Sources:
    """The data as it came.

    Attributes:
        parts: `train`, and `val`, `test` or both.
        class_names: by target; None if unknown.
        notes: what the user is to be told, a line each.
    """

    parts: dict[str, Source]
    class_names: tuple[str, ...] | None
    notes: tuple[str, ...] = ()
