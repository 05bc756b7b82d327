"""What each criterion says, against values worked out by hand or by brute force."""

import copy
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from amc.analysis.analyse import analyse
from amc.criteria import CRITERIA, Evidence, brain_surgeon, find_criterion
from amc.criteria.activations import apoz, lda
from amc.criteria.brain_surgeon import obs
from amc.criteria.gradients import taylor
from amc.criteria.propagation import nisp
from amc.criteria.subsets import lasso, thinet
from amc.criteria.weight_norms import bn_scale, l1, l2
from amc.utils.defaults import DEFAULT_CRITERION
from amc.utils.errors import UserError
from tests.architectures import PRUNABLE
from tests.oracles import prepared, snapshot


def evidence(name: str) -> Evidence:
    model, graph = prepared(name)
    return Evidence(model, graph, [PRUNABLE[name].example(12), PRUNABLE[name].example(8)])


class Net(nn.Module):
    """One group of 6 channels, read by one convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 1)
        self.norm = nn.BatchNorm2d(6)
        self.read = nn.Conv2d(6, 5, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.read(self.norm(self.stem(x)).relu()).mean(dim=(2, 3))


@pytest.fixture
def net() -> Evidence:
    torch.manual_seed(0)
    model = Net().eval()
    with torch.no_grad():
        model.norm.weight.copy_(torch.tensor([0.5, -3.0, 1.0, 0.1, 2.0, 0.7]))
        model.norm.bias.copy_(torch.tensor([0.0, 0.5, -1.0, 0.2, 5.0, -0.1]))
    images = torch.randn(40, 3, 5, 5) + 3 * torch.randn(40, 3, 1, 1)
    return Evidence(model, analyse(model, images[:2]), [images[:25], images[25:]])


def batches(net: Evidence) -> list[Tensor]:
    return [batch for batch in net.calibration if isinstance(batch, Tensor)]


def read(net: Evidence) -> Tensor:
    """What the consumer reads, of all images."""
    model = net.model
    assert isinstance(model, Net)
    with torch.no_grad():
        return model.norm(model.stem(torch.cat(batches(net)))).relu()


@pytest.mark.parametrize(
    "criterion", [pytest.param(name, marks=[pytest.mark.backward] * (name == "taylor")) for name in CRITERIA]
)
@pytest.mark.parametrize("name", PRUNABLE)
def test_every_unit_has_an_importance_and_none_is_negative(name: str, criterion: str) -> None:
    seen = evidence(name)
    before = snapshot(seen.model)
    importance = CRITERIA[criterion](seen)
    assert importance.shape == (seen.graph.unit_count,)
    assert np.isfinite(importance).all()
    assert (importance >= 0).all()
    assert snapshot(seen.model) == before
    assert all(parameter.grad is None for parameter in seen.model.parameters())
    if criterion not in ("apoz", "lda"):  # channels without an activation in between are never zero
        assert all(len(set(importance[group.slice].tolist())) > 1 for group in seen.graph.groups)


def test_l1_of_several_consumers_by_hand() -> None:
    seen = evidence("projection")
    importance = l1(seen)
    parameters = dict(seen.model.named_parameters())
    first, second = (parameters[f"{name}.0.weight"].detach().abs() for name in ("conv1", "shortcut"))
    for unit in range(6):  # what the stem's two readers do with its channels
        expected = first[:, unit].sum() / first.sum() + second[:, unit].sum() / second.sum()
        assert importance[unit] == pytest.approx(float(expected), rel=1e-5)


def test_l1_of_a_unit_of_several_channels_is_that_of_all_of_them() -> None:
    seen = evidence("grouped_narrow")  # 8 groups of 2 channels, read by `expand`
    weight = seen.model.get_parameter("expand.0.weight").detach().abs()
    expected = torch.stack([weight[:, 2 * unit : 2 * unit + 2].sum() for unit in range(8)]) / weight.sum()
    np.testing.assert_allclose(l1(seen)[seen.graph.groups[1].slice], expected.numpy(), rtol=1e-5)


def test_a_consumer_without_weight_gives_no_nan() -> None:
    seen = evidence("plain")
    model = copy.deepcopy(seen.model)
    nn.init.zeros_(model.get_parameter("fc.weight"))
    dead = Evidence(model, seen.graph, seen.calibration)
    assert l1(dead)[seen.graph.groups[1].slice].tolist() == [0.0] * 12


def test_l2(net: Evidence) -> None:
    weight = net.model.get_parameter("read.weight").detach()
    norms = weight.transpose(0, 1).flatten(1).norm(dim=1)
    np.testing.assert_allclose(l2(net), (norms / norms.sum()).numpy(), rtol=1e-5)


def test_bn_scale_is_the_absolute_scale(net: Evidence) -> None:
    np.testing.assert_allclose(bn_scale(net), [0.5, 3.0, 1.0, 0.1, 2.0, 0.7], rtol=1e-6)


def test_apoz_counts_what_is_not_zero(net: Evidence) -> None:
    shares = (read(net) > 0).double().mean(dim=(0, 2, 3))
    batches = read(net).split([25, 15])
    shares = torch.stack([(each > 0).double().mean(dim=(0, 2, 3)) for each in batches]).mean(dim=0)
    np.testing.assert_allclose(apoz(net), (shares / shares.sum()).numpy(), rtol=1e-6)


@pytest.mark.backward
def test_taylor_is_the_squared_change_of_the_loss_by_finite_differences(net: Evidence) -> None:
    model = copy.deepcopy(net.model).double()
    weight = model.get_parameter("read.weight")
    expected, step = torch.zeros(6, dtype=torch.float64), 1e-6
    for batch in batches(net):
        labels = model(batch.double()).argmax(dim=1)
        for channel in range(6):
            losses = []
            for sign in (1, -1):
                with torch.no_grad():
                    kept = weight.clone()
                    weight[:, channel] *= 1 + sign * step
                    losses.append(F.cross_entropy(model(batch.double()), labels))
                    weight.copy_(kept)
            expected[channel] += ((losses[0] - losses[1]) / (2 * step)).square()
    np.testing.assert_allclose(taylor(net), (expected / expected.sum()).detach().numpy(), rtol=1e-3)


def terms(net: Evidence) -> Tensor:
    """What each channel adds to the consumer's output: `(channels, numbers)`."""
    x, weight = read(net).double(), net.model.get_parameter("read.weight").detach().double()
    return torch.stack([F.conv2d(x[:, [c]], weight[:, [c]]).flatten() for c in range(6)])


