from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from amc.data.resident import ResidentImages
from amc.scoring.checked_score import CheckedScore, checked_score
from amc.utils.errors import UserError

CPU = torch.device("cpu")
IMAGES = ResidentImages(torch.eye(6).reshape(6, 6, 1, 1).repeat(20, 1, 1, 1), torch.arange(6).repeat(20))
"""A network that returns the image answers right."""


class Returns(nn.Module):
    """Class scores by a function of the images; counts its passes in a buffer."""

    passes: Tensor

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.register_buffer("passes", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.passes += 1
        return self.function(x.flatten(1))


def score(function: Callable[[Tensor], Tensor], metric: str = "top1", images: ResidentImages = IMAGES) -> CheckedScore:
    return checked_score(Returns(function), images, metric, 50, CPU)


def test_the_share_of_right_answers() -> None:
    found = score(lambda x: x)
    assert (found.value, found.images, found.is_near_chance) == (1.0, 120, False)
    assert found.chance == pytest.approx(1 / 6)


@pytest.mark.parametrize("shift", [1, 3])
def test_classes_in_another_order_are_near_chance(shift: int) -> None:
    assert score(lambda x: x.roll(shift, dims=1)).value == 0
    assert score(lambda x: x.roll(shift, dims=1)).is_near_chance


def test_always_the_same_answer_is_near_chance() -> None:
    constant = score(lambda x: torch.zeros_like(x) + torch.arange(6))
    assert [constant.value, constant.chance] == pytest.approx([1 / 6, 1 / 6])
    assert constant.is_near_chance


def test_top5_of_five_classes_says_nothing() -> None:
    few = ResidentImages(IMAGES.inputs[:5], IMAGES.targets[:5])
    assert score(lambda x: x.roll(1, dims=1), "top5").is_near_chance
    assert not score(lambda x: x[:, :5].roll(1, dims=1), "top5", few).is_near_chance


def test_a_network_that_computes_gradients_is_told_that_there_are_none() -> None:
    def slope(x: Tensor) -> Tensor:
        with torch.enable_grad():
            y = x.detach().requires_grad_()
            return torch.autograd.grad(y.square().sum(), y)[0]

    with pytest.raises(UserError, match=r"^the network fails on images of the data: .*torch\.inference_mode") as caught:
        score(slope)
    assert "\n" not in str(caught.value)


def test_the_network_stays_as_it_is() -> None:
    network = Returns(lambda x: x + torch.rand(()))
    before = torch.get_rng_state()
    checked_score(network, IMAGES, "top1", 50, CPU)
    assert network.passes == 0
    assert torch.equal(torch.get_rng_state(), before)
    assert not network._forward_hooks


@pytest.fixture
def mean_output(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("metric") / "metrics.py"
    path.write_text(
        "def mean(model, batches):\n    return -12.3 * sum(model(x).sum() for x, _ in batches) / 120\n"
        "def blind(model, batches):\n    return float(sum(model(x).argmax() >= 0 for x, _ in batches))\n"
        "def fails(model, batches):\n    assert all(model(x).isfinite().all() for x, _ in batches)\n"
    )
    return str(path)


def test_a_users_metric_has_no_chance(mean_output: str) -> None:
    found = score(lambda x: x, f"{mean_output}:mean")
    assert found.value == pytest.approx(-12.3)
    assert (found.chance, found.is_near_chance) == (None, False)


@pytest.mark.parametrize("metric", ["top1", "top5", "mean", "blind", "fails"])
@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_outputs_that_are_not_finite_are_told(mean_output: str, metric: str, wrong: float) -> None:
    spec = metric if metric.startswith("top") else f"{mean_output}:{metric}"
    with pytest.raises(
        UserError, match=r"^the network returns numbers that are not finite .*check its weights and how"
    ):
        score(lambda x: x.masked_fill(x[:, 5:] == 1, wrong), spec)


def test_inputs_that_are_not_finite_are_told() -> None:
    images = ResidentImages(IMAGES.inputs.clone(), IMAGES.targets)
    images.inputs[70, 2] = torch.nan
    with pytest.raises(UserError, match="the data gives inputs that are not finite"):
        score(lambda x: x, images=images)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (
            IMAGES.targets + 1,
            "targets from 1 to 6, and the network gives 6 scores for an image, of classes from 0 to 5",
        ),
        (IMAGES.targets - 1, "targets from -1 to 4"),
        (IMAGES.targets[:, None], r"int64 and shape \(50, 1\)"),
        (torch.eye(6).repeat(20, 1), r"shape \(50, 6\) .*targets.argmax"),
        (IMAGES.targets + 0.5, "one whole number for each image, and the data gives tensors of float32"),
    ],
)
def test_targets_that_are_no_classes_of_the_network_are_told(targets: Tensor, message: str) -> None:
    with pytest.raises(UserError, match=message):
        score(lambda x: x, images=ResidentImages(IMAGES.inputs, targets))


def test_whole_numbers_may_be_of_another_type() -> None:
    assert score(lambda x: x, images=ResidentImages(IMAGES.inputs, IMAGES.targets.float())).value == 1


def test_the_targets_of_other_metrics_are_their_own() -> None:
    shifted = ResidentImages(IMAGES.inputs, IMAGES.targets + 1)
    assert checked_score(Returns(lambda x: x), shifted, lambda _, batches: len(list(batches)), 50, CPU).value == 3
