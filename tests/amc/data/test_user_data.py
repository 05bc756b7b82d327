from pathlib import Path

import pytest
import torch

from amc.data.load import load_splits
from amc.data.splits import SplitSizes
from amc.data.user_loader import LoaderImages
from amc.utils.errors import UserError

PREAMBLE = """
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

class Pairs(Dataset):
    classes = ["ant", "cat"]

    def __init__(self, count, image=None):
        self.targets = [index % 2 for index in range(count)]
        self.image = torch.zeros(1, 2, 2) if image is None else image

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        return self.image + index, self.targets[index]

class Endless(IterableDataset):
    def __iter__(self):
        yield torch.zeros(1, 2, 2), 0

class Series:  # as a table's column: neither a list nor an array, and without a truth value
    def __init__(self, values):
        self.values = values

    def __bool__(self):
        raise ValueError("The truth value of a Series is ambiguous.")

    def __len__(self):
        return len(self.values)

    def __getitem__(self, place):
        if isinstance(place, slice):
            return Series(self.values[place])
        return self.values[place]

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values)

class Table(Pairs):
    def __init__(self, count, targets=None):
        super().__init__(count)
        self.count, self.targets = count, Series(self.targets) if targets is None else targets

    def __len__(self):
        return self.count

def tensors(count):
    return TensorDataset(torch.arange(float(count)).reshape(-1, 1, 1, 1), torch.arange(count))
"""


def write(tmp_path: Path, returned: str) -> str:
    path = tmp_path / f"data_{abs(hash(returned))}.py"
    path.write_text(f"{PREAMBLE}\ndef build():\n    return {returned}\n")
    return f"{path}:build"


@pytest.mark.parametrize("kind", ["Pairs", "Table"])
def test_datasets_are_split_with_their_classes_in_equal_shares(tmp_path: Path, kind: str) -> None:
    spec = write(tmp_path, f"{{'train': {kind}(12), 'val': {kind}(8)}}")
    splits = load_splits(spec, None, SplitSizes(calibration=4), seed=0, progress=False)
    assert splits.class_names == ("ant", "cat")
    for images in (splits.calibration, splits.reward, splits.test):
        ((inputs, targets),) = images.batches(99)
        assert inputs.shape == (4, 1, 2, 2)
        assert sorted(targets.tolist()) == [0, 0, 1, 1]
        assert torch.equal(inputs[:, 0, 0, 0] % 2, targets.float())


def test_a_dataset_without_targets_is_split_at_random(tmp_path: Path) -> None:
    spec = write(tmp_path, "{'train': tensors(12), 'test': tensors(8)}")
    splits = load_splits(spec, None, SplitSizes(reward=3), seed=0, progress=False)
    assert splits.class_names is None
    assert splits.reward_from_train
    train, reward = (
        {int(t) for _, targets in part.batches(5) for t in targets} for part in (splits.train, splits.reward)
    )
    assert len(train) == 9
    assert train | reward == set(range(12))


@pytest.mark.parametrize("number", ["index / 4", "np.float32(index / 4)", "torch.tensor(index / 4)"])
def test_numbers_that_are_no_classes_stay_as_they_are(tmp_path: Path, number: str) -> None:
    measured = f"[(torch.zeros(1, 2, 2), {number}) for index in range(8)]"
    splits = load_splits(
        write(tmp_path, f"{{'train': {measured}, 'val': {measured}, 'test': {measured}}}"), progress=False
    )
    ((_, targets),) = splits.reward.batches(8)
    torch.testing.assert_close(targets, torch.arange(8) / 4)
    assert len(splits.reward.take(3, seed=0)) == 3


@pytest.mark.parametrize("number", ["1", "True", "np.int64(1)", "np.array(1)", "torch.tensor(1, dtype=torch.uint8)"])
def test_whole_numbers_of_any_type_are_classes(tmp_path: Path, number: str) -> None:
    labelled = f"[(torch.zeros(1, 2, 2), {number})] * 2"
    splits = load_splits(write(tmp_path, f"{{'train': {labelled}, 'val': {labelled}}}"), progress=False)
    ((_, targets),) = splits.train.batches(8)
    assert targets.dtype == torch.int64
    assert targets.tolist() == [1, 1]


def test_loaders_are_streamed_as_they_are(tmp_path: Path) -> None:
    loader = (
        "DataLoader(tensors({}), batch_size=5, collate_fn=lambda items: (torch.stack([i for i, _ in items]), 'any'))"
    )
    parts = ", ".join(f"'{name}': {loader.format(count)}" for name, count in (("train", 20), ("val", 7), ("test", 6)))
    splits = load_splits(
        write(tmp_path, f"{{{parts}}}"), None, SplitSizes(calibration=10, test=3), seed=0, progress=False
    )
    assert isinstance(splits.reward, LoaderImages)
    assert [len(inputs) for inputs, _ in splits.reward.batches(2)] == [5, 2]
    assert [len(images) for images in (splits.train, splits.calibration, splits.test)] == [20, 10, 3]
    for images in (splits.reward, splits.calibration):
        assert {str(targets) for _, targets in images.batches(2)} == {"any"}


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("3", "expected a mapping with train, and val, test or both from .*:build, got int"),
        ("{'val': Pairs(2), 'test': Pairs(2)}", r"got the keys \['test', 'val'\]"),
        ("{'train': Pairs(2)}", r"got the keys \['train'\]"),
        ("{'train': Pairs(2), 'valid': Pairs(2)}", r"got the keys \['train', 'valid'\]"),
        (
            "{'train': Pairs(2), 'val': Endless()}",
            r"expected val of .*:build to be a map-style dataset .*, got Endless",
        ),
        ("{'train': DataLoader(Endless()), 'val': Pairs(2)}", "expected train of .* or a DataLoader over one"),
        ("{'train': Pairs(4), 'val': Pairs(0)}", "expected images in val of .*, there are none"),
        ("1 / 0", "failed when called without arguments: ZeroDivisionError: division by zero"),
        (
            "{'train': Table(12, [0, 1]), 'val': Pairs(8)}",
            "expected a class in the targets of train of .* for each of its 12 images, got 2",
        ),
        ("{'train': [(torch.zeros(1), 0), (torch.zeros(1), {})], 'val': Pairs(2)}", "one kind, got classes and dict"),
        *(
            (
                f"{{'train': [(torch.zeros(1), {target})], 'val': Pairs(2)}}",
                f"expected class numbers, .* as targets from train of .*, got {kind}; let the dataset convert them",
            )
            for target, kind in (("None", "NoneType"), ("[1]", "list"), ("np.zeros((2, 2))", "ndarray"))
        ),
        ("{'train': [3, 4], 'val': Pairs(2)}", "expected \\(input, target\\) pairs from train of .*, got int"),
        ("{'train': [('x', 0)], 'val': Pairs(2)}", "expected float tensors as inputs from train of .*, got str"),
        (
            "{'train': Pairs(2, torch.zeros(1, 2, 2, dtype=torch.uint8)), 'val': Pairs(2)}",
            "got a tensor of torch.uint8; let the dataset transform its images",
        ),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, returned: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        load_splits(write(tmp_path, returned), None, SplitSizes(), seed=0, progress=False)
    assert "\n" not in str(caught.value)