def test_thinet_removes_greedily_what_the_output_misses_least(net: Evidence) -> None:
    parts, gone, order = terms(net), list[int](), list[int]()
    while len(gone) < 6:
        left = [channel for channel in range(6) if channel not in gone]
        losses = [float(parts[[*gone, channel]].sum(dim=0).square().sum()) for channel in left]
        gone.append(left[int(np.argmin(losses))])
        order = gone
    places = [order.index(channel) + 1 for channel in range(6)]
    assert thinet(net).tolist() == places


def test_obs_removes_greedily_what_refitted_channels_miss_least(net: Evidence) -> None:
    importance, losses, order = obs(net), refitted_losses(net), list[int]()
    while len(order) < 6:
        before = losses(order)
        after = {channel: losses([*order, channel]) for channel in range(6) if channel not in order}
        order.append(min(after, key=lambda channel: after[channel]))
        rise = max(0.0, after[order[-1]] - before, *(importance[channel] for channel in order[:-1]))
        assert importance[order[-1]] == pytest.approx(rise, rel=1e-4)
    assert np.argsort(importance).tolist() == order


def refitted_losses(net: Evidence) -> Callable[[Sequence[int]], float]:
    """What a consumer without some channels loses of its outputs' energy, the weights of others refitted (ridge)."""
    rows = F.unfold(read(net).double(), 3).transpose(1, 2).flatten(0, 1)  # (positions, 6 * 9)
    weights = net.model.get_parameter("read.weight").detach().double().flatten(1).T
    damping = 1e-3 * rows.square().sum(dim=0).mean()
    rows = torch.cat([rows, damping.sqrt() * torch.eye(54).double()])
    energy = (rows[:-54] @ weights).square().sum()

    def loss(gone: Sequence[int]) -> float:
        left = [9 * channel + tap for channel in range(6) if channel not in gone for tap in range(9)]
        refitted = torch.linalg.lstsq(rows[:, left], rows @ weights).solution
        return float((rows[:, left] @ refitted - rows @ weights).square().sum() / energy)

    return loss


