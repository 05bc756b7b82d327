"""Least squares layer after layer, on what the pruned network reads."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amc.analysis.analyse import analyse
from amc.compression.compressor import Compressor
from amc.graph import PruningGraph
from amc.pruning.slicing import UnitMask, compact, make_selection
from amc.recovery import asymmetric, layer_problem
from amc.recovery.asymmetric import Asymmetric
from amc.recovery.least_squares import RIDGES, SampleRows
from amc.recovery.solved_layers import Solution
from tests.architectures import PRUNABLE
from tests.oracles import distance, prepared, randomise, run, snapshot


def images(name: str, count: int = 64, seed: int = 0) -> Tensor:
    return torch.randn(count, *PRUNABLE[name].input_shape, generator=torch.Generator().manual_seed(seed))


def halved(graph: PruningGraph, seed: int = 0) -> UnitMask:
    """A random half of every group."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(graph.unit_count, dtype=np.bool_)
    for group in graph.groups:
        mask[group.first_unit + rng.permutation(group.units)[: max(1, group.units // 2)]] = True
    return mask


def compact_network(model: nn.Module, graph: PruningGraph, mask: UnitMask) -> nn.Module:
    return compact(model, make_selection(graph, model, mask)).eval()


@pytest.mark.parametrize("name", PRUNABLE)
def test_a_network_that_is_not_pruned_stays_as_it_is(name: str) -> None:
    model, graph = prepared(name)
    before = snapshot(model)
    x = images(name)
    refit = Asymmetric(model, graph, [x[:40], x[40:]], seed=0)
    network = compact_network(model, graph, np.ones(graph.unit_count, dtype=np.bool_))
    refit.refit(network, np.ones(graph.unit_count, dtype=np.bool_))
    assert distance(run(network, x), run(model, x)) < 1e-4
    assert snapshot(model) == before


@pytest.mark.parametrize("name", PRUNABLE)
def test_pruned_networks_come_nearer_to_the_original(name: str) -> None:
    model, graph = prepared(name)
    x, mask = images(name, 256), halved(graph)
    network = compact_network(model, graph, mask)
    untouched = distance(run(network, x), run(model, x))
    Asymmetric(model, graph, [x], seed=0).refit(network, mask)
    assert all(torch.isfinite(out).all() for out in run(network, x))
    assert distance(run(network, x), run(model, x)) < untouched
    assert not any(module.training for module in network.modules())
    again = compact_network(model, graph, mask)
    Asymmetric(model, graph, [x], seed=0).refit(again, mask)
    assert distance(run(again, x), run(network, x)) == 0


class Two(nn.Module):
    """Two convolutions and a classifier."""

    def __init__(self, norm: bool, bias: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 6, 1, bias=bias)
        self.second = nn.Conv2d(6, 4, 3, bias=bias)
        self.norm = nn.BatchNorm2d(4) if norm else nn.Identity()
        self.last = nn.Linear(4, 3, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.second(self.first(x).relu())).relu()
        return self.last(x.mean(dim=(2, 3)))


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_each_layer_is_the_least_squares_fit_of_what_it_reads_to_what_the_original_gave(
    monkeypatch: pytest.MonkeyPatch, norm: bool, bias: bool
) -> None:
    monkeypatch.setattr(layer_problem, "RIDGE", 1e-9)
    monkeypatch.setattr(asymmetric, "LEAST_POSITIONS", 9)  # all of a 3 x 3 map
    model = Two(norm, bias)
    randomise(model)
    x = torch.randn(200, 2, 5, 5)
    graph = analyse(model, x[:2])
    mask = halved(graph)
    network = compact_network(model, graph, mask)
    Asymmetric(model, graph, [x], seed=0).refit(network, mask)
    seen: dict[str, list[Tensor]] = {}

    def note(module: nn.Module, name: str) -> None:
        module.register_forward_hook(lambda _, args, out: seen.__setitem__(name, [args[0], out]))

    for which, each in (("original", model), ("pruned", network)):
        for layer in ("second", "norm", "last"):
            note(each.get_submodule(layer), f"{which} {layer}")
        with torch.no_grad():
            each(x)
    kept = torch.from_numpy(graph.layers[1].out.kept(mask))
    patches = nn.functional.unfold(seen["pruned second"][0], 3).transpose(1, 2).flatten(0, 1)
    wanted = seen["original second"][1][:, kept].flatten(2).transpose(1, 2).flatten(0, 1)
    found = seen["pruned norm"][0].flatten(2).transpose(1, 2).flatten(0, 1)
    if norm:  # a shift of the running mean stands for a constant
        means = [each.state_dict()["norm.running_mean"] for each in (network, model)]
        found = found - (means[0] - means[1][kept])
    expected = least_squares(patches, wanted, constant=norm or bias)
    if norm:  # which was fitted to the variances of the original
        mean, (before, after) = expected.mean(0), (each.double().std(0) for each in (wanted, expected))
        assert bool((before > 1.01 * after).any())
        expected = mean + (before / after) * (expected - mean)
    torch.testing.assert_close(found.double(), expected, atol=5e-4, rtol=1e-3)
    last = least_squares(seen["pruned last"][0], seen["original last"][1], constant=bias)
    torch.testing.assert_close(seen["pruned last"][1].double(), last, atol=2e-4, rtol=1e-3)


def least_squares(inputs: Tensor, wanted: Tensor, constant: bool) -> Tensor:
    """The predictions of torch's own least squares."""
    rows = torch.cat([inputs, torch.ones(len(inputs), 1)], dim=1) if constant else inputs
    return rows.double() @ torch.linalg.lstsq(rows.double(), wanted.double()).solution


def test_where_images_are_few_the_last_of_them_choose_the_ridge_and_no_layer_is_solved_on_them() -> None:
    model = Two(norm=True, bias=True)
    randomise(model)
    x = torch.randn(30, 2, 5, 5, generator=torch.Generator().manual_seed(0))
    graph = analyse(model, x[:2])
    mask = halved(graph)
    network = compact_network(model, graph, mask)
    weight = network.get_parameter("last.weight").detach().clone()
    bias = network.get_parameter("last.bias").detach().clone()
    refit = Asymmetric(model, graph, [x], seed=0)
    assert refit.held_out == 6
    refit.refit(network, mask)
    read: dict[int, Tensor] = {}
    for number, each in enumerate((model, network)):
        each.get_submodule("last").register_forward_pre_hook(lambda _, args, to=number: read.update({to: args[0]}))
        run(each, x)
    rows = torch.cat([read[1], torch.ones(30, 1)], dim=1).double()
    sliced = torch.cat([weight, bias[:, None]], dim=1).T.double()
    lacking = run(model, x)[0].double() - rows @ sliced
    found = torch.cat([network.get_parameter("last.weight"), network.get_parameter("last.bias")[:, None]], dim=1).T
    changes = [SampleRows(rows[None, :24], lacking[None, :24]).change(ridge)[0] for ridge in RIDGES]
    best = min(
        [torch.zeros_like(sliced), *changes], key=lambda each: float((lacking - rows @ each)[24:].square().sum())
    )
    torch.testing.assert_close(found.double(), sliced + best, rtol=1e-3, atol=1e-3)
    lost = refit.lost[graph.layers[-1].call]
    wanted = run(model, x)[0].double()
    for part, share in ((slice(24), lost.seen), (slice(24, None), lost.held_out)):
        variance = (wanted[part] - wanted[part].mean(0)).square().sum()
        assert share == pytest.approx(float((lacking - rows @ best)[part].square().sum() / variance), rel=1e-3)
    assert refit.mean_lost is not None
    assert refit.mean_lost.held_out == pytest.approx(np.mean([each.held_out for each in refit.lost.values()]))
    before, refitted = refit.mean_lost, compact_network(model, graph, mask)
    refit.refit(compact_network(model, graph, np.ones_like(mask)), np.ones_like(mask))
    assert refit.mean_lost != before
    refit.refit(refitted, mask)  # of which all is known
    assert refit.mean_lost == before
    plenty = Asymmetric(model, graph, [x.repeat(2, 1, 1, 1)], seed=0)
    plenty.refit(compact_network(model, graph, mask), mask)
    assert (plenty.held_out, plenty.mean_lost) == (0, None)


class Block(nn.Module):
    """A residual block behind a group that is cut."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 1)
        self.body = nn.Conv2d(8, 16, 1)
        self.narrow = nn.Conv2d(16, 8, 1)
        self.inner = nn.Conv2d(8, 16, 1)
        self.out = nn.Conv2d(16, 8, 1)
        self.norm = nn.BatchNorm2d(8)
        self.last = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.narrow(self.body(self.stem(x).relu()).relu()).relu()
        self.summed = self.norm(self.out(self.inner(x).relu())) + x
        return self.last(self.summed.relu().mean(dim=(2, 3)))


def test_the_drift_of_a_shortcut_is_made_up_for() -> None:
    torch.manual_seed(3)
    model = Block()
    randomise(model)
    x = torch.randn(128, 3, 4, 4)
    graph = analyse(model, x[:2])
    mask = np.ones(graph.unit_count, dtype=np.bool_)
    for group in graph.groups:
        if group.name in ("body", "inner"):
            mask[group.first_unit : group.first_unit + group.units // 2] = False
    assert 0 < mask.sum() < len(mask)
    errors = []
    for without in (False, True):
        network = compact_network(model, graph, mask)
        refit = Asymmetric(model, graph, [x], seed=0)
        assert len(refit.shortcuts) == 1
        if without:
            refit.shortcuts, refit.added = {}, {}
        refit.refit(network, mask)
        with torch.no_grad():
            model(x), network(x)
        errors.append(float((network.summed - model.summed).square().mean()))
    assert errors[0] < errors[1]


def test_a_layer_that_a_norm_reads_has_the_variance_of_the_original_and_one_beside_a_shortcut_has_less() -> None:
    torch.manual_seed(3)
    model = nn.Sequential(nn.Conv2d(3, 12, 1), nn.ReLU(), nn.Conv2d(12, 8, 1), nn.BatchNorm2d(8), nn.ReLU(), Block())
    model[-1].stem = nn.Conv2d(8, 8, 1)
    randomise(model)
    x = torch.randn(128, 3, 4, 4)
    graph = analyse(model, x[:2])
    mask = halved(graph)
    network = compact_network(model, graph, mask)
    Asymmetric(model, graph, [x], seed=0).refit(network, mask)
    variances: dict[str, Tensor] = {}
    for which, each in (("original", model), ("pruned", network)):
        for norm in ("3", "5.norm"):
            each.get_submodule(norm).register_forward_pre_hook(
                lambda _, args, to=f"{which} {norm}": variances.update({to: args[0].transpose(0, 1).flatten(1).var(1)})
            )
        run(each, x)
    ratios = []
    for norm in ("3", "5.norm"):
        kept = graph.tensors[f"{norm}.running_mean"][0].kept(mask)
        ratios.append(variances[f"pruned {norm}"] / variances[f"original {norm}"][kept])
    torch.testing.assert_close(ratios[0], torch.ones(len(ratios[0])), rtol=1e-3, atol=0)
    assert bool((ratios[1] < 0.99).any())


def test_the_statistics_of_a_norm_that_no_layer_is_fitted_to_move_as_what_it_reads() -> None:
    torch.manual_seed(0)
    body, head = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.ReLU()), nn.BatchNorm2d(8)
    model = nn.Sequential(body, head, nn.Conv2d(8, 4, 1), nn.Flatten(), nn.Linear(64, 2)).eval()
    randomise(model)
    x = torch.randn(50, 3, 4, 4)
    graph = analyse(model, x[:2])
    mask = halved(graph)
    network = compact_network(model, graph, mask)
    Asymmetric(model, graph, [x], seed=0).refit(network, mask)
    with torch.no_grad():
        moments = [each.get_submodule("0")(x).transpose(0, 1).flatten(1).double() for each in (model, network)]
    kept = graph.tensors["1.running_mean"][0].kept(mask)
    before, after = moments[0][kept], moments[1]
    former, found = model.get_submodule("1"), network.get_submodule("1")
    assert isinstance(former, nn.BatchNorm2d)
    assert isinstance(found, nn.BatchNorm2d)
    assert former.running_mean is not None
    assert former.running_var is not None
    shift = (after.mean(dim=1) - before.mean(dim=1)).float()
    torch.testing.assert_close(found.running_mean, former.running_mean[kept] + shift)
    factor = (after.var(dim=1) / before.var(dim=1)).float()
    torch.testing.assert_close(found.running_var, former.running_var[kept] * factor)


def test_few_images_and_dead_channels_stay_finite() -> None:
    model, graph = prepared("plain")
    dead = copy.deepcopy(model)
    with torch.no_grad():
        next(dead.parameters()).zero_()
    x, mask = images("plain", 2), halved(graph)
    network = compact_network(dead, graph, mask)
    Asymmetric(dead, graph, [x], seed=0).refit(network, mask)
    assert all(torch.isfinite(out).all() for out in run(network, x))


@pytest.mark.parametrize("name", ["plain", "projection", "dense"])
def test_the_compressor_refits(name: str) -> None:
    model, graph = prepared(name)
    x, mask = images(name, 256), halved(graph)
    errors = {}
    compressor = Compressor(model, graph, [x])
    for recovery in ("reconstruction", "asymmetric"):
        network, _ = compressor.compact(mask, recovery)
        errors[recovery] = distance(run(network, x), run(model, x))
    assert errors["asymmetric"] < errors["reconstruction"]


@pytest.mark.parametrize("name", ["plain", "padded", "depthwise", "dense"])
def test_layers_of_networks_that_begin_alike_are_solved_once(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    model, graph = prepared(name)
    x, mask = images(name, 128), halved(graph)
    other = mask.copy()
    last = graph.groups[-1]
    other[last.slice] = ~mask[last.slice]
    solved: list[int] = []
    solution = asymmetric._RefitPass._solution

    def counted(refit: asymmetric._RefitPass, *args: Any) -> Solution:
        solved.append(refit.call)
        return solution(refit, *args)

    monkeypatch.setattr(asymmetric._RefitPass, "_solution", counted)
    alone = compact_network(model, graph, other)
    Asymmetric(model, graph, [x], seed=0).refit(alone, other)
    shared, whole = Asymmetric(model, graph, [x], seed=0), sorted(solved)
    shared.refit(compact_network(model, graph, mask), mask)
    solved.clear()
    second = compact_network(model, graph, other)
    shared.refit(second, other)
    assert all(torch.equal(a, b) for a, b in zip(run(second, x), run(alone, x), strict=True))
    assert 0 < len(solved) < len(whole)


class Experts(nn.Module):
    """Each image is read by the expert that it is sent to, which in a pruned network may be another one."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.mix = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 12, 3)
        self.gate, self.head = nn.Linear(12, 3), nn.Linear(12, 4)
        self.experts = nn.ModuleList(nn.Linear(12, 12) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.mix(self.conv(x).relu()).mean((2, 3))
        sent, made = self.gate(x).argmax(1), torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            made[sent == number] = expert(x[sent == number])
        out: Tensor = self.head(made)
        return out


def test_layers_that_read_the_rows_which_a_network_chose_are_left_as_they_are() -> None:
    torch.manual_seed(0)
    model = Experts().eval()
    with torch.no_grad():
        model.gate.bias[2] = -100.0  # one expert reads nothing
    images = torch.randn(24, 3, 6, 6)
    graph = analyse(model, images[:2])
    mask = halved(graph)
    network = compact_network(model, graph, mask)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    Asymmetric(model, graph, [images], 0).refit(network, mask)
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert "mix.weight" in changed
    assert "experts.2.weight" not in changed
