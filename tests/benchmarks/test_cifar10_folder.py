"""CIFAR-10 as an image folder, from an archive of the same form with a few images."""

import hashlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import CIFAR10

from amc.data.load import load_data
from amc.data.preprocess import CIFAR
from amc.data.splits import SplitSizes
from benchmarks import cifar10_folder
from tests.command import fail, succeed

CLASSES = ("airplane", "automobile", "bird")
TRAIN, TEST = 7, 6  # images of each class
SHADE = 4  # between neighbours: more than the compression changes


def batch(folder: Path, name: str, start: int, labels: list[int]) -> tuple[str, str]:
    """Write images of one shade each; returns the file's entry in torchvision's list."""
    shades = SHADE * np.arange(start, start + len(labels), dtype=np.uint8)
    content = {"data": np.repeat(shades[:, None], 3 * 32 * 32, axis=1), "labels": labels}
    data = pickle.dumps(content)
    (folder / name).write_bytes(data)
    return name, hashlib.md5(data).hexdigest()


@pytest.fixture(autouse=True)
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The downloaded files in the cache, with the checksums that torchvision compares."""
    folder = tmp_path / "cache" / "amc" / "cifar10" / CIFAR10.base_folder
    folder.mkdir(parents=True)
    order = [label for _ in range(TRAIN) for label in (2, 0, 1)]
    names = pickle.dumps({"label_names": list(CLASSES)})
    (folder / "batches.meta").write_bytes(names)
    meta = {"filename": "batches.meta", "key": "label_names", "md5": hashlib.md5(names).hexdigest()}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(CIFAR10, "meta", meta)
    first, second = batch(folder, "one", 0, order[:10]), batch(folder, "two", 10, order[10:])
    monkeypatch.setattr(CIFAR10, "train_list", [first, second])
    monkeypatch.setattr(CIFAR10, "test_list", [batch(folder, "three", 0, [0, 1, 2] * TEST)])


def shades(folder: Path) -> list[int]:
    """The shade number of each image, by file name."""
    return [round(float(np.asarray(Image.open(path)).mean()) / SHADE) for path in sorted(folder.iterdir())]


def test_every_image_is_in_its_place(tmp_path: Path) -> None:
    out = tmp_path / "images"
    done = succeed(cifar10_folder, "--out", out)
    assert done.out == f"wrote 39 images into {out}\n"
    assert sorted(path.name for path in out.iterdir()) == ["test", "train", "val"]
    for label, name in enumerate(CLASSES):
        files = {split: sorted(path.name for path in (out / split / name).iterdir()) for split in ("train", "val")}
        assert files == {
            "train": [f"{number:04d}.jpg" for number in range(TRAIN)],
            "val": ["0000.jpg", "0001.jpg", "0002.jpg"],
        }
        assert sorted(path.name for path in (out / "test" / name).iterdir()) == ["0003.jpg", "0004.jpg", "0005.jpg"]
        place = (1, 2, 0)[label]
        assert shades(out / "train" / name) == [3 * number + place for number in range(TRAIN)]
        assert shades(out / "val" / name) + shades(out / "test" / name) == [3 * i + label for i in range(TEST)]


def test_the_files_are_as_pillow_writes_them_by_default(tmp_path: Path) -> None:
    succeed(cifar10_folder, "--out", tmp_path / "images")
    source = Image.fromarray(np.full((32, 32, 3), SHADE, dtype=np.uint8))
    source.save(tmp_path / "default.jpg")
    written = tmp_path / "images" / "train" / "airplane" / "0000.jpg"
    assert written.read_bytes() == (tmp_path / "default.jpg").read_bytes()
    with Image.open(written) as image:
        assert (image.size, image.mode) == ((32, 32), "RGB")


def test_a_search_reads_the_folder(tmp_path: Path) -> None:
    out = tmp_path / "images"
    succeed(cifar10_folder, "--out", out)
    splits = load_data(f"imagefolder:{out}", CIFAR, SplitSizes(calibration=6))
    assert splits.class_names == CLASSES
    assert [len(each) for each in (splits.train, splits.reward, splits.test)] == [21, 9, 9]
    assert not splits.reward_from_train


def test_a_folder_with_files_is_left_as_it_is(tmp_path: Path) -> None:
    out = tmp_path / "images"
    out.mkdir()
    succeed(cifar10_folder, "--out", out)
    assert f"{out} is not empty; give a new folder as --out" in fail(cifar10_folder, "--out", out)
    (tmp_path / "file").write_text("mine")
    assert "is a file" in fail(cifar10_folder, "--out", tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_failure_leaves_no_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "images"
    save = Image.Image.save

    def full_disk(image: Image.Image, path: Path, **options: Any) -> None:
        if path.name == "0004.jpg":
            raise OSError(28, "No space left on device")
        save(image, path, **options)

    monkeypatch.setattr(Image.Image, "save", full_disk)
    assert f"the images can't be written into {out}: OSError: [Errno 28] No space" in fail(cifar10_folder, "--out", out)
    assert not list(out.iterdir())


def test_a_failed_download_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr("torchvision.datasets.CIFAR10", fails)
    assert "CIFAR-10 can't be downloaded to" in fail(cifar10_folder, "--out", tmp_path / "images")
    assert not (tmp_path / "images").exists()
