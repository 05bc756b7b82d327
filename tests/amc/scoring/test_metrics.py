import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from amc.scoring.metrics import METRICS, check_runs, find_metric, moved
from amc.utils.errors import UserError


def in_batches(scores: Tensor, targets: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    yield from zip(scores.split(size), targets.split(size), strict=True)


@given(st.integers(1, 30), st.integers(1, 9), st.integers(1, 12), st.integers(0, 99))
def test_top_k_counts_targets_among_the_largest_scores(images: int, classes: int, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.permuted(np.tile(np.arange(classes), (images, 1)), axis=1)
    targets = rng.integers(0, classes, images)
    ranks = [int((row > row[target]).sum()) for row, target in zip(scores, targets, strict=True)]
    for name, k in (("top1", 1), ("top5", 5)):
        batches = in_batches(torch.tensor(scores, dtype=torch.float32), torch.tensor(targets), size)
        assert METRICS[name](nn.Identity(), batches) == sum(rank < k for rank in ranks) / images


def test_no_gradients_are_kept() -> None:
    model = nn.Linear(3, 4)
    METRICS["top1"](model, [(torch.ones(2, 3), torch.tensor([0, 1]))])
    assert model.weight.grad is None


@pytest.fixture
def own(tmp_path: Path) -> Callable[[str], str]:
    def write(body: str) -> str:
        (tmp_path / "own.py").write_text(f"import torch\ndef score(model, batches):\n    {body}\n")
        return f"{tmp_path / 'own.py'}:score"

    return write


def test_a_users_metric_gets_the_network_and_its_batches(own: Callable[[str], str]) -> None:
    metric = find_metric(own("return torch.stack([(model(x) - y).abs().max() for x, y in batches]).min()"))
    value = metric(nn.Identity(), [(torch.tensor([1.0, 5.0]), torch.zeros(2)), (torch.tensor([7.0]), torch.zeros(1))])
    assert value == 5.0
    assert isinstance(value, float)


def test_a_users_metric_needs_no_gradients(own: Callable[[str], str]) -> None:
    metric = find_metric(own("return float(model(next(iter(batches))[0]).requires_grad)"))
    assert metric(nn.Linear(1, 1), [(torch.ones(1, 1), None)]) == 0.0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise KeyError('no\\n boxes')", "failed: KeyError: 'no.* boxes'"),
        ("return None", "failed: TypeError: "),
        ("return 'good'", "failed: ValueError: could not convert string to float: 'good'"),
        ("return torch.ones(2)", "failed: .*Error: "),
        ("return float('nan')", "returned nan; a finite number is needed, larger being better"),
        ("return float('inf')", "returned inf; a finite number is needed"),
    ],
)
def test_what_a_users_metric_does_wrong_is_one_line(own: Callable[[str], str], body: str, message: str) -> None:
    with pytest.raises(UserError, match=rf"metric .*own.py:score {message}") as caught:
        find_metric(own(body))(nn.Identity(), [])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("arguments", ["", "model", "outputs, targets, weights"])
def test_a_metric_with_other_arguments_is_told_how_it_is_called(tmp_path: Path, arguments: str) -> None:
    (tmp_path / "other.py").write_text(f"def score({arguments}): return 1.0\n")
    with pytest.raises(UserError, match=r"other.py:score takes other arguments: a metric is called with the network"):
        find_metric(f"{tmp_path}/other.py:score")


def test_a_metric_that_takes_its_arguments_for_outputs_is_told_how_it_is_called() -> None:
    def score(outputs: Any, targets: Any) -> float:
        return float((outputs.argmax(dim=1) == targets).float().mean())

    with pytest.raises(UserError, match=r"failed: AttributeError: .*; a metric is called with the network and an iter"):
        find_metric(score)(nn.Identity(), [])


@pytest.mark.parametrize("source", ["score(model, batches, k=1)", "score(*arguments)"])
def test_a_metric_may_take_more_arguments_than_it_is_given(tmp_path: Path, source: str) -> None:
    (tmp_path / "wider.py").write_text(f"def {source}: return 0.5\n")
    assert find_metric(f"{tmp_path}/wider.py:score")(nn.Identity(), []) == 0.5


