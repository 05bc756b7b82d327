import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook
from torchvision.models import mobilenet_v3_small, resnet18

import amc.task as amc_task
from amc.compression.compressor import Compressor
from amc.data.images import Images
from amc.data.load import Splits, load_data
from amc.data.splits import SplitSizes
from amc.graph import KeptCounts
from amc.prunable_graph import prunable_graph
from amc.recovery.recoveries import RECOVERIES
from amc.scoring.engines.engine import SerialEngine
from amc.scoring.recovery_choice import RecoveryChoice
from amc.task import Task
from amc.task_options import TaskOptions
from amc.utils.defaults import CLOSED_FORMS
from amc.utils.errors import UserError
from amc.utils.registry import name_of
from tests.small_network import small_resnet

SIZES = SplitSizes(calibration=40, reward=60, test=30)


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return small_resnet()


@pytest.fixture(scope="module")
def splits() -> Splits:
    return load_data("digits", sizes=SIZES)


@pytest.fixture(scope="module")
def task(model: nn.Module, splits: Splits) -> Task:
    return Task(model, splits, ["macs=0.4"], options=TaskOptions(reward_images=25))


def right(network: nn.Module, images: Images) -> float:
    with torch.no_grad():
        hits = [(network(inputs).argmax(1) == targets).float() for inputs, targets in images.batches(7)]
    return float(torch.cat(hits).double().mean())


def test_the_model_is_never_changed(splits: Splits) -> None:
    model = small_resnet().train()
    before = copy.deepcopy(model.state_dict())
    task = Task(model, splits, ["macs=0.4"])
    task.scorer()(task.graph.least)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training
    assert not task.model.training


def test_a_search_scores_with_a_part_of_the_reward_images(task: Task, splits: Splits) -> None:
    assert len(task.search_images) == 25
    kept_counts = task.budgets.uniform
    (score,) = task.scorer().all([kept_counts])
    assert score.metric == pytest.approx(right(task.compact(kept_counts, task.search_recovery)[0], task.search_images))
    assert task.accuracy(task.model, splits.reward) == pytest.approx(right(task.model, splits.reward))


