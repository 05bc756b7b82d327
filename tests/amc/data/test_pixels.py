"""Images of every kind that Pillow opens, against 8 bits worked out by hand."""

import io
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from amc.data.image_check import check_images
from amc.data.preprocess import Preprocess
from amc.utils.errors import UserError

GREY = Preprocess(4, (0.0,), (1.0,))
RGB = Preprocess(4, (0.0,) * 3, (1.0,) * 3)
LEVELS = np.arange(16, dtype=np.uint16).reshape(4, 4) * 4369  # from black to white, 65,535
BYTES = np.arange(16).reshape(4, 4) * 17


def saved(image: Image.Image, suffix: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, suffix)
    return stream.getvalue()


def tiff(levels: "np.typing.NDArray[np.generic]") -> bytes:
    return saved(Image.fromarray(levels), "tiff")


def twelve_bits() -> bytes:
    """A TIFF of one row of the 12-bit pixels 0, 4095, 4095, 0, written by hand: little endian, pairs in 3 bytes."""
    pixels = bytes([0x00, 0x0F, 0xFF, 0xFF, 0xF0, 0x00])
    tags = [(256, 4), (257, 1), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, 1), (279, len(pixels))]
    entries = b"".join(tag.to_bytes(2, "little") + b"\3\0\1\0\0\0" + value.to_bytes(4, "little") for tag, value in tags)
    start = (8 + len(pixels)).to_bytes(4, "little")
    return b"II*\0" + start + pixels + len(tags).to_bytes(2, "little") + entries + bytes(4)


SIXTEEN = {
    "png": saved(Image.fromarray(LEVELS), "png"),
    "tiff": tiff(LEVELS),
    "big endian tiff": tiff(LEVELS.astype(">u2")),
    "pgm": b"P5 4 4 65535\n" + LEVELS.astype(">u2").tobytes(),
}


@pytest.mark.parametrize("content", SIXTEEN.values(), ids=SIXTEEN)
def test_16_bits_are_scaled_to_what_8_bits_give(content: bytes) -> None:
    for preprocess in (GREY, RGB):
        with Image.open(io.BytesIO(content)) as image:
            pixels = preprocess(image)
        expected = torch.from_numpy(BYTES).float().div(255).expand(preprocess.channels, 4, 4)
        torch.testing.assert_close(pixels, expected)


def colour_png(kind: int, levels: "np.typing.NDArray[np.uint16]") -> bytes:
    """A PNG of one pixel with 16 bits a channel, written by hand; `kind` is its colour type."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    header = (1).to_bytes(4, "big") * 2 + bytes([16, kind, 0, 0, 0])
    pixels = zlib.compress(b"\0" + levels.astype(">u2").tobytes())
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("kind", "levels"), [(2, [1, 128, 255]), (6, [1, 128, 255, 9])], ids=["RGB", "RGBA"])
def test_16_bits_of_colour_are_scaled_too(kind: int, levels: list[int]) -> None:
    content = colour_png(kind, np.array(levels, dtype=np.uint16) * 257)
    with Image.open(io.BytesIO(content)) as image:
        assert Preprocess(1, (0.0,) * 3, (1.0,) * 3)(image).mul(255).flatten().tolist() == [1, 128, 255]


def test_levels_between_those_of_8_bits_are_rounded() -> None:
    between = np.array([[0, 128, 129, 257, 65535 - 128, 65535 - 129]], dtype=np.uint16)
    with Image.open(io.BytesIO(tiff(between.repeat(6, 0)))) as image:
        pixels = Preprocess(6, (0.0,), (1.0,))(image)
    assert pixels[0, 0].mul(255).round().tolist() == [0, 0, 1, 1, 255, 254]


def test_12_bits_are_scaled_by_their_own_white() -> None:
    with Image.open(io.BytesIO(twelve_bits())) as image:
        assert Preprocess(1, (0.0,), (1.0,))(image).item() == 1.0  # one of the two in the middle


@pytest.mark.parametrize(
    ("levels", "held"),
    [
        (LEVELS.astype(np.int32), "signed or 32-bit integers"),
        (LEVELS.astype(np.float32), "floats"),
    ],
)
def test_pixels_of_unknown_range_are_refused(
    levels: "np.typing.NDArray[np.generic]", held: str, tmp_path: Path
) -> None:
    (tmp_path / "x.tiff").write_bytes(tiff(levels))
    with pytest.raises(
        UserError, match=f"x.tiff can't be .*: it holds {held}, whose range is unknown; save it with 8 or"
    ):
        check_images([tmp_path / "x.tiff"], None)
    with Image.open(tmp_path / "x.tiff") as image, pytest.raises(UserError, match=f"it holds {held}"):
        GREY(image)


RED = (200, 10, 20)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK"])
def test_colours_arrive_whatever_they_are_kept_in(mode: str) -> None:
    image = Image.new("RGB", (4, 4), RED).convert(mode, palette=Image.Palette.ADAPTIVE)
    if mode == "RGBA":
        image.putalpha(40)  # dropped, as torchvision's ImageFolder does
    with Image.open(io.BytesIO(saved(image, "tiff"))) as read:
        assert read.mode == mode
        torch.testing.assert_close(RGB(read)[:, 0, 0].mul(255).round(), torch.tensor(RED).float(), atol=1, rtol=0)


def test_1_bit_and_transparent_palettes_are_read_in_silence() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for preprocess in (GREY, RGB):
            assert preprocess(Image.new("1", (4, 4), 1)).unique().tolist() == [1.0]
            stream = io.BytesIO()
            palette = Image.new("P", (4, 4))
            palette.putpalette([255, 255, 255, 0, 0, 0])
            palette.save(stream, "png", transparency=b"\x00\x80")
            with Image.open(stream) as image:
                assert preprocess(image).unique().tolist() == [1.0]
