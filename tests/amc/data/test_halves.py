import pytest
import torch

from amc.data.halves import halves
from amc.data.resident import ResidentImages
from amc.utils.errors import UserError


def images(count: int) -> ResidentImages:
    return ResidentImages(torch.arange(count).float().view(count, 1, 1, 1), torch.arange(count))


def numbers(part: object) -> list[int]:
    assert isinstance(part, ResidentImages)
    return part.targets.tolist()


@pytest.mark.parametrize("count", [2, 7, 40])
def test_each_image_is_in_one_half(count: int) -> None:
    searched, judge = halves(images(count), seed=3)
    assert sorted(numbers(searched) + numbers(judge)) == list(range(count))
    assert len(searched) - len(judge) == count % 2


def test_the_seed_decides() -> None:
    one, again, other = (numbers(halves(images(40), seed)[0]) for seed in (0, 0, 1))
    assert one == again != other


def test_one_image_has_no_halves() -> None:
    with pytest.raises(UserError, match=r"two reward images or more.* got 1"):
        halves(images(1), 0)
