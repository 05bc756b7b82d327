import pytest
import torch
from torch import nn

from amc.data.images import Images
from amc.data.load import Splits, load_data
from amc.networks.sources import load_network
from amc.scoring.fidelity import WantedOutputs
from amc.scoring.metric_targets import with_targets
from amc.utils.errors import UserError

SIZES = {"calibration": 20, "reward": 41, "test": 20}


def pixels(images: Images) -> set[bytes]:
    return {image.numpy().tobytes() for inputs, _ in images.batches(8) for image in inputs}


@pytest.fixture(scope="module")
def splits() -> Splits:
    return load_data("digits", sizes=SIZES, seed=1)


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return load_network("digits_resnet").model


def test_half_of_the_validation_images_are_put_aside_by_the_seed(splits: Splits) -> None:
    halved = splits.with_judging(3)
    assert halved.judging is not None
    assert (len(halved.reward), len(halved.judging)) == (21, 20)
    assert not pixels(halved.reward) & pixels(halved.judging)
    assert pixels(halved.reward) | pixels(halved.judging) == pixels(splits.reward)
    assert halved.with_judging(4) is halved
    again, other = splits.with_judging(3), splits.with_judging(4)
    assert pixels(again.reward) == pixels(halved.reward) != pixels(other.reward)
    assert "21 reward, 20 judging, 20 test images" in repr(halved)


@pytest.mark.parametrize("metric", ["top1", "fidelity"])
def test_judging_images_have_the_targets_that_the_metric_compares(
    splits: Splits, model: nn.Module, metric: str
) -> None:
    before = with_targets(splits, model, None, metric).with_judging(3)
    after = with_targets(splits.with_judging(3), model, None, metric)
    assert before.judging is not None
    assert after.judging is not None
    for one, other in zip(before.judging.batches(8), after.judging.batches(8), strict=True):
        assert torch.equal(one[0], other[0])
        if metric == "top1":
            assert torch.equal(one[1], other[1])
        else:
            assert isinstance(one[1], WantedOutputs)
            assert isinstance(other[1], WantedOutputs)
            torch.testing.assert_close(one[1].tensors, other[1].tensors)


def test_a_single_image_is_not_halved() -> None:
    single = load_data("digits", sizes={**SIZES, "reward": 1})
    with pytest.raises(
        UserError, match="expected two reward images or more, one to search on and one to judge by, got 1"
    ):
        single.with_judging(0)
