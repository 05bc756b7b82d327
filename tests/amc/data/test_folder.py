import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from amc.data.folder import image_folder
from amc.data.load import load_data
from amc.data.preprocess import Preprocess
from amc.data.splits import SplitSizes
from amc.errors import UserError

GREY = Preprocess(4, (0.0,), (1.0,))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three splits of two classes; every image has a shade of its own."""
    shade = 0
    for split, count in (("train", 3), ("val", 2), ("test", 1)):
        for name in ("cat", "ant"):
            folder = tmp_path / "pictures" / split / name
            folder.mkdir(parents=True)
            for index in range(count):
                Image.fromarray(np.full((4, 6), shade, dtype=np.uint8)).save(folder / f"{index}.png")
                shade += 10
    return tmp_path / "pictures"


def shades(root: Path, split: str) -> list[tuple[int, int]]:
    source = image_folder(root, GREY).parts[split]
    return [(round(image[0, 0, 0].item() * 255), target) for image, target in (source[i] for i in range(len(source)))]  # type: ignore[index]


def test_classes_and_files_are_in_sorted_order(root: Path) -> None:
    sources = image_folder(root, GREY)
    assert sources.class_names == ("ant", "cat")
    assert shades(root, "train") == [(30, 0), (40, 0), (50, 0), (0, 1), (10, 1), (20, 1)]
    assert shades(root, "test") == [(110, 0), (100, 1)]


def test_other_files_are_no_images_and_folders_in_classes_are_searched(root: Path) -> None:
    (root / "train" / "ant" / "notes.txt").touch()
    (root / "train" / ".cache").mkdir()
    (root / "train" / "README").touch()
    (root / "train" / "ant" / "deep").mkdir()
    shutil.move(root / "train" / "ant" / "0.png", root / "train" / "ant" / "deep" / "0.PNG")
    assert sorted(shades(root, "train")) == [(0, 1), (10, 1), (20, 1), (30, 0), (40, 0), (50, 0)]


def test_images_reach_their_splits(root: Path) -> None:
    splits = load_data(f"imagefolder:{root}", GREY, SplitSizes(), seed=0, progress=False)
    sizes = [len(images) for images in (splits.train, splits.calibration, splits.reward, splits.test)]
    assert sizes == [6, 6, 4, 2]
    ((inputs, targets),) = splits.test.batches(8)
    torch.testing.assert_close(inputs, torch.tensor([110.0, 100.0]).div(255).reshape(2, 1, 1, 1).expand(2, 1, 4, 4))
    assert targets.tolist() == [0, 1]


def test_a_damaged_image_is_one_line(root: Path) -> None:
    (root / "val" / "ant" / "1.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"val/ant/1.png can't be read as an image: .*; repair or remove") as caught:
        load_data(f"imagefolder:{root}", GREY, SplitSizes(), seed=0, progress=False)
    assert "\n" not in str(caught.value)


def test_a_damaged_test_image_is_not_read_before_the_test(root: Path) -> None:
    for path in (root / "test").rglob("*.png"):
        path.write_bytes(b"no image")
    splits = load_data(f"imagefolder:{root}", GREY, SplitSizes(), seed=0, progress=False)
    with pytest.raises(UserError, match="can't be read as an image"):
        list(splits.test.batches(8))


def test_images_become_inputs_in_a_known_way(root: Path) -> None:
    with pytest.raises(UserError, match="how images become inputs is unknown"):
        image_folder(root, None)


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        (["train"], r"expected a folder of images at .*/train, there is none"),
        (["val", "test"], r"expected a folder val or test beside train in .*, there is neither"),
        (["train/ant", "train/cat"], r"expected one folder for each class in .*/train, there is none"),
        (["val/ant"], r"expected the classes of .*/train in .*/val, which lacks ant"),
        (["train/cat"], r"in .*/val, which adds cat"),
    ],
)
def test_missing_folders_are_one_line(root: Path, removed: list[str], message: str) -> None:
    for name in removed:
        shutil.rmtree(root / name)
    with pytest.raises(UserError, match=message):
        image_folder(root, GREY)


def test_a_class_without_images_is_one_line(root: Path) -> None:
    (root / "test" / "ant" / "0.png").unlink()
    with pytest.raises(UserError, match=r"expected images in .*/test/ant, there are none that end in .bmp"):
        image_folder(root, GREY)
