import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from amc.data import broken_files
from amc.data.image_folder import image_folder
from amc.data.load import load_splits
from amc.data.preprocess import Preprocess
from amc.data.splits import SplitSizes
from amc.utils.errors import UserError

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
    source = image_folder(root, GREY).sources[split]
    return [(round(image[0, 0, 0].item() * 255), target) for image, target in (source[i] for i in range(len(source)))]  # type: ignore[index]


def test_classes_and_files_are_in_sorted_order(root: Path) -> None:
    sources = image_folder(root, GREY)
    assert sources.class_names == ("ant", "cat")
    assert shades(root, "train") == [(30, 0), (40, 0), (50, 0), (0, 1), (10, 1), (20, 1)]
    assert shades(root, "test") == [(110, 0), (100, 1)]


def test_folders_in_classes_and_links_are_followed(root: Path, tmp_path: Path) -> None:
    ant = root / "train" / "ant"
    (ant / "deep").mkdir()
    shutil.move(ant / "0.png", ant / "deep" / "0.PNG")
    shutil.move(ant / "1.png", tmp_path / "1.png")
    (ant / "1.png").symlink_to(tmp_path / "1.png")
    shutil.move(root / "train" / "cat", tmp_path / "cats")
    (root / "train" / "cat").symlink_to(tmp_path / "cats")
    (tmp_path / "cats" / "more").mkdir()
    shutil.move(tmp_path / "cats" / "2.png", tmp_path / "cats" / "more" / "2.png")
    (tmp_path / "cats" / "more" / "round").symlink_to(tmp_path / "cats")
    assert sorted(shades(root, "train")) == [(0, 1), (10, 1), (20, 1), (30, 0), (40, 0), (50, 0)]


def test_litter_is_left_out_at_every_level(root: Path) -> None:
    before = {split: shades(root, split) for split in ("train", "val", "test")}
    image = (root / "train" / "cat" / "0.png").read_bytes()
    for folder in (root, root / "train", root / "train" / "ant", root / "val" / "cat", root / "test"):
        for hidden in (".ipynb_checkpoints", "__MACOSX", "@eaDir", ".git", ".DS_Store.d"):
            (folder / hidden).mkdir()
            (folder / hidden / "0-checkpoint.png").write_bytes(image)
        for name in ("._0.png", ".DS_Store", "Thumbs.db", "desktop.ini", "~$0.png"):
            (folder / name).write_bytes(b"Mac OS X")
    assert {split: shades(root, split) for split in ("train", "val", "test")} == before
    assert image_folder(root, GREY).notes == ()
    shutil.move(root, root.parent / ".hidden")  # the folder itself may be called as it likes
    assert shades(root.parent / ".hidden", "test") == before["test"]


def test_files_that_are_passed_over_are_counted_in_one_line(root: Path) -> None:
    for name in ("a.gif", "b.GIF", "deep.d/c.gif", "notes.txt", "LICENSE"):
        path = root / "train" / "ant" / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (root / "val" / "labels.txt").touch()
    shutil.copy(root / "test" / "ant" / "0.png", root / "test" / "0.png")
    assert image_folder(root, GREY).notes == (
        "note: 7 files are passed over: 3 .gif, 2 .txt, 1 .png outside the folders of classes, 1 without a suffix",
    )


@pytest.mark.parametrize("name", ["valid", "validation"])
def test_a_folder_of_another_name_is_taken_as_val_and_said_so(root: Path, name: str) -> None:
    expected = shades(root, "val")
    (root / "val").rename(root / name)
    assert shades(root, "val") == expected
    assert load_splits(f"imagefolder:{root}", GREY).notes == (f"note: {root / name} is taken as val",)
    shutil.copytree(root / name, root / "val")
    with pytest.raises(UserError, match=f"expected one folder of val images in .*, got val and {name}; rename one"):
        image_folder(root, GREY)


def test_a_folder_that_is_probably_a_split_is_named(root: Path) -> None:
    (root / "val").rename(root / "dev")
    assert image_folder(root, GREY).notes == (
        f"note: rename {root / 'dev'} to val if that is what it holds, else it is not read",
    )
    shutil.rmtree(root / "test")
    with pytest.raises(UserError, match=r"there is neither; rename .*/dev to val if that is what it holds"):
        image_folder(root, GREY)


def test_numbers_are_ordered_as_asked(root: Path) -> None:
    for split in ("train", "val", "test"):
        for name, number in (("ant", "10"), ("cat", "9")):
            (root / split / name).rename(root / split / number)
    splits = load_splits(f"imagefolder:{root}", GREY)
    assert splits.class_names == ("10", "9")
    (note,) = splits.notes
    assert re.fullmatch(r"warning: .* in the order of text: 10, 9; .*, give class_order='number'", note)
    splits = load_splits(f"imagefolder:{root}", GREY, class_order="number")
    assert splits.class_names == ("9", "10")
    assert splits.notes == ()
    ((inputs, targets),) = splits.test.batches(8)
    torch.testing.assert_close(inputs[:, 0, 0, 0], torch.tensor([100.0, 110.0]).div(255))
    assert targets.tolist() == [0, 1]
    with pytest.raises(UserError, match="class_order='number' is for image folders, got data 'digits'"):
        load_splits("digits", class_order="number")
    with pytest.raises(UserError, match="unknown class order 'size'; there are name, number"):
        load_splits("digits", class_order="size")


