import copy

import numpy as np
import pytest
import torch
from torch import nn

from amc.importance import CRITERIA, l1
from tests.architectures import PRUNABLE
from tests.oracles import prepared


def test_l1_of_several_consumers_by_hand() -> None:
    model, graph = prepared("projection")
    importance = l1(model, graph)
    parameters = dict(model.named_parameters())
    first, second = (parameters[f"{name}.0.weight"].detach().abs() for name in ("conv1", "shortcut"))
    for unit in range(6):  # what the stem's two readers do with its channels
        expected = first[:, unit].sum() / first.sum() + second[:, unit].sum() / second.sum()
        assert importance[unit] == pytest.approx(float(expected), rel=1e-5)


def test_l1_of_a_unit_of_several_channels_is_that_of_all_of_them() -> None:
    model, graph = prepared("grouped_narrow")  # 8 groups of 2 channels, read by `expand`
    weight = model.get_parameter("expand.0.weight").detach().abs()
    expected = torch.stack([weight[:, 2 * unit : 2 * unit + 2].sum() for unit in range(8)]) / weight.sum()
    np.testing.assert_allclose(l1(model, graph)[graph.groups[1].slice], expected.numpy(), rtol=1e-5)


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("name", PRUNABLE)
def test_every_unit_has_an_importance_and_none_is_negative(name: str, criterion: str) -> None:
    model, graph = prepared(name)
    importance = CRITERIA[criterion](model, graph)
    assert importance.shape == (graph.unit_count,)
    assert np.isfinite(importance).all()
    assert (importance >= 0).all()
    assert all(len(set(importance[group.slice].tolist())) > 1 for group in graph.groups)


def test_a_consumer_without_weight_gives_no_nan() -> None:
    model, graph = prepared("plain")
    model = copy.deepcopy(model)
    nn.init.zeros_(model.get_parameter("fc.weight"))
    assert l1(model, graph)[graph.groups[1].slice].tolist() == [0.0] * 12
