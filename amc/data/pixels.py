"""Images in any of Pillow's modes converted to 8 bits of grey or RGB."""

from typing import Any

import numpy as np
from PIL import Image

from amc.utils.errors import UserError

IN_8_BITS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr", "HSV")
"""Modes of Pillow with at most 8 bits a channel."""
SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")
"""Modes of Pillow with 16 bits of grey."""
READ_AS_16_BITS = ("PNG", "PPM")
"""Formats of at most 16 bits, whose grey Pillow may give as 32-bit integers from 0 to 65,535."""
BITS_PER_SAMPLE = 258  # a tag of TIFF


def check_mode(image: Image.Image) -> None:
    """Check, from the header alone, that the range of an image's pixels is known.

    Raises:
        UserError: The range is unknown, as that of 32-bit integers and of floats.
    """
    if image.mode in (*IN_8_BITS, *SIXTEEN_BITS) or _is_16_bits_in_32(image):
        return
    held = {"I": "signed or 32-bit integers", "F": "floats"}.get(image.mode, f"pixels of mode {image.mode}")
    raise UserError(f"it holds {held}, whose range is unknown; save it with 8 or 16 bits")


def as_8_bits(image: Image.Image, channels: int) -> Image.Image:
    """Return the image as 8-bit grey (1 channel) or RGB (3).

    16 bits are scaled by 1/257, so that black and white stay what they are. Colour of 16 bits comes from Pillow with
    its upper 8. Transparency is dropped, palettes are looked up and colours converted as in torchvision's
    `ImageFolder`.

    Raises:
        UserError: The range of the pixels is unknown, as for `check_mode`.
    """
    check_mode(image)
    if image.mode in SIXTEEN_BITS or image.mode == "I":
        levels, most = np.asarray(image).astype(np.uint64), _most(image)
        image = Image.fromarray(((levels * 255 + most // 2) // most).astype(np.uint8))
    elif image.mode == "P" and isinstance(image.info.get("transparency"), bytes):
        image = image.convert("RGBA")  # Pillow warns where this step is left out
    return image.convert("L" if channels == 1 else "RGB")


def _is_16_bits_in_32(image: Image.Image) -> bool:
    return image.mode == "I" and image.format in READ_AS_16_BITS


def _most(image: Image.Image) -> int:
    """Return the value of white: 65,535, or less in a TIFF of fewer bits."""
    tags: Any = getattr(image, "tag_v2", {})
    (bits,) = tags.get(BITS_PER_SAMPLE, (16,))
    return int(2**bits) - 1
