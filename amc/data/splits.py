"""The division of images into train, calibration, reward and test: the one place where splits are made."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from amc.data.sampling import Indices, Labels, stratified
from amc.utils.errors import UserError
from amc.utils.option_names import option
from amc.utils.text import did_you_mean

CALIBRATION_IMAGES = 1000
"""How many training images are used for calibration by default."""
UNDIVIDED = "images"
"""The name of a source whose images belong to no split yet."""
HELD_OUT_SHARE = 0.25
"""Share of undivided images that are reward images, and of those that are test images."""
MOST_HELD_OUT = 5000
"""How many undivided images are reward images at the most, and test images."""
REWARD_SHARE = 0.1  # of the training images, where the data has no val split
"""Share of the training images that are used for the reward, where the data has no val split."""


@dataclass(frozen=True)
class SplitSizes:
    """How many images each split shall have.

    Attributes:
        calibration: Calibration images; None for 1,000, or all training images where there are fewer.
        reward: Reward images; None for all there are, for a tenth of the training images where the data has no val
            split, or for a quarter of images that are not divided at all, and at most 5,000 of them.
        test: Test images; None for all there are, or as many as of undivided images are reward images.
    """

    calibration: int | None = None
    reward: int | None = None
    test: int | None = None


def as_sizes(given: SplitSizes | Mapping[str, int]) -> SplitSizes:
    """The sizes of splits that a user gives, also as a mapping by split.

    Raises:
        UserError: A split that has no size of its own.
    """
    if isinstance(given, SplitSizes):
        return given
    names = [each.name for each in fields(SplitSizes)]
    for name in given:
        if name not in names:
            raise UserError(f"unknown split {name!r} among {option('sizes')}; {did_you_mean(str(name), names)}")
    return SplitSizes(**given)


@dataclass(frozen=True)
class Subset:
    """Some images of one source of the data.

    Attributes:
        source: `train`, `val` or `test`, or that of undivided images.
        indices: Positions in that source [n].
    """

    source: str
    indices: Indices


@dataclass(frozen=True)
class Partition:
    """The division of all images into splits.

    `calibration` is a part of `train`; apart from that, no image is in two splits.
    """

    train: Subset
    calibration: Subset
    reward: Subset
    test: Subset
    reward_from_train: bool


def partition(labels: Mapping[str, Labels], sizes: SplitSizes, seed: int) -> Partition:
    """Divide the images into splits.

    With val and test, those are reward and test. With val alone, its two random halves are. With test alone, the reward
    images are taken out of the training images. Undivided images are dealt out at random.

    Args:
        labels: The classes [N] of all images of `train`, and of `val`, `test` or both; or of `UNDIVIDED` alone.
        sizes: How many images each split shall have.
        seed: Seed of the random choices.

    Raises:
        UserError: A split is larger than what there is, or val and test are both missing.
    """
    if UNDIVIDED in labels:
        return _dealt_out(labels, sizes, seed)
    train = _all(labels, "train")
    reward_from_train = "val" not in labels
    if "val" in labels and "test" in labels:
        reward, test = _all(labels, "val"), _all(labels, "test")
    elif "val" in labels:
        if len(labels["val"]) < 2:
            raise UserError("1 val image can't be divided into reward and test images; give more, or a test split")
        reward, test = _divided(labels, "val", len(labels["val"]) // 2, seed)
    elif "test" in labels:
        available = len(train.indices)
        count = max(1, round(REWARD_SHARE * available)) if sizes.reward is None else sizes.reward
        if not 1 <= count < available:
            raise UserError(
                f"{count} reward images can't be taken out of {available} training images;"
                f" ask for 1 or more, and fewer than {available}"
            )
        reward, train = _divided(labels, "train", count, seed)
        test = _all(labels, "test")
    else:
        raise UserError("expected val images, test images or both beside the training images, got none")
    return Partition(
        train=train,
        calibration=_calibration(train, labels, sizes, seed),
        reward=_some("reward", reward, labels, sizes.reward, seed),
        test=_some("test", test, labels, sizes.test, seed),
        reward_from_train=reward_from_train,
    )


def _dealt_out(labels: Mapping[str, Labels], sizes: SplitSizes, seed: int) -> Partition:
    """Divide images that belong to no split yet."""
    available = len(labels[UNDIVIDED])
    share = min(max(1, int(HELD_OUT_SHARE * available)), MOST_HELD_OUT)
    reward, test = (share if asked is None else asked for asked in (sizes.reward, sizes.test))
    if min(reward, test) < 1 or reward + test >= available:
        raise UserError(
            f"{reward} reward and {test} test images can't be taken out of {available} images; ask for 1 or more of"
            " each, and leave some to calibrate with"
        )
    held_out, train = _divided(labels, UNDIVIDED, reward + test, seed)
    order = np.random.default_rng(seed).permutation(held_out.indices)
    return Partition(
        train=train,
        calibration=_calibration(train, labels, sizes, seed),
        reward=Subset(UNDIVIDED, np.sort(order[:reward])),
        test=Subset(UNDIVIDED, np.sort(order[reward:])),
        reward_from_train=False,
    )


def _calibration(train: Subset, labels: Mapping[str, Labels], sizes: SplitSizes, seed: int) -> Subset:
    count = min(CALIBRATION_IMAGES, len(train.indices)) if sizes.calibration is None else sizes.calibration
    return _some("calibration", train, labels, count, seed)


def _all(labels: Mapping[str, Labels], source: str) -> Subset:
    return Subset(source, np.arange(len(labels[source])))


def _divided(labels: Mapping[str, Labels], source: str, count: int, seed: int) -> tuple[Subset, Subset]:
    """Return `count` random images and the others, both in their stored order."""
    drawn = np.sort(stratified(labels[source], count, seed))
    others = np.setdiff1d(np.arange(len(labels[source])), drawn)
    return Subset(source, drawn), Subset(source, others)


def _some(name: str, part: Subset, labels: Mapping[str, Labels], count: int | None, seed: int) -> Subset:
    """Return `count` images in random order; all in their stored order for None."""
    available = len(part.indices)
    if count is None or count == available:
        return part
    if not 1 <= count <= available:
        raise UserError(f"expected 1 to {available} {name} images, got {count}; the data has no more")
    chosen = stratified(labels[part.source][part.indices], count, seed)
    return Subset(part.source, part.indices[chosen])
