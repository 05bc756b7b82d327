import tarfile
import urllib.error
from http.client import IncompleteRead
from pathlib import Path

import numpy as np
import pytest

from amc.data import cifar10
from amc.data.load import load_splits
from amc.data.splits import SplitSizes
from amc.utils.errors import UserError


class FakeCIFAR10:
    """Forty training and ten test images of one shade each, in the form of torchvision's dataset."""

    classes = ("airplane", "automobile")

    def __init__(self, root: Path, train: bool, download: bool) -> None:
        assert download
        assert root == Path("cache/amc/cifar10")
        count = 40 if train else 10
        self.data = np.zeros((count, 32, 32, 3), dtype=np.uint8) + np.arange(count, dtype=np.uint8)[:, None, None, None]
        self.targets = [index % 2 for index in range(count)]


def test_reward_images_are_taken_out_of_train(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    monkeypatch.setattr("torchvision.datasets.CIFAR10", FakeCIFAR10)
    splits = load_splits("cifar10", None, SplitSizes(calibration=6), seed=0, progress=False)
    assert splits.reward_from_train
    assert splits.class_names == FakeCIFAR10.classes
    sizes = [len(images) for images in (splits.train, splits.calibration, splits.reward, splits.test)]
    assert sizes == [36, 6, 4, 10]
    shades = [{round(image[0, 0, 0].item(), 4) for inputs, _ in part.batches(64) for image in inputs}
              for part in (splits.train, splits.reward)]  # fmt: skip
    assert len(shades[0] | shades[1]) == 40


@pytest.mark.parametrize(
    "error",
    [
        urllib.error.URLError("no route"),
        RuntimeError("File not found or corrupted."),
        tarfile.ReadError("not a gzip file"),
        EOFError("Compressed file ended"),
        IncompleteRead(b""),
    ],
)
def test_a_failed_download_is_one_line(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("torchvision.datasets.CIFAR10", fail)
    with pytest.raises(UserError, match=r"CIFAR-10 can't be downloaded to .*cifar10: .*check the connection") as caught:
        load_splits("cifar10", None, SplitSizes(), seed=0, progress=False)
    assert "\n" not in str(caught.value)


def test_downloads_are_kept_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cifar10.cache_folder() == tmp_path / ".cache" / "amc"
