import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc.data.sampling import Labels
from amc.data.splits import SplitSizes, Subset, partition
from amc.utils.errors import UserError

counts = st.integers(2, 60)


def images(part: Subset) -> set[tuple[str, int]]:
    return {(part.source, int(index)) for index in part.indices}


def labels(**sizes: int) -> dict[str, Labels]:
    return {name: np.arange(size) % 3 for name, size in sizes.items()}


@given(
    train=counts,
    val=st.none() | counts,
    test=st.none() | counts,
    sizes=st.builds(
        SplitSizes,
        calibration=st.none() | st.integers(1, 60),
        reward=st.none() | st.integers(1, 60),
        test=st.none() | st.integers(1, 60),
    ),
    seed=st.integers(0, 3),
)
def test_no_image_is_in_two_splits(train: int, val: int | None, test: int | None, sizes: SplitSizes, seed: int) -> None:
    given_sizes = {"train": train} | ({"val": val} if val else {}) | ({"test": test} if test else {})
    try:
        made = partition(labels(**given_sizes), sizes, seed)
    except UserError:
        fewest = min(given_sizes.values()) // 2
        asked = [size for size in (sizes.calibration, sizes.reward, sizes.test) if size is not None]
        assert len(given_sizes) == 1 or max(asked) > fewest
        return
    used = [images(made.train), images(made.reward), images(made.test)]
    assert sum(map(len, used)) == len(set.union(*used))
    assert images(made.calibration) <= images(made.train)
    for part, asked_size in (
        (made.calibration, sizes.calibration),
        (made.reward, sizes.reward),
        (made.test, sizes.test),
    ):
        assert len(images(part)) == len(part.indices) >= 1
        assert asked_size in (None, len(part.indices))
        assert max(part.indices) < given_sizes[part.source]
    assert made.reward_from_train == (val is None)
    again = partition(labels(**given_sizes), sizes, seed)
    assert all(images(getattr(again, name)) == images(getattr(made, name)) for name in ("train", "reward", "test"))


def test_val_and_test_are_reward_and_test() -> None:
    made = partition(labels(train=30, val=12, test=9), SplitSizes(), seed=0)
    assert images(made.reward) == {("val", index) for index in range(12)}
    assert images(made.test) == {("test", index) for index in range(9)}
    assert len(made.train.indices) == len(made.calibration.indices) == 30


def test_val_alone_is_halved() -> None:
    made = partition(labels(train=30, val=30), SplitSizes(), seed=0)
    assert images(made.reward) | images(made.test) == {("val", index) for index in range(30)}
    assert len(made.reward.indices) == len(made.test.indices) == 15
    assert np.bincount(made.reward.indices % 3).tolist() == [5, 5, 5]  # stratified
    other = partition(labels(train=30, val=30), SplitSizes(), seed=1)
    assert images(other.reward) != images(made.reward)


def test_without_val_a_tenth_of_train_is_reward() -> None:
    made = partition(labels(train=60, test=9), SplitSizes(), seed=0)
    assert made.reward_from_train
    assert (len(made.reward.indices), len(made.train.indices)) == (6, 54)


@pytest.mark.usefixtures("calibrated_as_for_users")
def test_calibration_is_a_thousand_images_by_default() -> None:
    made = partition(labels(train=3000, val=3, test=3), SplitSizes(), seed=0)
    assert len(made.calibration.indices) == 1000


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        (SplitSizes(calibration=31), "expected 1 to 30 calibration images, got 31; the data has no more"),
        (SplitSizes(reward=13), "expected 1 to 12 reward images, got 13"),
        (SplitSizes(test=0), "expected 1 to 9 test images, got 0"),
        (SplitSizes(calibration=0), "expected 1 to 30 calibration images, got 0"),
        (SplitSizes(reward=-1), "expected 1 to 12 reward images, got -1"),
    ],
)
def test_impossible_sizes_are_one_line(sizes: SplitSizes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        partition(labels(train=30, val=12, test=9), sizes, seed=0)


@pytest.mark.parametrize("reward", [0, 30, 31])
def test_reward_cannot_take_all_of_train(reward: int) -> None:
    with pytest.raises(UserError, match=rf"{reward} reward images can't be taken out of 30 training images"):
        partition(labels(train=30, test=9), SplitSizes(reward=reward), seed=0)


def test_val_or_test_is_needed() -> None:
    with pytest.raises(UserError, match="expected val images, test images or both"):
        partition(labels(train=30), SplitSizes(), seed=0)


def test_a_val_split_of_one_image_cannot_be_halved() -> None:
    with pytest.raises(UserError, match="1 val image can't be divided"):
        partition(labels(train=30, val=1), SplitSizes(), seed=0)