def test_obs_of_copied_channels_keeps_one_of_each(net: Evidence) -> None:
    """Channels that are the same make up for each other, so none of them is lost until the last one is."""
    model = copy.deepcopy(net.model)
    with torch.no_grad():
        for name in ("stem.weight", "stem.bias", "norm.weight", "norm.bias"):
            model.get_parameter(name)[[3, 5]] = model.get_parameter(name)[[1]]
    kept = set(np.argsort(-obs(Evidence(model, net.graph, net.calibration)))[:4].tolist())
    assert {0, 2, 4} < kept


def test_obs_of_a_group_of_a_convolution_that_reads_nothing() -> None:
    """Half of the channels are dead, which are all that one group of the convolution behind them reads."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=2, bias=False)).eval()
    model.get_parameter("0.weight").data[4:], model.get_parameter("0.bias").data[4:] = 0.0, -1.0
    images = torch.randn(20, 3, 6, 6)
    graph = analyse(model, images[:2])
    importance = obs(Evidence(model, graph, [images]))
    assert np.isfinite(importance).all()
    assert (importance >= 0).all()


def test_obs_in_parts_with_few_outputs_and_many_at_once_loses_little_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """What bounds the time of wide layers costs little: beside the exact order, and beside channels at random."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(40, 48), nn.ReLU(), nn.Linear(48, 40)).eval()
    images = torch.randn(2000, 40)
    seen = Evidence(model, analyse(model, images[:2]), [images])
    rows, outputs = model[:2](images).detach(), model(images).detach()

    def lost(order: NDArray[np.int64]) -> float:
        left = torch.cat([rows[:, order[-24:].tolist()], torch.ones(2000, 1)], dim=1)
        return float((left @ torch.linalg.lstsq(left, outputs).solution - outputs).square().sum())

    exact, chance = lost(np.argsort(obs(seen))), lost(np.random.default_rng(0).permutation(48))
    for name, value in (("MOST_NUMBERS", 24), ("MOST_OUTPUTS", 16), ("MOST_TURNS", 12)):
        monkeypatch.setattr(brain_surgeon, name, value)
    assert lost(np.argsort(obs(seen))) - exact < 0.25 * (chance - exact)


@pytest.mark.parametrize(("name", "passed_on"), [("inverted", {12}), ("depthwise", {6, 8}), ("projection", set[int]())])
def test_the_default_judges_what_a_depthwise_convolution_passes_on_by_weights(name: str, passed_on: set[int]) -> None:
    seen = evidence(name)
    found, by_outputs, by_weights = (CRITERIA[criterion](seen) for criterion in (DEFAULT_CRITERION, "obs", "l1"))
    for group in seen.graph.groups:
        expected = by_weights if group.units in passed_on else by_outputs
        assert found[group.slice].tolist() == expected[group.slice].tolist()
        assert by_weights[group.slice].tolist() != by_outputs[group.slice].tolist()


def test_lasso_orders_channels_as_its_path_does(net: Evidence) -> None:
    importance = lasso(net)
    order = np.argsort(-importance)
    parts = terms(net)
    whole = parts.sum(dim=0)
    scaled = parts / parts.norm(dim=1, keepdim=True)
    first = int((scaled @ whole).argmax())  # the first channel of the path is the one that goes best with the output
    assert order[0] == first
    best = min(itertools.combinations(range(6), 3), key=lambda each: residual(parts, whole, each))
    assert residual(parts, whole, tuple(order[:3].tolist())) < 3 * residual(parts, whole, best) + 1e-9


