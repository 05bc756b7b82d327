from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from amc.data.augment import Augmentation
from amc.utils.errors import UserError


def test_every_image_is_a_shifted_and_perhaps_mirrored_copy() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(200, 2, 5, 6, generator=generator)
    changed, classes = Augmentation(crop_padding=1, flip=True)(inputs, torch.arange(200), generator)
    assert isinstance(changed, Tensor)
    assert torch.equal(classes, torch.arange(200))
    assert changed.shape == inputs.shape
    seen = set()
    for image, result in zip(inputs, changed, strict=True):
        candidates = {}
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                rows = [min(max(row + down, 0), 4) for row in range(5)]
                columns = [min(max(column + right, 0), 5) for column in range(6)]
                shifted = image[:, rows][:, :, columns]
                candidates[down, right, False] = shifted
                candidates[down, right, True] = shifted.flip(2)
        matches = [key for key, value in candidates.items() if torch.equal(value, result)]
        assert len(matches) == 1
        seen.add(matches[0])
    assert len(seen) == 18


def test_no_change_is_possible() -> None:
    inputs = torch.rand(4, 1, 3, 3)
    same, targets = Augmentation(crop_padding=0, flip=False)(inputs, "whatever", torch.Generator())
    assert same is inputs
    assert targets == "whatever"


@st.composite
def squares(draw: st.DrawFn) -> tuple[Tensor, list[dict[str, Any]]]:
    """Dark images with bright rectangles, each in a shade of its own, and their boxes, labels and masks."""
    count, height, width = draw(st.integers(1, 3)), 12, 10
    images, targets = torch.zeros(count, 1, height, width), []
    for image in images:
        boxes, masks = [], []
        for shade in range(draw(st.integers(0, 2))):
            left, top = draw(st.integers(0, 4)) + 5 * shade, draw(st.integers(0, height - 2))
            right, bottom = draw(st.integers(left + 1, 5 * shade + 5)), draw(st.integers(top + 1, height))
            image[0, top:bottom, left:right] = 1 + shade
            boxes.append([left, top, right, bottom])
            masks.append(image[0] == 1 + shade)
        labels = torch.arange(1, len(boxes) + 1)
        stacked = torch.stack(masks) if masks else torch.zeros(0, height, width, dtype=torch.bool)
        target = {"boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4), "labels": labels, "masks": stacked}
        targets.append({**target, "image_id": 7})
    return images, targets


def bounds(pixels: Tensor) -> list[float]:
    """The corners of the box around the pixels that are set."""
    rows, columns = (torch.nonzero(pixels.any(dim=dim))[:, 0] for dim in (1, 0))
    return [float(each) for each in (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)]


@given(squares(), st.booleans(), st.integers(0, 1000))
def test_boxes_and_masks_move_with_the_pixels(
    given_squares: tuple[Tensor, list[dict[str, Any]]], flip: bool, seed: int
) -> None:
    images, targets = given_squares
    framed = torch.nn.functional.pad(images, (3, 3, 3, 3))  # nothing is at the edge, which is repeated
    inside = [
        {**each, "boxes": each["boxes"] + 3, "masks": torch.nn.functional.pad(each["masks"], (3, 3, 3, 3))}
        for each in targets
    ]
    moved, found = Augmentation(crop_padding=2, flip=flip)(framed, inside, torch.Generator().manual_seed(seed))
    assert isinstance(moved, Tensor)
    for image, target in zip(moved[:, 0], found, strict=True):
        assert target["image_id"] == 7
        for box, label, mask in zip(target["boxes"], target["labels"], target["masks"], strict=True):
            assert torch.equal(mask, image == label)
            assert box.tolist() == bounds(image == label)


def test_what_leaves_the_image_is_dropped_with_its_label() -> None:
    images = torch.zeros(40, 1, 8, 8)
    of_the_image = {"image_id": torch.tensor([7]), "orig_size": torch.tensor([480, 640])}
    target = {
        "boxes": torch.tensor([[0.0, 0.0, 1.0, 1.0], [2.0, 2.0, 6.0, 6.0]]),
        "labels": torch.tensor([5, 6]),
        "area": torch.tensor([1.0, 16.0]),
        **of_the_image,
    }
    _, found = Augmentation(2, flip=False)(images, [target] * 40, torch.Generator().manual_seed(0))
    counts = {len(each["boxes"]) for each in found}
    assert counts == {1, 2}
    assert all(len(each["boxes"]) == len(each["labels"]) and 6 in each["labels"] for each in found)
    assert all(len(each["boxes"]) == len(each["area"]) and 16 in each["area"] for each in found)
    assert all(torch.equal(each[name], value) for each in found for name, value in of_the_image.items())
    assert all(each["boxes"].min() >= 0 and each["boxes"].max() <= 8 for each in found)


def test_masks_of_a_batch_and_inputs_of_one_size_are_changed_alike() -> None:
    images = torch.rand(20, 3, 6, 7)
    inputs = {"image": images, "depth": images[:, :1], "class": torch.arange(20), "vector": torch.rand(20, 5)}
    moved, masks = Augmentation(1, flip=True)(inputs, images[:, 1], torch.Generator().manual_seed(0))
    assert isinstance(moved, dict)
    assert torch.equal(moved["depth"], moved["image"][:, :1])
    assert torch.equal(masks, moved["image"][:, 1])
    assert not torch.equal(moved["image"], images)
    assert moved["class"] is inputs["class"]
    assert moved["vector"] is inputs["vector"]


def test_what_is_no_tensor_of_the_boxes_stays() -> None:
    target = {"boxes": torch.tensor([[0.0, 0, 4, 4]]), "labels": [3], "iscrowd": torch.tensor(0)}
    _, (changed,) = Augmentation(crop_padding=1, flip=False)(
        torch.zeros(1, 3, 8, 8), [target], torch.Generator().manual_seed(0)
    )
    assert changed["labels"] == [3]
    assert changed["iscrowd"].ndim == 0


def test_keypoints_are_shifted_with_their_boxes_and_not_mirrored() -> None:
    images, points = torch.zeros(8, 1, 12, 12), torch.randint(2, 10, (8, 2), generator=torch.Generator().manual_seed(0))
    for image, (x, y) in zip(images, points, strict=True):
        image[0, y, x] = 1
    targets = [
        {"boxes": torch.tensor([[x, y, x + 1.0, y + 1.0]]), "keypoints": torch.tensor([[[x, y, 1.0]]])}
        for x, y in points.tolist()
    ]
    moved, changed = Augmentation(crop_padding=2, flip=False)(images, targets, torch.Generator().manual_seed(1))
    assert isinstance(moved, Tensor)
    for image, target in zip(moved, changed, strict=True):
        y, x = (image[0] == 1).nonzero()[0].tolist()
        assert target["keypoints"].tolist() == [[[x, y, 1]]]
        assert target["boxes"].tolist() == [[x, y, x + 1, y + 1]]
    with pytest.raises(UserError, match="images with keypoints can't be mirrored"):
        Augmentation(crop_padding=0, flip=True)(images, targets, torch.Generator())
