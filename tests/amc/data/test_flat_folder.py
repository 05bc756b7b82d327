from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amc.data.flat_folder import flat_folder
from amc.data.load import load_data, load_splits
from amc.data.preprocess import Preprocess
from amc.data.splits import SplitSizes
from amc.utils.errors import UserError

GREY = Preprocess(4, (0.0,), (1.0,))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Twelve images, each of a shade of its own, and what lies about in folders."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(12):
        name = f"{index:02}.{'PNG' if index % 2 else 'png'}"
        Image.fromarray(np.full((4, 6), 10 * index, dtype=np.uint8)).save(folder / name)
    for litter in (".hidden.png", "Thumbs.db"):
        (folder / litter).touch()
    return folder


def test_images_are_in_the_order_of_their_names_and_litter_is_passed_over(root: Path) -> None:
    (root / "notes.txt").touch()
    (root / "more").mkdir()
    (root / "more" / "x.png").touch()
    (root / ".cache").mkdir()
    found = flat_folder(root, GREY)
    (images,) = found.sources.values()
    assert [round(images[i][0][0, 0, 0].item() * 255) for i in range(len(images))] == [10 * i for i in range(12)]  # type: ignore[index]
    assert not found.is_labelled
    assert found.notes == (
        f"note: folders in {root} are not read: more",
        "note: 1 file is passed over: 1 .txt",
    )


def shades(root: Path, sizes: SplitSizes = SplitSizes(), seed: int = 0) -> dict[str, set[int]]:
    splits = load_splits(f"images:{root}", GREY, sizes, seed)
    found = {}
    for name in ("train", "calibration", "reward", "test"):
        inputs, _ = next(iter(getattr(splits, name).batches(100)))
        found[name] = {round(image[0, 0, 0].item() * 255) // 10 for image in inputs}
        assert len(found[name]) == len(getattr(splits, name))
    return found


def test_each_image_is_in_one_split(root: Path) -> None:
    found = shades(root)
    assert {name: len(each) for name, each in found.items()} == {"train": 6, "calibration": 6, "reward": 3, "test": 3}
    assert found["train"] | found["reward"] | found["test"] == set(range(12))
    assert shades(root) == found
    assert shades(root, seed=1) != found
    asked = shades(root, SplitSizes(calibration=2, reward=5, test=1))
    assert {name: len(each) for name, each in asked.items()} == {"train": 6, "calibration": 2, "reward": 5, "test": 1}
    assert not asked["reward"] & asked["test"]


def test_a_run_finds_its_splits_again_by_the_numbers_that_it_recorded(root: Path) -> None:
    assert shades(root, SplitSizes(6, 3, 3)) == shades(root)


@pytest.mark.parametrize("sizes", [SplitSizes(reward=6, test=6), SplitSizes(reward=0), SplitSizes(test=12)])
def test_some_images_are_left_to_calibrate_with(root: Path, sizes: SplitSizes) -> None:
    with pytest.raises(UserError, match="can't be taken out of 12 images; ask for 1 or more of each"):
        shades(root, sizes)


def test_what_is_known_of_the_images_is_said(root: Path) -> None:
    splits = load_data(f"images:{root}", GREY)
    assert not splits.is_labelled
    assert splits.class_names is None
    assert "note: 12 images are divided at random: 6 to calibrate with, 3 reward images, 3 test images" in splits.notes
    assert not any("split" in note for note in splits.notes)
    assert not splits.reward_from_train
    assert splits.inputs


def test_a_broken_file_is_found_at_once(root: Path) -> None:
    (root / "03.PNG").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"03\.PNG can't be read as an image: it holds no image"):
        load_data(f"images:{root}", GREY)


def test_folders_without_images_are_one_line(root: Path, tmp_path: Path) -> None:
    (tmp_path / "a.gif").touch()
    cases = {
        tmp_path / "none": "expected a folder of images at .*none, there is none; check the path",
        root / "00.png": r"expected a folder of images at .*00\.png, got a file; unpack it",
        tmp_path: r"there are none that end in .bmp, .*; but 1 \.gif; folders in it are not read \(photos\)",
    }
    for place, message in cases.items():
        with pytest.raises(UserError, match=message):
            load_data(f"images:{place}", GREY)
    with pytest.raises(UserError, match="expected a folder behind images:, got none"):
        load_data("images:", GREY)
    with pytest.raises(UserError, match="how images become inputs is unknown"):
        load_data(f"images:{root}")
    with pytest.raises(UserError, match="is for image folders"):
        load_data(f"images:{root}", GREY, class_order="number")
