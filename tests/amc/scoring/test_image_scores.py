import pytest
import torch
from torch import Tensor, nn

from amc.scoring.image_scores import score_images
from amc.scoring.metrics import METRICS, Metric


class Fixed(nn.Module):
    """A network whose outputs are its inputs."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs


OUTPUTS = torch.tensor([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [2.0, 3.0, 1.0]])
TARGETS = torch.tensor([0, 2, 0])


def test_the_images_that_are_right_are_known_beside_the_score() -> None:
    scores = score_images(METRICS["top1"], Fixed(), [(OUTPUTS[:2], TARGETS[:2]), (OUTPUTS[2:], TARGETS[2:])])
    assert scores.value == pytest.approx(2 / 3)
    assert scores.right is not None
    assert scores.right.tolist() == [True, True, False]


@pytest.mark.parametrize("metric", [METRICS["top1"], lambda _, batches: float(len(list(batches)))])
def test_inputs_that_are_not_finite_are_noted_in_whatever_batch(metric: Metric) -> None:
    spoilt = OUTPUTS.clone()
    spoilt[1, 0] = torch.nan
    assert score_images(metric, Fixed(), [(OUTPUTS, TARGETS)] * 2).are_finite
    assert not score_images(metric, Fixed(), [(spoilt, TARGETS), (OUTPUTS, TARGETS)]).are_finite


def test_two_networks_are_compared_image_by_image() -> None:
    one = score_images(METRICS["top1"], Fixed(), [(OUTPUTS, TARGETS)])
    other = score_images(METRICS["top1"], Fixed(), [(OUTPUTS.flip(1), TARGETS)])
    drop = one.drop_to(other)
    assert drop is not None
    assert drop.value == pytest.approx(one.value - other.value)
    assert drop.low < drop.value < drop.high


def test_of_a_metric_of_other_kind_only_the_score_is_known() -> None:
    scores = score_images(lambda _, __: -1.5, Fixed(), [(OUTPUTS, TARGETS)])
    assert (scores.value, scores.right) == (-1.5, None)
    assert scores.drop_to(scores) is None
