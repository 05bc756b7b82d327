import numpy as np
import pytest
import torch
from torch import nn

from agents.rules.schedules import channel_pruning, deep, shallow, uniform
from amc.cost.budget import Budgets
from amc.graph import KeptCounts, PruningGraph, trace_graph
from envs import PruningProblem
from tests.problems import chain


def pruning_problem(graph: PruningGraph, budget: str) -> PruningProblem:
    return PruningProblem(Budgets(graph, [budget]), accuracy=lambda _: 0.5)


def shares(kept_counts: KeptCounts, graph: PruningGraph) -> np.ndarray:
    return kept_counts / graph.full


@pytest.mark.parametrize("budget", ["macs=0.7", "macs=0.5", "params=0.3"])
def test_shallow_cuts_the_first_groups_more_and_deep_the_last(budget: str) -> None:
    graph = chain((400, 400, 400, 400), residual=False, round_to=1, max_sparsity=0.9)
    problem = pruning_problem(graph, budget)
    first, last = shares(shallow(problem), graph), shares(deep(problem), graph)
    np.testing.assert_allclose(first, np.minimum(1, first[0] * np.array([1, 4 / 3, 5 / 3, 2])), atol=0.01)
    np.testing.assert_allclose(last[::-1], np.minimum(1, last[-1] * np.array([1, 4 / 3, 5 / 3, 2])), atol=0.01)
    assert np.ptp(uniform(problem)) <= 1


class Stages(nn.Sequential):
    """A VGG: stages of two convolutions between poolings, then linear layers."""

    def __init__(self, stages: int, width: int = 100) -> None:
        layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1), nn.ReLU()]
        for stage in range(stages):
            for _ in range(1 if stage == 0 else 2):
                layers += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU()]
            layers.append(nn.MaxPool2d(2))
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 50), nn.Linear(50, 2))


def vgg(stages: int) -> PruningGraph:
    return trace_graph(Stages(stages), torch.zeros(1, 3, 32, 32), 1, 0.9)


def test_cp_leaves_the_last_stage_whole_and_keeps_more_of_the_one_before_it() -> None:
    """He, Zhang, Sun 2017: conv1 to conv3 against conv4 as 1 to 1.5, conv5 whole."""
    graph = vgg(5)
    found = shares(channel_pruning(pruning_problem(graph, "macs=0.3")), graph)
    early, fourth, fifth, linear = found[:6], found[6:8], found[8:10], found[10:]
    assert np.ptp(early) < 0.025
    assert fourth / early[0] == pytest.approx(1.5, abs=0.03)
    assert (fifth == 1).all()
    assert (linear == 1).all()


def test_cp_cuts_the_last_stage_too_where_the_others_are_not_enough() -> None:
    graph = vgg(2)
    tight = pruning_problem(graph, "params=0.2")
    found = channel_pruning(tight)
    assert tight.budgets.allows(found)
    assert (found[:2] - graph.least[:2]).max() <= 3  # what is left over after the last stage
    assert 0.6 < shares(found, graph)[2:].min() < 0.8


def test_cp_is_uniform_where_all_maps_have_one_size() -> None:
    graph = vgg(1)
    problem = pruning_problem(graph, "macs=0.5")
    assert channel_pruning(problem).tolist() == uniform(problem).tolist()
