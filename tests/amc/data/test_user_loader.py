import multiprocessing
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from amc.artifacts.digests import images_digest
from amc.data.user_loader import LoaderImages
from amc.utils.errors import UserError


def boxes(items: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, list[Tensor]]:
    """A collation of another task: targets stay a list."""
    return torch.stack([image for image, _ in items]), [target for _, target in items]


def loader() -> DataLoader[tuple[Tensor, ...]]:
    numbers = torch.arange(10.0)
    return DataLoader(
        TensorDataset(numbers.reshape(-1, 1, 1, 1), numbers.reshape(-1, 1)),
        batch_size=4,
        shuffle=True,
        collate_fn=boxes,
        generator=torch.Generator().manual_seed(0),
    )


def test_batches_pass_through_unchanged() -> None:
    images = LoaderImages(loader())
    assert len(images) == 10
    batches = list(images.batches(size=3))
    assert [len(inputs) for inputs, _ in batches] == [4, 4, 2]
    for (inputs, targets), (expected_inputs, expected_targets) in zip(batches, loader(), strict=True):
        assert isinstance(targets, list)
        assert torch.equal(inputs, expected_inputs)
        assert torch.equal(torch.cat(targets), torch.cat(expected_targets))


def test_a_selection_keeps_the_collation_in_a_fixed_order() -> None:
    taken = LoaderImages(loader()).take(6, seed=0)
    passes = [torch.cat([inputs.flatten() for inputs, _ in taken.batches(1)]).tolist() for _ in range(2)]
    assert passes[0] == passes[1]
    assert len(set(passes[0])) == len(taken) == 6
    assert all(isinstance(targets, list) for _, targets in taken.batches(1))


def test_an_example_is_cut_from_the_first_batch() -> None:
    assert LoaderImages(loader()).example().shape == (2, 1, 1, 1)


NUMBERED = TensorDataset(torch.arange(100.0).reshape(-1, 1), torch.arange(100))


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 32},
        {"batch_size": 32, "drop_last": True},
        {"batch_size": 32, "shuffle": True, "drop_last": True},
        {"batch_sampler": BatchSampler(SequentialSampler(NUMBERED), 32, drop_last=True)},
        {"batch_size": 32, "sampler": RandomSampler(NUMBERED, num_samples=40)},
        {"batch_size": 32, "sampler": WeightedRandomSampler([1.0] * 100, num_samples=250)},
        {"batch_size": 32, "sampler": SubsetRandomSampler(range(50, 90)), "drop_last": True},
        {"batch_size": 32, "sampler": range(20, 70)},
    ],
    ids=range(8),
)
def test_the_length_is_what_a_pass_reads_and_any_of_it_can_be_selected(options: dict[str, Any]) -> None:
    images = LoaderImages(DataLoader(NUMBERED, **options))
    read = [number for _, targets in images.batches(1) for number in targets.tolist()]
    assert len(read) == len(images)
    chosen = images.take(len(images), seed=0)
    found = [number for _, targets in chosen.batches(1) for number in targets.tolist()]
    assert len(found) == len(images)
    if not isinstance(images.loader.sampler, WeightedRandomSampler):
        assert len(set(found)) == len(images)
    subset = images.loader.sampler
    if isinstance(subset, SubsetRandomSampler | range):
        assert set(found) <= {int(place) for place in (subset if isinstance(subset, range) else subset.indices)}
    else:
        assert max(found) >= 90  # of the whole dataset


def test_a_shuffled_loader_has_one_digest() -> None:
    images = LoaderImages(DataLoader(NUMBERED, batch_size=10, shuffle=True))
    assert images_digest(images) == images_digest(images)
    assert images_digest(images) != images_digest(LoaderImages(DataLoader(NUMBERED, batch_size=20)))


def test_batches_that_are_no_pairs_are_one_line() -> None:
    triples = TensorDataset(*[torch.zeros(4, 1)] * 3)
    with pytest.raises(UserError, match=r"expected batches of \(inputs, targets\) from the DataLoader, got 3 parts"):
        next(LoaderImages(DataLoader(triples)).batches(1))


class Broken(TensorDataset):
    """Fails at its fourth item."""

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        if index == 3:
            raise OSError("no such disk")
        return super().__getitem__(index)


@pytest.mark.parametrize("workers", [0, 1])
def test_what_a_loader_raises_is_one_line(workers: int) -> None:
    images = LoaderImages(DataLoader(Broken(torch.zeros(4, 1), torch.zeros(4)), num_workers=workers, batch_size=2))
    with pytest.raises(UserError, match=r"^the DataLoader of the data fails: OSError: no such disk; mend it") as caught:
        list(images.batches(1))
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"OSError: no such disk"):
        images.at(np.array([3])).example()
    assert not multiprocessing.active_children()  # else a command waits for them, five seconds each
