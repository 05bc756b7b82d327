import dataclasses
from typing import cast

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms._presets import ImageClassification
from torchvision.tv_tensors import BoundingBoxes, Mask

from amc.data.preprocess import IMAGENET, CropMode, Interpolation, Preprocess, adapted
from amc.utils.errors import UserError

MEAN = (0.4, 0.5, 0.6)
STD = (0.2, 0.3, 0.4)


def picture(height: int, width: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


SIDES = st.integers(1, 70)


@given(height=SIDES, width=SIDES, crop=st.integers(1, 40), resize=st.integers(1, 40), bicubic=st.booleans())
@example(height=40, width=60, crop=24, resize=28, bicubic=False)
@example(height=40, width=60, crop=24, resize=28, bicubic=True)
@example(height=61, width=33, crop=24, resize=28, bicubic=False)
@example(height=61, width=33, crop=24, resize=28, bicubic=True)
@example(height=24, width=24, crop=24, resize=28, bicubic=False)
@example(height=24, width=24, crop=24, resize=28, bicubic=True)
@example(height=10, width=12, crop=24, resize=28, bicubic=False)
@example(height=10, width=12, crop=24, resize=28, bicubic=True)
def test_the_steps_are_torchvisions(height: int, width: int, crop: int, resize: int, bicubic: bool) -> None:
    interpolation: Interpolation = "bicubic" if bicubic else "bilinear"
    oracle = ImageClassification(
        crop_size=crop, resize_size=resize, mean=MEAN, std=STD, interpolation=InterpolationMode(interpolation)
    )
    ours = Preprocess(crop, MEAN, STD, resize_size=resize, interpolation=interpolation)
    result = ours(picture(height, width))
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, oracle(picture(height, width)), rtol=0, atol=1e-6)


def test_the_shorter_side_is_the_image_size_by_default() -> None:
    image = picture(32, 64)
    centre = np.asarray(image)[:, 16:48].transpose(2, 0, 1) / 255
    expected = (centre - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))
    np.testing.assert_allclose(Preprocess(32, MEAN, STD)(image), expected, rtol=1e-5, atol=1e-6)


def test_colours_follow_the_number_of_channels() -> None:
    grey = Image.fromarray(np.full((4, 4), 51, dtype=np.uint8))
    torch.testing.assert_close(Preprocess(4, (0.0,), (1.0,))(grey), torch.full((1, 4, 4), 0.2))
    torch.testing.assert_close(Preprocess(4, (0.0,) * 3, (1.0,) * 3)(grey), torch.full((3, 4, 4), 0.2))
    assert Preprocess(4, (0.0,), (1.0,))(picture(4, 4)).shape == (1, 4, 4)
    assert Preprocess(4, (0.0,), (1.0,)).shape == (1, 4, 4)


@pytest.mark.parametrize(
    ("size", "mean", "std", "message"),
    [
        (
            8,
            (0.5,) * 2,
            (0.5,) * 2,
            r"expected 1 \(grey\) or 3 \(RGB\) numbers as mean and as many as std, got \(0.5, 0.5\)",
        ),
        (8, (0.5,), (0.5,) * 3, "expected 1 .* or 3"),
        (8, (0.5,), (0.0,), "expected numbers above 0, and 1 at the most, as std, got"),
        (8, (0.5,), (float("nan"),), "expected numbers above 0, and 1 at the most, as std, got"),
        (8, (0.5,), (57.4,), "as std, got .* divide what is meant for 0 to 255 by 255"),
        (8, (123.7, 116.3, 103.5), (0.5,) * 3, "from 0 to 1 as mean, got .* divide what is meant for 0 to 255 by 255"),
        (8, (-0.1,), (0.5,), "from 0 to 1 as mean"),
        (8, (float("nan"),), (0.5,), "from 0 to 1 as mean"),
        (0, (0.5,), (0.5,), "expected image_size above 0 pixels, got 0"),
    ],
)
def test_impossible_numbers_are_one_line(
    size: int, mean: tuple[float, ...], std: tuple[float, ...], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        Preprocess(size, mean, std)


@pytest.mark.parametrize(
    ("size", "covering", "box"), [((32, 24), (26, 32), (1, 0, 25, 32)), ((16, 32), (32, 39), (0, 12, 32, 28))]
)
def test_an_input_that_is_no_square_is_the_middle_of_the_smallest_picture_that_covers_it(
    size: tuple[int, int], covering: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    image = picture(64, 52)
    expected = np.asarray(image.resize(covering, Image.Resampling.BILINEAR).crop(box), dtype=np.float32)
    ours = Preprocess(size, (0.0,) * 3, (1.0,) * 3)
    assert ours.shape == (3, *size)
    np.testing.assert_allclose(ours(image), expected.transpose(2, 0, 1) / 255, atol=1e-6)


@pytest.mark.parametrize("size", [(5, 5), (5, 12), (12, 5)])
@pytest.mark.parametrize("crop_mode", ["center", "squash", "border"])
def test_boxes_and_masks_lie_where_the_pixels_are(size: tuple[int, int], crop_mode: CropMode) -> None:
    ours = Preprocess(8, (0.0,), (1.0,), resize_size=5, interpolation="nearest", crop_mode=crop_mode)
    classes = np.zeros(size, dtype=np.uint8)
    classes[2:4, 2:4] = 255
    (pixels,) = ours(Image.fromarray(classes))
    assert torch.equal(ours.place(Mask(classes)).as_subclass(torch.Tensor) > 0, pixels > 0)
    box = ours.place(BoundingBoxes(torch.tensor([[2.0, 2.0, 4.0, 4.0]]), format="XYXY", canvas_size=size))
    left, top, right, bottom = box[0].tolist()
    rows, columns = (torch.nonzero(pixels.any(dim=dim))[:, 0] for dim in (1, 0))
    found = torch.tensor([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    torch.testing.assert_close(torch.tensor([left, top, right, bottom]), found.float(), rtol=0, atol=0.7)


def test_an_image_size_of_equal_sides_is_that_of_one_number() -> None:
    assert adapted(IMAGENET, (64, 64)) == adapted(IMAGENET, 64)
    assert adapted(IMAGENET, [64, 48]) == dataclasses.replace(IMAGENET, image_size=(64, 48), resize_size=None)
    for wrong in ((64, 48, 3), (64,)):
        with pytest.raises(UserError, match="expected image_size as one number of pixels or height and width"):
            adapted(IMAGENET, cast(tuple[int, int], wrong))
    with pytest.raises(UserError, match="expected image_size above 0 pixels, got 64x0"):
        adapted(IMAGENET, (64, 0))
