import numpy as np
import torch
from torch import nn

from amc.compress import Compressor
from amc.score import PolicyScorer
from tests.architectures import PRUNABLE
from tests.oracles import counted_params, prepared


def test_each_policy_is_scored_once_on_its_own_compact_network() -> None:
    model, graph = prepared("plain")
    scored: list[int] = []

    def accuracy(network: nn.Module) -> float:
        scored.append(counted_params(network))
        with torch.no_grad():
            return float(network(PRUNABLE["plain"].example()).sigmoid().mean())

    compress = Compressor(model, graph, [PRUNABLE["plain"].example(8)])
    score = PolicyScorer(lambda keeps: accuracy(compress.compact(compress.alive(keeps))[0]))
    policies = [np.array([5, 7]), np.array([8, 12]), np.array([5, 7]), np.array([7, 5])]
    found = [score(keeps) for keeps in policies]
    assert found[0] == found[2]
    assert len(set(found)) == 3
    assert scored == [5 * 27 + 10 + 7 * 45 + 14 + 40, 1185, 7 * 27 + 14 + 5 * 63 + 10 + 30]