def residual(parts: Tensor, whole: Tensor, kept: tuple[int, ...]) -> float:
    rows = parts[list(kept)].T
    fitted = rows @ torch.linalg.lstsq(rows, whole[:, None]).solution
    return float((whole[:, None] - fitted).square().sum())


def test_lda_prefers_a_channel_that_tells_the_classes_apart(net: Evidence) -> None:
    with torch.no_grad():
        labels = net.model(torch.cat(batches(net))).argmax(dim=1)
    assert len(labels.unique()) > 1
    means = read(net).mean(dim=(2, 3)).double()
    expected = []
    for channel in means.T:
        groups = [channel[labels == label] for label in labels.unique()]
        between = sum(len(each) * (each.mean() - channel.mean()) ** 2 for each in groups)
        within = sum((each - each.mean()).square().sum() for each in groups)
        expected.append(float(between / within) if within > 0 else 0.0)
    np.testing.assert_allclose(lda(net), np.array(expected) / sum(expected), rtol=1e-4)


def test_nisp_carries_importance_back_through_two_layers() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)).eval()
    x = torch.randn(10, 4)
    graph = analyse(model, x[:2])
    importance = nisp(Evidence(model, graph, [x]))
    last, middle = (model.get_parameter(f"{index}.weight").detach().abs().double() for index in (4, 2))
    second = last.sum(dim=0)
    first = (second / second.sum()) @ middle
    np.testing.assert_allclose(importance[graph.groups[1].slice], (second / second.sum()).numpy(), rtol=1e-6)
    np.testing.assert_allclose(importance[graph.groups[0].slice], (first / first.sum()).numpy(), rtol=1e-6)


def test_chance_follows_the_seed(net: Evidence) -> None:
    first, same = (CRITERIA["random"](net) for _ in range(2))
    other = CRITERIA["random"](Evidence(net.model, net.graph, net.calibration, seed=1))
    assert first.tolist() == same.tolist()
    assert first.tolist() != other.tolist()


class Rewriting(Net):
    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x).sigmoid()
        y[:, 0] *= 2
        return y


@pytest.mark.backward
def test_taylor_says_where_no_gradients_come_through() -> None:
    model = Rewriting().eval()
    images = torch.randn(4, 3, 5, 5)
    with pytest.raises(UserError, match=r"criterion='taylor' needs gradients, .* give another criterion, such as l1"):
        taylor(Evidence(model, analyse(model, images), [images]))


def test_a_users_criterion_is_a_function_of_the_evidence(net: Evidence, tmp_path: Path) -> None:
    (tmp_path / "own_criterion.py").write_text(
        "import torch\n"
        "def scale(evidence):\n    return evidence.model.norm.weight.abs()\n"
        "def short(evidence):\n    return torch.ones(2)\n"
        "def lost(evidence):\n    return torch.full((evidence.graph.unit_count,), torch.nan)\n"
        "def failing(evidence):\n    return evidence.nothing\n"
    )
    wanted = [0.5, 3.0, 1.0, 0.1, 2.0, 0.7]
    np.testing.assert_allclose(find_criterion(f"{tmp_path}/own_criterion.py:scale")(net), wanted, rtol=1e-6)
    np.testing.assert_array_equal(find_criterion(lambda _: np.array(wanted))(net), wanted)
    for name, message in {
        "short": r"returned numbers of shape \(2,\); a finite one for each unit is needed, \(6,\)",
        "lost": r"returned numbers of shape \(6,\); a finite one for each unit",
        "failing": "failed: AttributeError: ",
    }.items():
        with pytest.raises(UserError, match=rf"^criterion .*own_criterion.py:{name} {message}"):
            find_criterion(f"{tmp_path}/own_criterion.py:{name}")(net)
