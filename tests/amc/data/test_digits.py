import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from amc.data.load import Splits, load_splits
from amc.data.preprocess import DIGITS, IMAGENET_MEAN, IMAGENET_STD, Preprocess
from amc.data.splits import SplitSizes


def digits(seed: int, preprocess: Preprocess | None = None) -> Splits:
    return load_splits("digits", preprocess, SplitSizes(), seed, progress=False)


def rows(splits: Splits) -> list[set[tuple[float, ...]]]:
    """The different images of train, reward and test."""
    return [
        {tuple(image.flatten().tolist()) for inputs, _ in images.batches(500) for image in inputs}
        for images in (splits.train, splits.reward, splits.test)
    ]


@pytest.mark.usefixtures("calibrated_as_for_users")
def test_the_division_does_not_depend_on_the_seed() -> None:
    one, two = digits(seed=0), digits(seed=1)
    assert [len(images) for images in (one.train, one.calibration, one.reward, one.test)] == [905, 905, 447, 445]
    assert rows(one) == rows(two)
    assert not one.reward_from_train
    assert one.class_names == tuple("0123456789")


def test_every_digit_is_in_one_split() -> None:
    every = rows(digits(seed=0))
    assert sum(map(len, every)) == len(set.union(*every)) == len(load_digits().data)


def test_every_class_has_its_share() -> None:
    splits = digits(seed=0)
    counts = [torch.cat([t for _, t in images.batches(500)]).bincount() for images in (splits.reward, splits.test)]
    assert all(43 <= count.min() <= count.max() <= 46 for count in counts)


def test_pixels_are_those_of_the_dataset() -> None:
    (inputs, targets), *_ = digits(seed=0).train.batches(1)
    original = (inputs[0, 0].numpy() * DIGITS.std[0] + DIGITS.mean[0]) * 16
    np.testing.assert_allclose(original, load_digits().images[0], atol=0.04)  # to the nearest of 256 levels
    assert targets[0] == 0


def test_inputs_are_normalised() -> None:
    inputs = torch.cat([inputs for inputs, _ in digits(seed=0).train.batches(500)])
    assert abs(inputs.mean()) < 0.01
    assert abs(inputs.std() - 1) < 0.01


def test_digits_fit_a_network_for_photographs() -> None:
    splits = digits(seed=0, preprocess=Preprocess(16, IMAGENET_MEAN, IMAGENET_STD))
    assert splits.train.example().shape == (2, 3, 16, 16)
