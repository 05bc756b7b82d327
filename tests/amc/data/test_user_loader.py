import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from amc.data.user_loader import LoaderImages


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
