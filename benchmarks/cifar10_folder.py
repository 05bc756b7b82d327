"""Lay CIFAR-10 out as the image folder that the tables of the documentation come from."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import track

from amc.data.cifar10 import cifar10
from amc.data.dataset import PixelDataset
from amc.utils.errors import UserError
from amc.utils.text import one_line
from scripts.command.cli import run

QUALITY, SUBSAMPLING = 75, "4:2:0"  # Pillow's defaults
PARTIAL = ".partial"  # holds the images until all are written


@dataclass(frozen=True)
class Arguments:
    """Download CIFAR-10 and write its images as JPEG files: train/, val/ and test/, each with a folder for each class.

    In the order of the original sets: train/ has the training images; of the test images of each class, val/ has the
    first half and test/ the second.
    """

    out: Path
    """Folder for the images, new or empty."""


def cifar10_folder(arguments: Arguments) -> None:
    """Download CIFAR-10, write its images, and print how many there are."""
    _check_free(arguments.out)
    data = cifar10(None)
    train, test = data.sources["train"], data.sources["test"]
    assert isinstance(train, PixelDataset)
    assert isinstance(test, PixelDataset)
    assert data.class_names is not None
    lay_out(train, test, data.class_names, arguments.out)
    print(f"wrote {len(train) + len(test):,} images into {arguments.out}")


def lay_out(train: PixelDataset, test: PixelDataset, classes: tuple[str, ...], out: Path) -> None:
    """Write the images into `out`, all of them or none.

    Raises:
        UserError: The folder `out` can't be written to, or the disk is full.
    """
    pixels = {"train": train.pixels, "test": test.pixels}
    files = [*_files("train", train, classes), *_files("test", test, classes)]
    partial = out / PARTIAL
    console = Console(stderr=True)
    hidden = not console.is_terminal
    try:
        for source, index, path in track(files, "writing images", console=console, transient=True, disable=hidden):
            (partial / path).parent.mkdir(parents=True, exist_ok=True)
            image = Image.fromarray(pixels[source][index])
            image.save(partial / path, quality=QUALITY, subsampling=SUBSAMPLING)
        for folder in sorted(partial.iterdir()):
            folder.rename(out / folder.name)
    except OSError as error:
        raise UserError(f"the images can't be written into {out}: {one_line(error)}") from error
    finally:
        with contextlib.suppress(OSError):  # it may never have been made
            shutil.rmtree(partial)


def _files(source: str, dataset: PixelDataset, classes: tuple[str, ...]) -> Iterator[tuple[str, int, Path]]:
    """The source, the position in it and the file of each image, class by class."""
    for label, name in enumerate(classes):
        positions = np.flatnonzero(dataset.labels == label)
        for number, index in enumerate(positions.tolist()):
            split = "val" if source == "test" and number < len(positions) // 2 else source
            yield source, index, Path(split, name, f"{number:04d}.jpg")


def _check_free(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise UserError(f"expected a folder for --out, {out} is a file")
    if out.is_dir() and any(out.iterdir()):
        raise UserError(f"{out} is not empty; give a new folder as --out, or remove what is in it")


def main() -> None:
    """Run as a command."""
    run(cifar10_folder, Arguments)


if __name__ == "__main__":
    main()
