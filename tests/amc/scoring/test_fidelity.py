"""The metric that compares outputs, against its formula worked out by hand."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from amc.data.load import Splits
from amc.data.resident import ResidentImages
from amc.scoring import evaluation
from amc.scoring.evaluation import evaluate
from amc.scoring.fidelity import Fidelity, WantedOutputs
from amc.scoring.metrics import find_metric
from amc.scoring.original_outputs import with_original_outputs, without_outputs
from amc.scoring.original_score import score_original
from amc.task import Task
from amc.task_options import TaskOptions
from amc.utils.errors import UserError

CPU = torch.device("cpu")


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def images(count: int, seed: int) -> ResidentImages:
    return ResidentImages(noise(count, 3, 6, 6, seed=seed), torch.zeros(count, dtype=torch.int64))


SPLITS = Splits(images(30, 1), images(20, 1), images(10, 2), images(7, 3), None, False)


class TwoHeads(nn.Module):
    """Returns class scores, a map of values, and which class it is."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU())
            self.scores, self.values = nn.Linear(8, 5), nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> dict[str, Any]:
        x = self.body(x)
        scores = 5 * self.scores(x.mean(dim=(2, 3)))
        return {"logits": scores, "maps": [self.values(x)], "class": scores.argmax(dim=1)}


def batches(model: nn.Module, kinds: tuple[str, ...], sizes: tuple[int, ...] = (4, 4, 2)) -> Iterator[tuple[Any, Any]]:
    for inputs in noise(sum(sizes), 3, 6, 6).split(list(sizes)):
        out = model(inputs)
        yield inputs, WantedOutputs((out["logits"], out["maps"][0]), kinds)


def test_it_is_the_mean_over_outputs_of_what_is_kept_of_each() -> None:
    original, other = TwoHeads(0).eval(), TwoHeads(1).eval()
    with torch.no_grad():
        wanted, got = original(noise(10, 3, 6, 6)), other(noise(10, 3, 6, 6))
        other.values.load_state_dict(original.values.state_dict())
        other.body.load_state_dict(original.body.state_dict())
        got = other(noise(10, 3, 6, 6))
        divergence = nn.functional.kl_div(
            got["logits"].log_softmax(1), wanted["logits"].softmax(1), reduction="batchmean"
        )
        error = (got["logits"] - wanted["logits"]).square().sum() / wanted["logits"].square().sum()
        found = {
            kinds: Fidelity()(other, batches(original, kinds)) for kinds in (("scores", "values"), ("values", "values"))
        }
    assert found["scores", "values"] == pytest.approx((math.exp(-float(divergence)) + 1) / 2, rel=1e-5)
    assert found["values", "values"] == pytest.approx((max(0.0, 1 - float(error)) + 1) / 2, rel=1e-5)
    assert 0.5 < found["scores", "values"] < 0.999


class Constant(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, x: Tensor) -> Tensor:
        return torch.full((len(x), 3), self.value)


@pytest.mark.parametrize(
    ("kind", "wanted", "got", "fidelity"),
    [
        ("values", 2.0, 2.0, 1.0),
        ("values", 2.0, 1.0, 0.75),
        ("values", 2.0, 50.0, 0.0),  # not below 0
        ("values", 0.0, 0.0, 1.0),  # without energy
        ("values", 0.0, 1e-3, 0.0),
        ("values", 2.0, math.nan, 0.0),
        ("values", 2.0, math.inf, 0.0),
        ("scores", 2.0, 7.0, 1.0),  # the same probabilities
        ("scores", 2.0, math.nan, 0.0),
    ],
)
def test_outputs_of_one_number(kind: str, wanted: float, got: float, fidelity: float) -> None:
    targets = WantedOutputs((torch.full((4, 3), wanted),), (kind,))
    assert Fidelity()(Constant(got), [(torch.zeros(4, 1), targets)] * 2) == pytest.approx(fidelity)


def test_the_original_scores_one_exactly_in_every_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "TIMED_SECONDS", 0.0)
    model = TwoHeads().eval()
    nn.init.uniform_(model.body[1].running_var, 0.1, 2.0)  # type: ignore[arg-type]
    for kind in ("logits=scores", "values"):
        splits = with_original_outputs(SPLITS, model, kind)
        assert score_original(model, splits.reward, "fidelity", CPU).value == 1.0
        assert evaluate(model, SPLITS, "fidelity", model=model, output_kind=kind, device="cpu").score == 1.0
        task = Task(model, SPLITS, ["macs=0.5"], TaskOptions(metric="fidelity", output_kind=kind))
        assert task.accuracy(task.model, task.splits.test) == 1.0
        assert evaluate(TwoHeads(1), SPLITS, "fidelity", model=model, output_kind=kind, device="cpu").score < 0.9


def test_a_search_scores_what_the_metric_says_of_the_compact_network() -> None:
    model = TwoHeads().eval()
    task = Task(model, SPLITS, ["macs=0.6"], TaskOptions(metric="fidelity", output_kind="logits=scores"))
    kept_counts = task.graph.least
    with task.scorer() as scorer:
        (score,) = scorer.all([kept_counts], race=True)
    network, _ = task.compact(kept_counts, task.search_recovery)
    with torch.no_grad():
        wanted, got = (each(SPLITS.reward.example(10)) for each in (model, network))
        divergence = nn.functional.kl_div(
            got["logits"].log_softmax(1), wanted["logits"].softmax(1), reduction="batchmean"
        )
        error = (got["maps"][0] - wanted["maps"][0]).square().sum() / wanted["maps"][0].square().sum()
    expected = (math.exp(-float(divergence)) + max(0.0, 1 - float(error))) / 2
    assert score.share == 1
    assert score.value == pytest.approx(expected, rel=1e-4)
    assert task.accuracy(network, task.splits.reward) == pytest.approx(expected, rel=1e-4)


def test_other_outputs_than_the_originals_are_refused() -> None:
    splits = with_original_outputs(SPLITS, TwoHeads().eval())
    with pytest.raises(UserError, match=r"expected outputs of shapes \(4, 5\), \(4, 2, 2, 2\), .* got \(4, 3\)"):
        Fidelity()(Constant(1.0), splits.reward.batches(4))
    with pytest.raises(TypeError, match="original's outputs"):
        find_metric("fidelity")(Constant(1.0), without_outputs(splits).reward.batches(4))


def test_a_module_says_nothing_of_its_original() -> None:
    with pytest.raises(UserError, match="give the original with its weights as model"):
        evaluate(TwoHeads(), SPLITS, "fidelity", device="cpu")
