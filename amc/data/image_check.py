"""The check that image files can be read, from a look at their beginnings and ends."""

import os
from collections.abc import Callable, Collection, Sequence
from io import BufferedReader
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from amc.data.pixels import check_mode
from amc.utils.errors import UserError
from amc.utils.progress_bar import progress_bar
from amc.utils.text import one_line

TAIL = 64  # bytes: files may have a few more behind their end
"""Bytes at the end of a file among which the mark of its format must lie: some files have a few more after it."""
STEP = 100  # images between two moves of the bar
"""Number of images between two updates of the progress bar."""
STRIPS, TILES = (273, 279), (324, 325)  # tags of TIFF: where the parts of an image begin, and their bytes
"""Tags of TIFF that hold where the pieces of an image begin, and their bytes."""


def check_images(
    paths: Sequence[Path],
    title: str | None,
    masks: Collection[Path] = frozenset(),
    read_last: Collection[Path] = frozenset(),
) -> None:
    """Open every file; its pixels are decoded only where its end looks cut off.

    Args:
        paths: Image files.
        title: Text of a progress bar; None for no bar.
        masks: Those of them whose pixels are numbers of classes, of whatever range.
        read_last: Those of them that nothing else reads before much has been computed: the checksums of PNG, the one
            format in which damage between beginning and end is an error, are looked at too.

    Raises:
        UserError: Some files can't be read; the message names the first, and how many others there are.
    """
    faults: list[tuple[Path, str]] = []
    with progress_bar(title or "", len(paths), quiet=title is None) as bar:
        for start in range(0, len(paths), STEP):
            step = paths[start : start + STEP]
            found = ((path, _fault(path, path in masks, path in read_last)) for path in step)
            faults += [(path, fault) for path, fault in found if fault is not None]
            bar.update(start + len(step))
    if faults:
        raise unreadable(*faults[0], others=len(faults) - 1)


def unreadable(path: Path, fault: str, others: int = 0) -> UserError:
    """Return the error for a file that can't be read as an image, and for the number of `others` likewise."""
    likewise = f"; {others:,} more can't be read either" if others else ""
    return UserError(f"{path} can't be read as an image: {fault}; repair or remove the file{likewise}")


def why(error: Exception) -> str:
    """Return what is wrong with an image file, from the exception that reading it raised."""
    if isinstance(error, UnidentifiedImageError):
        return "it holds no image, or only the beginning of one"
    return str(error) if isinstance(error, UserError) else one_line(error)


def _has_right_checksums(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            image.verify()
    except Exception:  # a damaged file may raise anything
        return False
    return True


def _fault(path: Path, is_mask: bool, is_read_last: bool) -> str | None:
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                return "it is empty"
            with Image.open(file) as image:
                if not is_mask:
                    check_mode(image)
                if _looks_cut_off(image, file, size):
                    image.load()
                elif is_read_last and image.format == "PNG" and not _has_right_checksums(path):
                    image.load()  # which overlooks some of them
    except Exception as error:  # a damaged file may raise anything
        return why(error)
    return None


def _looks_cut_off(image: Image.Image, file: BufferedReader, size: int) -> bool:
    """Return whether the end of a file is not what its format has there; True for a whole file does no harm."""
    place = file.tell()
    look = LOOKS_CUT_OFF.get(image.format or "", lambda *_: False)
    result = look(image, file, size)
    file.seek(place)
    return result


def _lacks(end: bytes) -> Callable[[Image.Image, BufferedReader, int], bool]:
    """Return a check for the mark with which a format ends."""

    def look(_: Image.Image, file: BufferedReader, size: int) -> bool:
        file.seek(max(size - TAIL, 0))
        return end not in file.read()

    return look


def _says_more(begin: int, ahead: int) -> Callable[[Image.Image, BufferedReader, int], bool]:
    """Return a check for the size that is written at byte `begin`, which counts all but `ahead` bytes."""

    def look(_: Image.Image, file: BufferedReader, size: int) -> bool:
        file.seek(begin)
        return size < int.from_bytes(file.read(4), "little") + ahead

    return look


def _tiff_needs(image: Image.Image) -> int:
    """Return the bytes up to the end of the last piece of a TIFF."""
    tags = image.tag_v2  # type: ignore[attr-defined]
    ends = [
        begin + count
        for begins, counts in (STRIPS, TILES)
        for begin, count in zip(tags.get(begins, ()), tags.get(counts, ()), strict=False)
    ]
    return max(ends, default=0)


LOOKS_CUT_OFF: dict[str, Callable[[Image.Image, BufferedReader, int], bool]] = {
    "PNG": _lacks(b"IEND"),
    "JPEG": _lacks(b"\xff\xd9"),
    "MPO": _lacks(b"\xff\xd9"),
    "BMP": _says_more(begin=2, ahead=0),
    "WEBP": _says_more(begin=4, ahead=8),
    "PPM": lambda image, _, size: size < image.width * image.height * len(image.getbands()),
    "TIFF": lambda image, _, size: size < _tiff_needs(image),
}
"""Checks by format; each gets the image, its file and the file's size in bytes."""
