import pytest

from amc.data.lazy import LazyImages
from amc.data.load import load_splits
from amc.data.resident import ResidentImages
from amc.data.splits import SplitSizes
from amc.data.streamed import StreamedImages
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
        UserError, match=r"expected digits, cifar10, imagefolder:PATH or .* as data, got 'cifar'; did you"
    ):
        load_splits("cifar", None, SplitSizes(), seed=0, progress=False)