@pytest.mark.parametrize("score", ["fidelity", "loss", "accuracy"])
def test_networks_are_compared_by_the_score_that_is_asked_for(model: nn.Module, splits: Splits, score: str) -> None:
    task = Task(model, splits, ["macs=0.4"], options=TaskOptions(score=score, recovery="both", search_recovery="both"))
    kept_counts = task.budgets.uniform
    network, _ = task.compact(kept_counts)
    (images, classes), *_ = splits.reward.batches(len(splits.reward))
    with torch.no_grad():
        found, original = network(images).log_softmax(dim=1), model(images).softmax(dim=1)
    by_hand = {
        "fidelity": (original * (found - original.log())).sum(dim=1).mean().exp(),
        "loss": found[torch.arange(len(images)), classes].mean().exp(),
        "accuracy": (found.argmax(dim=1) == classes).float().mean(),
    }
    kept, (searched,) = task.reward_score(network), task.scorer().all([kept_counts])
    assert kept.value == pytest.approx(searched.value, rel=1e-6)  # another operator multiplies matrices
    assert searched.value == pytest.approx(float(by_hand[score]), rel=1e-4)
    assert kept.metric == searched.metric == pytest.approx(float(by_hand["accuracy"]))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (TaskOptions(score="kl"), "unknown score 'kl'"),
        (TaskOptions(score="loss", metric="fidelity"), "score loss compares the classes of top1 and top5"),
    ],
)
def test_a_score_that_there_is_not_is_one_line(
    model: nn.Module, splits: Splits, options: TaskOptions, said: str
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        Task(model, splits, ["macs=0.4"], options=options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("count", [None, 60, 1000])
def test_a_search_scores_with_all_of_them_by_default(model: nn.Module, splits: Splits, count: int | None) -> None:
    assert Task(model, splits, ["macs=0.4"], options=TaskOptions(reward_images=count)).search_images is splits.reward


def test_the_test_images_are_not_touched(model: nn.Module, splits: Splits) -> None:
    class Untouchable:
        def __getattr__(self, name: str) -> object:
            raise AssertionError(f"the test images were asked for {name}")

    forbidden = Splits(**{**vars(splits), "test": Untouchable()})
    task = Task(model, forbidden, ["macs=0.4"])
    task.scorer()(task.graph.least)


def test_only_what_the_user_chose_is_cut(model: nn.Module, splits: Splits) -> None:
    task = Task(model, splits, ["macs=0.6"], options=TaskOptions(freeze=["stem"], only=["*.conv1", "stem.0"]))
    assert [group.name for group in task.graph.groups] == [f"stages.{index}.conv1" for index in range(2)]
    compact, _ = task.compact(task.graph.least)
    shapes = [compact.get_parameter(f"stages.{index}.conv2.weight").shape[:2] for index in range(2)]
    assert [out for out, _ in shapes] == [8, 16]
    assert [inside for _, inside in shapes] == task.graph.least.tolist()


def test_the_recovery_that_is_best_for_the_first_policy_is_taken_for_all(
    model: nn.Module, splits: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = Task(model, splits, ["macs=0.4"])
    policies = [task.budgets.scale(np.linspace(1, end, len(task.graph.groups))) for end in (0.5, 0.7)]
    networks = {name: task.compact(policies[0], name)[0] for name in CLOSED_FORMS}
    scores = {name: right(network, splits.reward) for name, network in networks.items()}
    best = max(scores, key=scores.__getitem__)
    asked: list[str] = []
    compact = Compressor.compact

    def noted(self: Compressor, mask: Any, recovery: Any, batches: int | None) -> Any:
        asked.append(recovery)
        return compact(self, mask, recovery, batches)

    monkeypatch.setattr(Compressor, "compact", noted)
    found = [task.compact(kept_counts)[0] for kept_counts in policies]
    assert asked == [*CLOSED_FORMS, best, best]
    expected = networks[best].state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in found[0].state_dict().items())
    choice = task.choose_recovery(policies[0])
    assert {name: score.metric for name, score in choice.scores.items()} == {
        name: pytest.approx(value) for name, value in scores.items()
    }


def test_a_recovery_is_known_by_name(model: nn.Module, splits: Splits) -> None:
    for options in (TaskOptions(recovery="all"), TaskOptions(search_recovery="all")):
        with pytest.raises(UserError, match=r"unknown recovery 'all'; .*auto"):
            Task(model, splits, ["macs=0.4"], options=options)


def test_what_a_search_scores_is_recovered_alike_at_all_budgets(
    model: nn.Module, splits: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the uniform policy of the first budget says, once."""
    task = Task(model, splits, ["macs=0.4"])
    asked = []
    choose = Task.choose_recovery

    def noted(self: Task, kept_counts: KeptCounts) -> RecoveryChoice:
        asked.append(kept_counts)
        return choose(self, kept_counts)

    monkeypatch.setattr(Task, "choose_recovery", noted)
    found = {
        name_of(each.search_recovery) for each in (task, task.with_budgets(["macs=0.9"]), task.with_budgets([]), task)
    }
    uniform = task.budgets.uniform
    assert found == {choose(task, uniform).for_many}
    assert [each.tolist() for each in asked] == [uniform.tolist()]
    assert task.candidates().arguments[1] is RECOVERIES[found.pop()]


def test_the_same_keeps_give_the_same_network(model: nn.Module, splits: Splits, task: Task) -> None:
    kept_counts = task.budgets.scale(np.linspace(1, 0.5, len(task.graph.groups)))
    again = Task(model, splits, ["macs=0.4"])
    one, other = (each.compact(kept_counts)[0].state_dict() for each in (task, again))
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_metric_of_ones_own(model: nn.Module, splits: Splits, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "def score(model, batches):\n    return -sum(float(model(x).std()) * len(x) for x, _ in batches)\n"
    )
    task = Task(model, splits, ["macs=0.4"], TaskOptions(metric=f"{tmp_path / 'own.py'}:score", reward_images=10))
    assert task.scorer()(task.graph.least) < 0


@pytest.mark.parametrize("build", [lambda: resnet18(num_classes=3), lambda: mobilenet_v3_small(num_classes=3)])
def test_the_memory_layout_changes_nothing_of_the_analysis(build: Callable[[], nn.Module]) -> None:
    model, example = build().eval(), torch.zeros(1, 3, 32, 32)
    plain = prunable_graph(model, example)
    last = prunable_graph(model.to(memory_format=torch.channels_last), example.to(memory_format=torch.channels_last))
    assert plain.fingerprint == last.fingerprint
    assert [frozen.reason for frozen in last.frozen] == ["output of the network"]


class Head(nn.Module):
    """Nothing but the output."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc(x)
        return out


@pytest.mark.parametrize(
    ("network", "arguments", "message"),
    [
        (Head(), {}, "no channels of this network can be pruned: output of the network"),
        (nn.Flatten(), {}, "no channels of this network can be pruned: it has no layers"),
        (nn.Linear(5, 2), {}, r"the network fails on an input of shape \(1, 4\): RuntimeError: .*check image_size"),
        (Head(), {"max_sparsity": 1.0}, "the largest sparsity is a share between 0 and 1, got 1.0"),
        (Head(), {"max_sparsity": float("nan")}, "the largest sparsity is a share between 0 and 1, got nan"),
        (Head(), {"only": ["fc"]}, "no channels of this network can be pruned: output of the network"),
        (Head(), {"freeze": ["f"]}, "freeze='f' matches no layer and no module that has layers; did you mean fc"),
        (Head(), {"round_to": 0}, "widths are rounded to a whole number above 0, got 0"),
    ],
)
def test_what_cannot_be_pruned_is_told(network: nn.Module, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        prunable_graph(network, torch.zeros(1, 4), TaskOptions(**arguments))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("budgets", "message"),
    [
        (["macs=0.01"], r"can't be reached: the least that pruning can leave is 9,384 macs"),
        (["params=0.3", "params=0.2"], "one budget of each kind at the most"),
        (["latency=5"], "unknown budget kind 'latency'"),
    ],
)
def test_budgets_that_cannot_be_are_told(model: nn.Module, splits: Splits, budgets: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Task(model, splits, budgets)


def test_what_one_scorer_closes_is_open_for_no_other() -> None:
    closed: list[object] = []

    class Noting(SerialEngine):
        def close(self) -> None:
            closed.append(self)

    splits = load_data("digits", sizes=SplitSizes(calibration=20, reward=20, test=20))
    options = TaskOptions(search_recovery="none")
    task = Task(small_resnet(), splits, ["macs=0.5"], options)
    other = task.with_budgets(["macs=0.3"])
    with task.scorer(Noting) as one, other.scorer(Noting) as another:
        assert one(task.graph.full) == another(task.graph.full)
        another.close()
        assert len(closed) == 1
        with pytest.raises(ValueError, match="the scorer is closed"):
            another(task.graph.least)
        one(task.graph.least)
    assert len(closed) == 2


def test_the_original_answers_the_reward_images_once_for_all_budgets(model: nn.Module, splits: Splits) -> None:
    task = Task(model, splits, ["macs=0.4"])
    network, _ = task.compact(task.budgets.uniform, "statistics")
    whole, cut = (
        next(layer.in_features for layer in each.modules() if isinstance(layer, nn.Linear)) for each in (model, network)
    )
    answered = 0

    def count(module: nn.Module, inputs: tuple[Tensor], _: Tensor) -> None:
        nonlocal answered
        if isinstance(module, nn.Linear) and module.in_features == whole:
            answered += len(inputs[0])

    assert cut < whole
    with register_module_forward_hook(count):
        scores = [task.with_budgets([f"macs={share}"]).reward_score(network) for share in (0.4, 0.5)]
    assert answered == len(splits.reward)
    assert scores[0].value == scores[1].value


def test_nothing_of_a_task_changes() -> None:
    splits = load_data("digits", sizes=SplitSizes(calibration=20, reward=20, test=20))
    task = Task(small_resnet(), splits, ["macs=0.5"])
    with pytest.raises(dataclasses.FrozenInstanceError):
        task.budgets = task.with_budgets(["macs=0.3"]).budgets  # type: ignore[misc]
    assert task.budgets.limits[0].asked == "macs=0.5"


def test_many_images_are_scored_as_few_are(task: Task, splits: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    network, _ = task.compact(task.budgets.uniform, "statistics")
    few = task.image_scores(network, splits.reward)
    monkeypatch.setattr(amc_task, "FEWEST_TO_FUSE", 1)
    many = task.image_scores(network, splits.reward)
    assert many.value == few.value
    assert few.right is not None
    assert many.right is not None
    assert torch.equal(few.right, many.right)
