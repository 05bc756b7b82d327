import pytest
import torch

from amc.data.class_mapping import map_classes, match_classes
from amc.data.load import Splits
from amc.data.resident import ResidentImages
from amc.utils.errors import UserError

PETS = ("Tabby Cat", "dog", "gold-fish")


@pytest.mark.parametrize(
    ("outputs", "network", "data", "expected"),
    [
        (3, PETS, ("dog", "goldfish", "tabby_cat"), "the network does not know goldfish"),
        (3, PETS, ("DOG", "gold_fish", "tabby-cat"), (1, 2, 0)),
        (3, PETS, ("gold fish", "dog"), (2, 1)),
        (3, PETS, PETS, None),
        (3, PETS, None, None),
        (3, None, None, None),
        (3, None, ("x", "y", "z"), None),
        (3, PETS, ("n01", "n02", "n03"), None),  # another naming of the same order
        (3, PETS, ("n01", "dog", "n03"), None),
        (3, PETS, ("dog", "n02", "n03"), "the network does not know n02, n03"),
        (3, PETS, ("n01", "n02"), "the network tells 3 classes apart, the data has 2, and the network does not know"),
        (3, None, ("x", "y"), "the network tells 3 classes apart, the data has 2, and the network's classes have no"),
        (2, None, ("x", "y", "z"), "the network tells 2 classes apart, the data has 3"),
        (3, ("crane", "crane", "dog"), ("crane", "dog"), "does not know crane"),  # which of the two?
        (3, ("crane", "crane", "dog"), ("crane", "crane", "dog"), None),
        (3, PETS, ("dog", "DOG", "tabby cat"), "the network tells 3 classes apart"),
    ],
)
def test_classes_are_found_by_name(
    outputs: int, network: tuple[str, ...] | None, data: tuple[str, ...] | None, expected: tuple[int, ...] | str | None
) -> None:
    if isinstance(expected, str):
        with pytest.raises(UserError, match=expected):
            match_classes(outputs, network, data)
    else:
        assert match_classes(outputs, network, data) == expected


def splits(names: tuple[str, ...]) -> Splits:
    images = ResidentImages(torch.arange(6.0).reshape(6, 1, 1, 1), torch.arange(6) % len(names))
    return Splits(images, images, images, images, names, reward_from_train=False)


def test_targets_become_the_networks_outputs_in_every_split() -> None:
    mapped = map_classes(splits(("gold_fish", "tabby_cat")), 3, PETS)
    assert mapped.class_names == PETS
    for images in (mapped.train, mapped.calibration, mapped.reward, mapped.test):
        ((inputs, targets),) = images.batches(9)
        assert targets.tolist() == [2, 0, 2, 0, 2, 0]
        assert inputs.flatten().tolist() == [0, 1, 2, 3, 4, 5]
        assert len(images) == 6
        assert images.example(3).flatten().tolist() == [0, 1, 2]
        ((part, part_targets),) = images.take(4, seed=0).batches(9)
        assert torch.equal(part_targets, 2 - 2 * (part.flatten().long() % 2))


def test_targets_that_fit_are_left_alone() -> None:
    original = splits(("x", "y", "z"))
    assert map_classes(original, 3, None) is original
