import pickle
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from amc.data.load import Splits
from amc.data.resident import ResidentImages
from amc.data.user_loader import LoaderImages
from amc.scoring import original_outputs
from amc.scoring.fidelity import WantedOutputs
from amc.scoring.original_outputs import has_outputs, with_original_outputs, without_outputs
from amc.utils.errors import UserError

COUNT = 150


class Counting(nn.Module):
    """Returns its inputs twice over and anchors, and counts how often it runs."""

    runs = 0

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        Counting.runs += 1
        return self.factor * x, torch.ones(7, 4)


@pytest.fixture(autouse=True)
def _from_zero() -> None:
    Counting.runs = 0


def resident(count: int = COUNT) -> ResidentImages:
    return ResidentImages(torch.arange(2.0 * count).reshape(count, 2), torch.arange(count))


def made(images: Any) -> Splits:
    return with_original_outputs(Splits(images, resident(5), images, images, None, False), Counting().eval())


def check(batches: Iterator[tuple[Any, Any]], count: int = COUNT) -> list[float]:
    seen = []
    for inputs, wanted in batches:
        assert isinstance(wanted, WantedOutputs)
        assert torch.equal(wanted.tensors[0], 2 * inputs)
        assert torch.equal(wanted.tensors[1], torch.ones(7, 4))
        seen += inputs[:, 0].tolist()
    assert len(seen) == count
    return seen


def test_each_image_has_its_outputs_and_they_are_computed_once() -> None:
    splits = made(resident())
    reward = splits.reward
    for size in (7, 64, 1000):
        assert check(reward.batches(size)) == sorted(check(reward.batches(size)))
    once = Counting.runs
    assert once <= 7
    check(reward.batches(10))
    assert Counting.runs == once
    assert sorted(check(reward.batches(10, shuffle_seed=3))) == check(reward.batches(10))
    check(reward.take(20, 0).batches(6), 20)
    check(pickle.loads(pickle.dumps(reward)).batches(9))
    assert splits.train.batches is not None
    assert not isinstance(next(iter(splits.train.batches(3)))[1], WantedOutputs)


def test_outputs_that_are_too_many_are_computed_in_every_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(original_outputs, "MEMORY_LIMIT_BYTES", 1000)
    reward = made(resident()).reward
    check(reward.batches(50))
    before = Counting.runs
    check(reward.batches(50))
    assert Counting.runs == before + 3


def test_a_loader_that_shuffles_gets_the_outputs_of_its_images() -> None:
    images = resident()
    loader = DataLoader(TensorDataset(images.inputs, images.targets), 20, shuffle=True)
    reward = made(LoaderImages(loader)).reward
    assert check(reward.batches(1)) != check(reward.batches(1))


def test_the_datas_own_targets_come_back() -> None:
    images = resident()
    splits = made(images)
    assert has_outputs(splits)
    assert without_outputs(splits).reward is images
    assert with_original_outputs(splits, Counting().eval()).reward is splits.reward
    other = with_original_outputs(splits, Counting().eval(), "scores")
    assert other.reward is not splits.reward
    check(other.reward.batches(50))


class Detector(nn.Module):
    """Returns something for each image, of its own shape or in a list."""

    def __init__(self, lists: bool) -> None:
        super().__init__()
        self.lists = lists

    def forward(self, x: Tensor) -> Any:
        return list(x) if self.lists else x[:, : 1 + (len(x) < 30)]


@pytest.mark.parametrize("lists", [True, False])
def test_outputs_that_follow_from_the_images_are_refused(lists: bool) -> None:
    images = resident(80)
    splits = Splits(images, images, images, images, None, False)
    found = with_original_outputs(splits, Detector(lists).eval())
    with pytest.raises(UserError, match="fidelity compares networks that return as many"):
        next(iter(found.reward.batches(80)))
