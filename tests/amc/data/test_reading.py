"""The ways to keep images: in memory, streamed, read on first use. They must not differ in what they give."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from amc.data import lazy, streamed
from amc.data.class_mapping import MappedImages
from amc.data.halves import halves
from amc.data.images import Images
from amc.data.lazy import LazyImages
from amc.data.resident import ResidentImages
from amc.data.sampling import Labels
from amc.data.streamed import StreamedImages
from amc.data.user_loader import LoaderImages
from amc.utils.errors import UserError

COUNT = 30
BYTES = COUNT * 2 * 3 * 3 * 4


@dataclass(frozen=True)
class Numbered:
    """Image i is filled with i and has class i % 3; notes which images are read; some can't be."""

    broken: tuple[int, ...] = ()
    read: list[int] = field(default_factory=list)

    @property
    def labels(self) -> Labels:
        return np.arange(COUNT) % 3

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        if index in self.broken:
            raise ValueError(f"damaged\nimage {index}")
        self.read.append(index)
        return torch.full((2, 3, 3), float(index)), index % 3


def resident() -> ResidentImages:
    numbers = torch.arange(COUNT)
    return ResidentImages(numbers.float()[:, None, None, None].expand(-1, 2, 3, 3).clone(), numbers % 3)


WAYS: dict[str, Images] = {
    "resident": resident(),
    "streamed": StreamedImages(Numbered()),
    "lazy in memory": LazyImages(StreamedImages(Numbered()), BYTES, None),
    "lazy streamed": LazyImages(StreamedImages(Numbered()), BYTES - 1, None),
}


