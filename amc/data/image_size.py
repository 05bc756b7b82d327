"""The size of an input: one number of pixels for a square, or height and width."""

from __future__ import annotations

from collections.abc import Sequence

from amc.utils.errors import UserError
from amc.utils.option_names import option

ImageSize = int | Sequence[int]
"""Height and width in pixels, or one number for both."""


def sides(image_size: ImageSize) -> tuple[int, int]:
    """Height and width in pixels.

    Raises:
        UserError: It is neither one number nor two, or one of them is not above 0.
    """
    both = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(both) != 2 or not all(isinstance(side, int) for side in both):
        raise UserError(f"expected {option('image_size')} as one number of pixels or height and width, got {both}")
    if min(both) < 1:
        raise UserError(f"expected {option('image_size')} above 0 pixels, got {_shown(*both)}")
    return both[0], both[1]


def _shown(height: int, width: int) -> str:
    return str(height) if height == width else f"{height}x{width}"
