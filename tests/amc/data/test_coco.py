import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from amc.artifacts.lasting_options import lasting_value
from amc.data.load import load_data
from amc.utils.errors import UserError

PREPARED: dict[str, Any] = {"image_size": 8, "mean": (0.0,), "std": (1.0,)}


def save(folder: Path, boxes: list[list[tuple[int, int, int, int]]], size: tuple[int, int] = (12, 8)) -> Path:
    """Dark images with bright boxes (left, top, width, height), and their annotations."""
    folder.mkdir(parents=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, each in enumerate(boxes):
        pixels = np.zeros(size, dtype=np.uint8)
        for left, top, width, height in each:
            pixels[top : top + height, left : left + width] = 255
            annotations.append(
                {"id": len(annotations), "image_id": 7 + number, "category_id": 3, "bbox": [left, top, width, height]}
            )
        Image.fromarray(pixels).save(folder / f"{number}.png")
        images.append({"id": 7 + number, "file_name": f"{number}.png", "height": size[0], "width": size[1]})
    path = folder.with_suffix(".json")
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": []}))
    return path


def test_boxes_lie_on_what_they_are_of_after_the_crop(tmp_path: Path) -> None:
    """The image of 12 x 8 loses two rows at the top and at the bottom."""
    train = save(tmp_path / "a", [[(1, 3, 3, 4)], [(5, 0, 2, 9), (0, 11, 2, 1)], []])
    val = save(tmp_path / "b", [[(0, 0, 16, 24)], [(4, 8, 8, 8)]], (24, 16))
    splits = load_data(f"coco:{tmp_path / 'a'},{train},{tmp_path / 'b'},{val}", **PREPARED)
    inputs, targets = next(iter(splits.train.batches(3)))
    assert [each["labels"].tolist() for each in targets] == [[3], [3], []]
    assert [each["boxes"].tolist() for each in targets] == [[[1, 1, 4, 5]], [[5, 0, 7, 7]], []]
    assert targets[2]["boxes"].shape == (0, 4)
    for image, target in zip(inputs[:, 0], targets, strict=True):
        drawn = torch.zeros(8, 8)
        for left, top, right, bottom in target["boxes"].int().tolist():
            drawn[top:bottom, left:right] = 1
        assert torch.equal(image, drawn)
    found = [target for part in (splits.reward, splits.test) for _, each in part.batches(1) for target in each]
    assert sorted(each["boxes"].tolist() for each in found) == [[[0, 0, 8, 8]], [[2, 2, 6, 6]]]
    shuffled = next(iter(splits.train.batches(3, shuffle_seed=1)))
    assert sorted(len(each["labels"]) for each in shuffled[1]) == [0, 1, 1]


def test_a_broken_test_image_is_found_before_anything_is_computed(tmp_path: Path) -> None:
    parts = [tmp_path / name for name in "abc"]
    files = [save(part, [[(1, 3, 3, 4)]]) for part in parts]
    (tmp_path / "c" / "0.png").write_text("no image")
    given = ",".join(f"{part},{file}" for part, file in zip(parts, files, strict=True))
    with pytest.raises(UserError, match=r"c/0.png can't be read as an image: .*; repair or remove the file"):
        load_data(f"coco:{given}", **PREPARED)


def test_one_pair_is_divided_at_random_and_its_text_holds_from_anywhere(tmp_path: Path) -> None:
    path = save(tmp_path / "a", [[(1, 3, 3, 4)]] * 8)
    given = f"coco:{tmp_path / 'a'},{path}"
    splits = load_data(given, **PREPARED)
    assert [len(each) for each in (splits.train, splits.reward, splits.test)] == [4, 2, 2]
    assert lasting_value("data", "coco:a,b.json") == f"coco:{Path.cwd() / 'a'},{Path.cwd() / 'b.json'}"
    assert lasting_value("data", given) == given


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ("names", "expected coco:IMAGES,ANNOTATIONS.json, or two names for each of train, val"),
        ("image", "1 file of 2 can't be found, such as 1.png; check the folder"),
        ("file", "expected a file of annotations at .*: No such file"),
        ("text", "expected annotations of boxes as COCO has them in .*: "),
        ("box", r"as COCO has them in .*\$.annotations\[0\].bbox"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, spoil: str, message: str) -> None:
    path = save(tmp_path / "a", [[(1, 3, 3, 4)]] * 2)
    if spoil == "image":
        (tmp_path / "a" / "1.png").unlink()
    elif spoil == "file":
        path.unlink()
    elif spoil == "text":
        path.write_text("{")
    elif spoil == "box":
        path.write_text(path.read_text().replace("[1, 3, 3, 4]", "[1, 3, 3]", 1))
    with pytest.raises(UserError, match=message):
        load_data(f"coco:{tmp_path / 'a'}{f',{path}' if spoil != 'names' else ''}", **PREPARED)
