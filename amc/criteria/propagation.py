"""Criteria that carry importance back from the outputs of the network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amc.criteria.evidence import Evidence, Importance
from amc.graph import Layer


def nisp(evidence: Evidence) -> Importance:
    """Neuron importance score propagation, `s_k = |W|' s_(k+1)`, last layer to first (Yu et al. 2018, equation 7).

    Channels that no group has count as much as the mean channel of the layer's output.
    """
    score = np.zeros(evidence.graph.unit_count)
    done: dict[Layer, NDArray[np.float64]] = {}
    for layer in reversed(list(evidence.consumers())):
        assert layer.weight is not None
        own = np.add.reduce([np.where(out >= 0, score[np.maximum(out, 0)], 0.0) for out in layer.out.memberships])
        known = own[own > 0]
        own = np.where(own > 0, own, known.mean() if len(known) else 1.0)
        weight = evidence.parameters[layer.weight].abs().transpose(0, layer.in_dimension).transpose(0, 1)
        rows = weight.reshape(*weight.shape[:2], -1).sum(dim=2).double().cpu().numpy()  # (outputs, inputs of a group)
        done[layer] = own @ rows
        score = evidence.unit_importance_by_use(done)
    return score
