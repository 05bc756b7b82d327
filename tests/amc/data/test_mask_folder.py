from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from amc.data.load import load_data
from amc.utils.errors import UserError

MEAN: dict[str, Any] = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


def save(folder: Path, name: str, height: int = 12, width: int = 8) -> None:
    """An image whose red is 100 times the class, of the left half 1, of a corner 2."""
    classes = np.zeros((height, width), dtype=np.uint8)
    classes[:, : width // 2], classes[-2:, -2:] = 1, 2
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.stack([100 * classes, classes, classes], axis=2)).save(folder / "images" / f"{name}.png")
    Image.fromarray(classes).save(folder / "masks" / f"{name}.png")


def test_masks_are_resized_and_cropped_as_their_images_are(tmp_path: Path) -> None:
    for split, count in (("train", 3), ("valid", 2), ("test", 1)):
        for number in range(count):
            save(tmp_path / split, f"{number}", *((12, 8) if number else (24, 16)))
    splits = load_data(f"masks:{tmp_path}", image_size=8, **MEAN)
    assert [len(each) for each in (splits.train, splits.reward, splits.test)] == [3, 2, 1]
    for inputs, masks in (batch for part in (splits.train, splits.reward) for batch in part.batches(2)):
        assert masks.dtype == torch.int64
        assert masks.shape == (len(inputs), 8, 8)
        near = (inputs[:, 0] * 255 / 100).round()
        assert ((near == masks).float().mean((1, 2)) > 0.85).all()  # resized images blend where classes meet
    same = next(iter(splits.train.batches(3)))
    inside = (same[0][1, 0] * 255 / 100 - same[1][1]).abs()
    assert inside.max() < 1e-5  # only cropped


def test_undivided_pairs_are_dealt_out_and_drawn_again_alike(tmp_path: Path) -> None:
    for number in range(8):
        save(tmp_path, f"{number}", 12 + number, 8)
    splits = load_data(f"masks:{tmp_path}", image_size=(8, 8), **MEAN)
    assert [len(each) for each in (splits.train, splits.reward, splits.test)] == [4, 2, 2]
    assert any("8 images are divided at random" in note for note in splits.notes)
    (shuffled, masks), (inputs, stored) = (next(iter(splits.train.batches(4, shuffle_seed=seed))) for seed in (0, None))
    for image, mask in zip(shuffled, masks, strict=True):
        place = next(number for number, other in enumerate(inputs) if torch.equal(image, other))
        assert torch.equal(mask, stored[place])
    few = splits.train.take(2, seed=1)
    assert [masks.shape for _, masks in few.batches(5)] == [(2, 8, 8)]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ("masks/1.png", "there is none for 1 image: 1.png"),
        ("images", "expected a folder of image files at"),
        ("size", r"expected one number for each pixel of .*2.png \(8x12\) in .*, got 4x4"),
        ("colours", "got 8x12 of 3 colours; save masks as grey images or with a palette"),
        ("text", r"train/masks/2.png"),
        ("twins", r"expected one file of each name in .*val/images, got 2.jpg and 2.png; rename or remove one"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, spoil: str, message: str) -> None:
    for split in ("train", "val"):
        for number in range(3):
            save(tmp_path / split, f"{number}")
    mask = tmp_path / "train" / "masks" / "2.png"
    if spoil == "masks/1.png":
        (tmp_path / "train" / spoil).unlink()
    elif spoil == "images":
        (tmp_path / "val" / "images").rename(tmp_path / "val" / "pictures")
    elif spoil == "size":
        Image.new("L", (4, 4)).save(mask)
    elif spoil == "colours":
        Image.new("RGB", (8, 12)).save(mask)
    elif spoil == "twins":
        (tmp_path / "val" / "images" / "2.jpg").touch()
    else:
        mask.write_text("no image")
    with pytest.raises(UserError, match=message):
        load_data(f"masks:{tmp_path}", image_size=8)


@pytest.mark.parametrize("part", ["images", "masks"])
def test_a_broken_test_file_is_found_before_anything_is_computed(tmp_path: Path, part: str) -> None:
    for split in ("train", "val", "test"):
        save(tmp_path / split, "0")
        save(tmp_path / split, "1")
    broken = tmp_path / "test" / part / "1.png"
    broken.write_bytes(broken.read_bytes()[:-30])
    with pytest.raises(UserError, match=rf"test/{part}/1.png can't be read as an image: .*; repair or remove"):
        load_data(f"masks:{tmp_path}", image_size=8)


def test_masks_may_be_of_any_range(tmp_path: Path) -> None:
    for split in ("train", "val"):
        save(tmp_path / split, "0")
        save(tmp_path / split, "1")
        Image.fromarray(np.full((12, 8), 7, dtype=np.int32)).save(tmp_path / split / "masks" / "0.tiff")
        (tmp_path / split / "masks" / "0.png").unlink()
    masks = next(iter(load_data(f"masks:{tmp_path}", image_size=8).train.batches(2)))[1]
    assert (masks[0] == 7).all()