@pytest.mark.parametrize("shape", [(1, 3, 3), (2, 4, 3)])
@pytest.mark.parametrize("memory", [BYTES, BYTES - 1], ids=["in memory", "streamed"])
def test_images_of_another_shape_are_refused_in_whatever_batch_they_are(
    shape: tuple[int, ...], memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dataclass(frozen=True)
    class Mixed(Numbered):
        def __getitem__(self, index: int) -> tuple[Tensor, int]:
            return (torch.zeros(2, 3, 3) if index < 20 else torch.zeros(shape)), 0

    monkeypatch.setattr(lazy, "DECODE_BATCH", 10)
    images = LazyImages(StreamedImages(Mixed()), memory, None)
    with pytest.raises(UserError, match=r"expected images of one shape, got .*; resize them in the dataset"):
        list(images.batches(10))


def numbers(images: Images, size: int = 7, shuffle_seed: int | None = None) -> list[int]:
    """The number on each image of one pass, after a check of the batches."""
    found: list[int] = []
    sizes = []
    for inputs, targets in images.batches(size, shuffle_seed):
        assert inputs.dtype == torch.float32
        assert targets.dtype == torch.int64
        assert inputs.shape == (len(targets), 2, 3, 3)
        assert torch.equal(inputs[:, 0, 0, 0] % 3, targets.float())
        sizes.append(len(targets))
        found += inputs[:, 1, 2, 2].int().tolist()
    assert all(batch == size for batch in sizes[:-1])
    assert len(found) == len(images)
    return found


@pytest.mark.parametrize("images", WAYS.values(), ids=WAYS.keys())
def test_a_pass_is_in_stored_order_or_in_a_random_one(images: Images) -> None:
    assert numbers(images) == list(range(COUNT))
    shuffled = numbers(images, shuffle_seed=0)
    assert shuffled != list(range(COUNT))
    assert sorted(shuffled) == list(range(COUNT))
    assert numbers(images, shuffle_seed=0) == shuffled
    assert numbers(images, shuffle_seed=1) != shuffled


@pytest.mark.parametrize("images", WAYS.values(), ids=WAYS.keys())
def test_what_is_taken_is_the_same_however_images_are_kept(images: Images) -> None:
    taken = images.take(9, seed=4)
    assert numbers(taken) == numbers(WAYS["resident"].take(9, seed=4))
    assert sorted(number % 3 for number in numbers(taken)) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert set(numbers(taken.take(4, seed=0))) < set(numbers(taken))
    with pytest.raises(UserError, match="expected a number of images from 1 to 30, got 31"):
        images.take(31, seed=0)


DIVISIBLE: dict[str, Images] = {
    **WAYS,
    "of a loader": LoaderImages(DataLoader(Numbered(), batch_size=7)),  # type: ignore[arg-type]  # a map-style dataset
    "in another order": MappedImages(resident(), (0, 1, 2)),
}


@pytest.mark.parametrize("images", DIVISIBLE.values(), ids=DIVISIBLE.keys())
def test_halves_have_no_image_in_common(images: Images) -> None:
    one, other = (numbers(part) for part in halves(images, seed=4))
    assert (len(one), sorted(one + other)) == (COUNT // 2, list(range(COUNT)))
    assert (one, other) == (sorted(one), sorted(other))
    assert one != numbers(halves(images, seed=5)[0])


@pytest.mark.parametrize("images", WAYS.values(), ids=WAYS.keys())
def test_an_example_is_the_first_images(images: Images) -> None:
    assert images.example()[:, 0, 0, 0].tolist() == [0, 1]
    assert images.example(40).shape == (COUNT, 2, 3, 3)


def test_lazy_images_read_nothing_until_they_are_used_and_then_once() -> None:
    dataset = Numbered()
    images = LazyImages(StreamedImages(dataset), BYTES, None)
    part = images.take(5, seed=0)
    assert len(images) == COUNT
    assert len(part) == 5
    assert dataset.read == []
    images.example(3)
    assert dataset.read == [0, 1, 2]
    dataset.read.clear()
    numbers(images)
    once = len(dataset.read)
    numbers(images)
    numbers(images.take(5, seed=0))
    assert len(dataset.read) == once
    assert once - COUNT <= 2  # the first image is also read to know the size


def test_images_that_were_read_for_a_score_can_be_trained_on() -> None:
    images = LazyImages(StreamedImages(Numbered()), BYTES, None)
    with torch.inference_mode():
        list(images.batches(5))
    layer = torch.nn.Linear(3, 1)
    for inputs, _ in images.batches(5):
        layer(inputs).sum().backward()
    assert layer.weight.grad is not None


def test_images_that_do_not_fit_are_read_in_every_pass() -> None:
    dataset = Numbered()
    images = LazyImages(StreamedImages(dataset), BYTES - 1, None)
    numbers(images)
    once = len(dataset.read)
    numbers(images)
    assert len(dataset.read) > once


@pytest.mark.parametrize("workers", [False, True])
def test_an_image_that_cannot_be_read_is_one_line(workers: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if workers:
        monkeypatch.setattr(streamed, "WORKER_THRESHOLD_BYTES", 0)
        monkeypatch.setattr(streamed, "MAX_WORKERS", 1)
    images = StreamedImages(Numbered(broken=(11,)))
    with pytest.raises(UserError, match=r"^image 11 of the data can't be read: ValueError: damaged image 11$"):
        numbers(images)


def test_worker_processes_give_the_same_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed, "WORKER_THRESHOLD_BYTES", 0)
    monkeypatch.setattr(streamed, "MAX_WORKERS", 2)
    dataset = Numbered()
    assert numbers(StreamedImages(dataset)) == list(range(COUNT))
    assert set(dataset.read) == {0}  # by this process, to know the size


def test_reading_does_not_disturb_the_random_numbers_of_others() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    for images in WAYS.values():
        numbers(images, shuffle_seed=3)
    assert torch.equal(torch.rand(3), expected)


def test_images_of_different_shapes_are_one_line() -> None:
    @dataclass(frozen=True)
    class Growing(Numbered):
        def __getitem__(self, index: int) -> tuple[Tensor, int]:
            return torch.zeros(1, 2 + index, 2), 0

    with pytest.raises(UserError, match=r"expected images of one shape, got \[\(1, 2, 2\), \(1, 3, 2\)\]"):
        list(StreamedImages(Growing()).batches(2))
