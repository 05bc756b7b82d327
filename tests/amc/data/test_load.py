from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from amc.data.lazy import LazyImages
from amc.data.load import load_data, load_splits
from amc.data.preprocess import Preprocess
from amc.data.resident import ResidentImages
from amc.data.splits import SplitSizes
from amc.data.streamed import StreamedImages
from amc.networks.sources import Network
from amc.utils.errors import UserError


def test_calibration_and_reward_images_are_in_memory_and_the_others_wait() -> None:
    splits = load_splits("digits", None, SplitSizes(calibration=50, reward=60), seed=0, progress=False)
    assert isinstance(splits.calibration, ResidentImages)
    assert isinstance(splits.reward, ResidentImages)
    for images in (splits.train, splits.test):
        assert isinstance(images, LazyImages)
        assert "now" not in vars(images)


def test_what_does_not_fit_is_streamed() -> None:
    splits = load_splits(
        "digits", None, SplitSizes(calibration=50, reward=60), seed=0, progress=False, memory_limit_bytes=50 * 64 * 4
    )
    assert isinstance(splits.calibration, ResidentImages)
    assert isinstance(splits.reward, StreamedImages)


def test_unknown_data_is_one_line() -> None:
    with pytest.raises(
        UserError, match=r"expected digits, cifar10, imagefolder:PATH, images:PATH, .* as data, got 'cifar'; did you"
    ):
        load_splits("cifar", None, SplitSizes(), seed=0, progress=False)


def datasets(*counts: int) -> dict[str, TensorDataset]:
    names = ("train", "val", "test")[: len(counts)]
    return {
        name: TensorDataset(torch.full((count, 3, 4, 4), float(count)), torch.arange(count))
        for name, count in zip(names, counts, strict=True)
    }


def test_datasets_and_loaders_are_given_as_objects() -> None:
    given = datasets(12, 8, 6)
    loaders = {name: DataLoader(part, batch_size=4) for name, part in given.items()}
    for data in (given, lambda: given, loaders):
        splits = load_data(data, sizes={"calibration": 5, "test": 2})
        parts = (splits.train, splits.calibration, splits.reward, splits.test)
        assert [len(images) for images in parts] == [12, 5, 8, 2]
        assert [images.example(1).mean().item() for images in parts] == [12, 12, 8, 6]
        assert splits.source == ""


def test_names_have_a_preprocessing_that_arguments_change() -> None:
    (inputs, _), *_ = load_data(
        "digits", image_size=12, mean=[0.5], std=[0.25], sizes={"calibration": 4}
    ).train.batches(9)
    assert inputs.shape[1:] == (1, 12, 12)
    network = Network(nn.Identity(), "net", Preprocess(6, (0.0,), (1.0,)), None)
    splits = load_data("digits", network, {"calibration": 4}, std=(0.5,))
    assert splits.preparation == {"std": (0.5,)}
    assert torch.equal(
        splits.calibration.example(4),
        load_data("digits", Preprocess(6, (0.0,), (0.5,)), {"calibration": 4}).calibration.example(4),
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"data": "imagefolder:photos"},
            "how images become inputs is unknown for this network; give image_size, and mean",
        ),
        ({"data": "imagefolder:photos", "mean": (0.5,)}, "mean and std need image_size too"),
        ({"data": "digits", "mean": (0.5,) * 3}, "expected mean and std of 1 each, one for each colour channel, got 3"),
        ({"data": "digits", "mean": 0.5}, "expected numbers as mean, one for each colour channel, got 0.5"),
        ({"data": "digits", "image_size": 0}, "expected image_size above 0 pixels, got 0"),
        ({"data": "digits", "seed": -1}, "expected seed of 0 or more"),
        (
            {"data": "digits", "sizes": {"val": 3}},
            "unknown split 'val' among sizes; there are calibration, reward, test",
        ),
        (
            {"data": "digits", "preprocess": nn.ReLU()},
            "expected preprocess as a network of amc.load_network or its .* ReLU",
        ),
        (
            {"data": datasets(4, 2), "image_size": 8},
            "datasets of your own make the inputs themselves; leave image_size out",
        ),
        (
            {"data": datasets(4)},
            "expected a mapping with train, and val, test or both from the data given, got the keys",
        ),
        ({"data": lambda: 1 / 0}, "data .*lambda.* failed: ZeroDivisionError: division by zero"),
    ],
)
def test_mistakes_name_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_data(**arguments)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder without test/ of two classes with two images each."""
    for place in ("train/a", "train/b", "val/a", "val/b"):
        (tmp_path / place).mkdir(parents=True)
        for index in range(2):
            Image.new("RGB", (6, 6), (40 * index, 0, 0)).save(tmp_path / place / f"{index}.png")
    return tmp_path


def test_a_folder_is_a_path_and_what_was_assumed_of_it_is_said(photos: Path) -> None:
    splits = load_data(photos, image_size=4, mean=(0.5, 0.5, 0.5))
    assert splits.source == f"imagefolder:{photos}"
    assert len(splits.test) == 2
    divided = "no test split: half of the val split is kept as test images"
    inputs = "inputs of 3x4x4, mean 0.5 0.5 0.5, std 0.229 0.224 0.225 (std of ImageNet, since none is given)"
    assert repr(splits).endswith(f" images; {divided}; {inputs}>")
    assert splits.notes == (f"note: {divided}", f"note: {inputs}")
    assert divided in splits._repr_html_()
    assert inputs in splits._repr_html_()
    known = load_data(photos, Preprocess(4, (0.5,) * 3, (0.25,) * 3), image_size=4)
    assert repr(known).endswith("; inputs of 3x4x4, mean 0.5 0.5 0.5, std 0.25 0.25 0.25>")
    with pytest.raises(UserError, match=f"did you mean imagefolder:{photos}"):
        load_data(str(photos), image_size=4)


def test_splits_are_shown_in_short() -> None:
    splits = load_data("digits", sizes={"calibration": 5, "reward": 6, "test": 7})
    counts = f"{len(splits.train):,} train, 5 calibration, 6 reward, 7 test images"
    assert repr(splits) == f"<Splits of digits, 10 classes: {counts}; inputs of 1x8x8, mean 0.305, std 0.376>"
    assert [repr(splits.reward), repr(splits.train)] == [
        "<ResidentImages: 6 of 1x8x8>",
        f"<LazyImages: {len(splits.train):,}, not read yet>",
    ]
    assert "validation" in splits._repr_html_()
    assert "loaded" not in vars(splits.train)