def test_an_interruption_is_no_mistake_of_the_metric(own: Callable[[str], str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        find_metric(own("raise KeyboardInterrupt"))(nn.Identity(), [])


def test_unknown_metrics_are_told() -> None:
    with pytest.raises(UserError, match=r"unknown metric 'top3'; did you mean top.*, or give path/to/file.py:function"):
        find_metric("top3")
    with pytest.raises(UserError, match=r"expected a Python file at nowhere.py, there is none"):
        find_metric("nowhere.py:score")
    assert find_metric("top5") is METRICS["top5"]


def test_batches_come_with_channels_last_and_other_things_as_they_are() -> None:
    boxes: list[dict[str, Any]] = [{"boxes": 1}]
    batches = [(torch.rand(2, 3, 4, 4), torch.tensor([0, 1])), (torch.rand(2, 3), boxes)]
    (images, targets), (rows, others) = moved(batches, torch.device("cpu"))
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(images, batches[0][0])
    assert torch.equal(targets, torch.tensor([0, 1]))
    assert torch.equal(rows, batches[1][0])
    assert others is boxes


class Failing(nn.Module):
    """Fails as networks of a fixed input size do."""

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != 224:
            raise AssertionError("wrong\nsize")
        return x


def test_a_network_that_fails_is_one_line() -> None:
    with pytest.raises(UserError, match=r"input of shape \(1, 3, 8, 8\): AssertionError: wrong size; check image_size"):
        check_runs(Failing(), torch.zeros(1, 3, 8, 8))
    with pytest.raises(UserError, match=r"fails on an input of shape \(1, 2\): RuntimeError: mat1 and mat2"):
        check_runs(nn.Linear(3, 1), torch.zeros(1, 2))
    assert check_runs(Failing(), torch.zeros(1, 224)).shape == (1, 224)


def test_images_of_another_number_of_colours_are_told_so() -> None:
    with pytest.raises(
        UserError, match=r"reads 3 channels and the images have 1: .* as many as numbers in mean and std"
    ):
        check_runs(nn.Conv2d(3, 4, 3), torch.zeros(1, 1, 8, 8))


@pytest.mark.parametrize(
    "first", [nn.Conv2d(1, 4, 3), nn.Sequential(nn.Flatten(), nn.Linear(64, 2))], ids=["convolution", "linear"]
)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float64])
def test_images_of_another_type_are_told(first: nn.Module, dtype: torch.dtype) -> None:
    kind = str(dtype).removeprefix("torch.")
    with pytest.raises(UserError, match=f"it is run in float32: give images as that, not {kind}$"):
        check_runs(first, torch.zeros(1, 1, 8, 8, dtype=dtype))


def test_no_images_are_no_accuracy() -> None:
    with pytest.raises(ZeroDivisionError):
        METRICS["top1"](nn.Identity(), [])
    assert math.isfinite(METRICS["top1"](nn.Identity(), [(torch.eye(2), torch.arange(2))]))


class Writing(nn.Module):
    """Writes into what it is given."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mul_(2).flatten(1)


def test_a_network_that_writes_into_its_inputs_leaves_the_images_alone() -> None:
    model, images = Writing(), torch.eye(2).reshape(2, 1, 1, 2)
    check_runs(model, images)
    assert torch.equal(images.flatten(1), torch.eye(2))
    batches = [(images, torch.arange(2))]
    assert METRICS["top1"](model, batches) == METRICS["top1"](model, batches) == 1.0
    assert torch.equal(images.flatten(1), torch.eye(2))
    assert torch.equal(model(images), 2 * torch.eye(2))


class Hidden(nn.Linear):
    @torch.inference_mode()
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)


class InHalf(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.half())


def test_what_hides_its_layers_or_casts_is_told_so() -> None:
    with pytest.raises(UserError, match=r"under torch\.inference_mode, .* use torch\.no_grad"):
        check_runs(Hidden(2, 2), torch.zeros(1, 2))
    with pytest.raises(UserError, match=r"it is run in float32: take casts .* out of its forward"):
        check_runs(InHalf(2, 2), torch.zeros(1, 2))


class ByName(nn.Module):
    def forward(self, *, scores: Tensor, sign: Tensor) -> Tensor:
        return scores * sign


def test_inputs_are_passed_by_name() -> None:
    inputs = {"sign": -torch.ones(2, 1), "scores": torch.eye(2)}
    assert torch.equal(check_runs(ByName(), inputs), -torch.eye(2))
    assert METRICS["top1"](ByName(), [(inputs, torch.tensor([1, 0]))]) == 1.0
