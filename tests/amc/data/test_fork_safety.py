"""Datasets that open a file: no process reads through a file that another one opened."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from amc.data import streamed
from amc.data.fork_safety import ForkSafe
from amc.data.images import Images
from amc.data.load import Splits, load_splits
from amc.data.splits import SplitSizes
from amc.data.user_loader import LoaderImages
from amc.scoring.engines.shared_pickle import SharedPickle

COUNT = 24
FILE = """
import functools
import os
import time
import zipfile

import torch
from torch.utils.data import DataLoader, Dataset, Subset, get_worker_info

class Zipped(Dataset):
    def __init__(self, path="{path}"):
        self.path, self.file = path, None

    def open(self):
        self.file, self.process = zipfile.ZipFile(self.path), os.getpid()

    def __len__(self):
        if self.file is None:
            self.open()
        return len(self.file.namelist())

    def __getitem__(self, index):
        if self.file is None:
            self.open()
        if self.process != os.getpid():
            raise OSError("the file was opened by another process")
        return torch.full((1, 2, 2), float(self.file.read(str(index)))), index % 3

class OpenedByWorkers(Zipped):
    def __len__(self):
        return {count}

    def __getitem__(self, index):
        assert self.file is not None, "worker_init_fn was not called"
        return super().__getitem__(index)

class Opened(Zipped):
    def __init__(self):
        super().__init__()
        self.open()

def parts(dataset):
    thirds = torch.arange({count}).chunk(3)
    return {{name: Subset(dataset, third.tolist()) for name, third in zip(("train", "val", "test"), thirds)}}

def lazy():
    return parts(Zipped())

def opened():
    return parts(Opened())

def loaders():
    lazy = parts(Zipped())
    return {{name: DataLoader(part, batch_size=4, num_workers=name == "train") for name, part in lazy.items()}}

@functools.cache
def descriptor(path):
    return os.open(path, os.O_RDONLY)

class Global(Dataset):
    path = "{path}.lines"

    def __len__(self):
        return {count}

    def __getitem__(self, index):
        file = descriptor(self.path)
        os.lseek(file, 3 * index, os.SEEK_SET)
        time.sleep(0.005)  # for another process that moves the position
        return torch.full((1, 2, 2), float(os.read(file, 3))), index % 3

def kept_in_a_global():
    return parts(Global())

def loaders_of_a_global():
    return {{name: DataLoader(part, num_workers=2 * (name == "train")) for name, part in parts(Global()).items()}}

def open_in_worker(_):
    get_worker_info().dataset.open()

def by_workers():
    dataset = OpenedByWorkers()
    return {{
        name: DataLoader(dataset, batch_size=4, num_workers=1, worker_init_fn=open_in_worker)
        for name in ("train", "val")
    }}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's file with functions that return datasets in an archive, in which number i is called i."""
    monkeypatch.setattr(streamed, "WORKER_THRESHOLD_BYTES", 0)
    monkeypatch.setattr(streamed, "MAX_WORKERS", 2)
    with zipfile.ZipFile(tmp_path / "numbers.zip", "w") as archive:
        for number in range(COUNT):
            archive.writestr(str(number), str(number))
    (tmp_path / "numbers.zip.lines").write_text("".join(f"{number:02}\n" for number in range(COUNT)))
    path = tmp_path / "own.py"
    path.write_text(FILE.format(path=tmp_path / "numbers.zip", count=COUNT))
    return path


def numbers(images: Images) -> list[int]:
    return sorted(int(number) for inputs, _ in images.batches(4) for number in inputs[:, 0, 0, 0])


def load(file: Path, function: str) -> Splits:
    return load_splits(f"{file}:{function}", None, SplitSizes(calibration=5), memory_limit_bytes=0)


@pytest.mark.parametrize("function", ["lazy", "opened", "loaders", "kept_in_a_global", "loaders_of_a_global"])
def test_every_image_of_an_archive_arrives_in_every_pass(file: Path, function: str) -> None:
    splits = load(file, function)
    splits.calibration.example()
    splits.reward.example()
    for _ in range(2):
        assert numbers(splits.train) == list(range(8))
        assert set(numbers(splits.calibration)) < set(range(8))
        assert numbers(splits.reward) == list(range(8, 16))
        assert numbers(splits.test) == list(range(16, 24))
    assert [note.partition(" of ")[0] for note in splits.notes] == ["note: train", "note: val", "note: test"] * (
        function == "opened"
    )


def test_what_was_read_goes_to_other_processes_as_it_was_handed_over(file: Path) -> None:
    for function in ("lazy", "loaders"):
        reward = load(file, function).reward
        assert numbers(reward) == list(range(8, 16))
        assert numbers(SharedPickle.of(reward).open()) == list(range(8, 16))


def test_a_selection_of_a_loader_has_its_workers_begin_as_the_users(file: Path) -> None:
    splits = load(file, "by_workers")
    assert sorted(numbers(splits.reward) + numbers(splits.test)) == list(range(COUNT))


def test_a_copy_shares_what_is_large_and_says_what_can_not_be_copied() -> None:
    pixels, names, tensors = np.zeros((2, 3)), ["a", "b"], TensorDataset(torch.ones(2))
    unread = ForkSafe((pixels, names, tensors, lambda x: x))
    assert unread.fault is None
    assert unread.for_this_process[0] is pixels
    assert unread.for_this_process[1] == names
    assert unread.for_this_process[1] is not names
    assert unread.for_this_process[2] is not tensors
    assert unread.for_this_process[2].tensors[0] is tensors.tensors[0]
    assert unread.for_workers[2] is tensors
    with Path(__file__).open() as file:
        broken = ForkSafe([file])
        assert broken.for_this_process is broken.for_workers
        assert broken.fault is not None
        assert "cannot pickle" in broken.fault
    assert pickle.loads(pickle.dumps(ForkSafe([1]))).for_this_process == [1]


def test_a_loader_that_samples_part_of_a_dataset_has_that_part() -> None:
    numbered = TensorDataset(torch.arange(20.0).reshape(-1, 1, 1, 1), torch.arange(20))
    chosen = [3, 5, 7, 11, 13, 17]
    for loader in (
        DataLoader(numbered, batch_size=4, sampler=torch.utils.data.SubsetRandomSampler(chosen)),
        DataLoader(
            numbered,
            batch_sampler=torch.utils.data.BatchSampler(torch.utils.data.SubsetRandomSampler(chosen), 4, False),
        ),
    ):
        images = LoaderImages(loader)
        assert len(images) == 6
        assert numbers(images) == chosen
        taken = images.take(5, seed=0)
        assert len(taken) == 5
        assert set(numbers(taken)) < set(chosen)
        assert [len(inputs) for inputs, _ in taken.batches(9)] == [4, 1]
