"""The size of an input: one number of pixels for a square, or height and width."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from amc.utils.errors import UserError
from amc.utils.option_names import option
from amc.utils.option_values import as_whole

ImageSize = int | Sequence[int]
"""Height and width in pixels, or one number for both."""
MOST = 8192
"""The most pixels of a side of a square: networks on larger images need more memory than machines have."""


def sides(image_size: ImageSize) -> tuple[int, int]:
    """Height and width in pixels.

    Raises:
        UserError: It is neither one whole number nor two, one of them is not above 0, or they are more than `MOST` by
            `MOST`.
    """
    both = (
        tuple(image_size)
        if isinstance(image_size, Iterable) and not isinstance(image_size, str)
        else (image_size, image_size)
    )
    if len(both) != 2:
        raise UserError(
            f"expected {option('image_size')} as one number of pixels or height and width, got {image_size}"
        )
    height, width = (as_whole("image_size", side) for side in both)
    if min(height, width) < 1:
        raise UserError(f"expected {option('image_size')} above 0 pixels, got {_shown(height, width)}")
    if height * width > MOST**2:
        most = f"{MOST:,} x {MOST:,}"
        raise UserError(f"expected {option('image_size')} of at most {most} pixels, got {_shown(height, width)}")
    return height, width


def _shown(height: int, width: int) -> str:
    return str(height) if height == width else f"{height}x{width}"