def test_the_users_home_is_known(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(root.parent))
    assert len(load_splits("imagefolder:~/pictures/", GREY).test) == 2
    with pytest.raises(UserError, match="expected a folder behind imagefolder:, got none"):
        load_splits("imagefolder:", GREY)
    with pytest.raises(UserError, match="the folder '~nobody-here/x' can't be found"):
        load_splits("imagefolder:~nobody-here/x", GREY)


def test_images_reach_their_splits(root: Path) -> None:
    splits = load_splits(f"imagefolder:{root}", GREY, SplitSizes(), seed=0, progress=False)
    sizes = [len(images) for images in (splits.train, splits.calibration, splits.reward, splits.test)]
    assert sizes == [6, 6, 4, 2]
    ((inputs, targets),) = splits.test.batches(8)
    torch.testing.assert_close(inputs, torch.tensor([110.0, 100.0]).div(255).reshape(2, 1, 1, 1).expand(2, 1, 4, 4))
    assert targets.tolist() == [0, 1]


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_damaged_image_is_found_at_once_in_any_split(root: Path, split: str) -> None:
    (root / split / "ant" / "0.png").write_bytes(b"no image")
    (root / split / "cat" / "0.png").write_bytes(b"no image")
    (root / "test" / "cat" / "1.png").symlink_to(root / "gone.png")
    with pytest.raises(UserError) as caught:
        load_splits(f"imagefolder:{root}", GREY)
    assert "\n" not in str(caught.value)
    assert re.fullmatch(
        r".*/pictures/\w+/\w+/\d.png can't be read as an image: .*; repair or remove the file; 2 more can't be .*",
        str(caught.value),
    )


def test_of_very_many_training_images_only_those_for_calibration_are_opened(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    monkeypatch.setattr(broken_files, "check_images", lambda paths, *_, **__: opened.extend(paths))
    for many, expected in ((6, {"train": 6, "val": 4, "test": 1}), (5, {"train": 2, "val": 4, "test": 1})):
        monkeypatch.setattr(broken_files, "MANY", many)
        opened.clear()
        load_splits(f"imagefolder:{root}", GREY, SplitSizes(calibration=2, test=1))
        assert Counter(path.parts[-3] for path in opened) == expected


def test_images_become_inputs_in_a_known_way(root: Path) -> None:
    with pytest.raises(UserError, match="how images become inputs is unknown"):
        image_folder(root, None)


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        (["train"], r"expected a folder of images at .*/train, there is none; lay the images out as train/CLASS"),
        (["val", "test"], r"expected a folder val or test beside train in .*, there is neither"),
        (["train/ant", "train/cat"], r"expected one folder for each class in .*/train, there is none"),
        (
            ["val/ant"],
            r"expected the classes of .*/train in .*/val, which lacks ant; give every split a folder of each",
        ),
        (["train/cat"], r"in .*/val, which adds cat"),
    ],
)
def test_missing_folders_are_one_line(root: Path, removed: list[str], message: str) -> None:
    for name in removed:
        shutil.rmtree(root / name)
    with pytest.raises(UserError, match=message):
        image_folder(root, GREY)


@pytest.mark.parametrize(
    ("place", "advice"),
    [
        ("..", r"did you mean imagefolder:.*/pictures\?"),
        ("train", r"give the folder above, imagefolder:.*/pictures$"),
        ("train/ant/0.png", "0.png is a file: unpack it and give the folder"),
        ("nowhere", "check the path"),
        ("train/ant", "lay the images out as train/CLASS/FILE"),
        ("classes", "if ant, cat are classes, move each into train/"),
    ],
)
def test_another_place_is_answered_by_what_to_give(root: Path, place: str, advice: str) -> None:
    shutil.copytree(root / "test", root / "classes")
    with pytest.raises(UserError, match=f"expected a folder of images at .*/train, there is none; .*{advice}"):
        image_folder((root / place).resolve(), GREY)


def test_folders_of_other_names_are_answered_by_what_to_rename(root: Path) -> None:
    (root / "train").rename(root / "Training")
    with pytest.raises(UserError, match=r"there is none; rename .*/Training to train if that is what it holds"):
        image_folder(root, GREY)


def test_images_without_folders_of_classes_and_links_to_nowhere_are_one_line(root: Path) -> None:
    (root / "train" / "dog").symlink_to(root / "gone")
    with pytest.raises(UserError, match=r"train/dog is a link to .*/gone, which is not there; mend or remove it"):
        image_folder(root, GREY)
    (root / "train" / "dog").unlink()
    for path in (root / "train").rglob("*.png"):
        shutil.move(path, root / "train" / f"{path.parent.name}{path.name}")
    for name in ("ant", "cat"):
        (root / "train" / name).rmdir()
    with pytest.raises(
        UserError, match=r"there is none, but 6 .png outside the folders of classes; move the images of"
    ):
        image_folder(root, GREY)


def test_a_class_without_images_is_one_line(root: Path) -> None:
    (root / "test" / "ant" / "0.png").rename(root / "test" / "ant" / "0.gif")
    with pytest.raises(UserError, match=r"images in .*/test/ant, there are none that end in .bmp.*, but 1 .gif"):
        image_folder(root, GREY)
    (root / "test" / "ant" / "0.gif").unlink()
    with pytest.raises(UserError, match=r"there are none that .*; add some, or remove the folder in every split"):
        image_folder(root, GREY)
