import numpy as np
import pytest
import torch

from amc.compression.compressor import Compressor
from amc.pruning.inference_form import for_inference
from amc.recovery.batch_norm_statistics import has_tracked_statistics
from amc.recovery.recoveries import RECOVERIES
from amc.scoring.scoring_network import ScoringNetwork
from tests.architectures import PRUNABLE
from tests.oracles import distance, prepared, run

WAYS = sorted({*RECOVERIES} - {"asymmetric", "blockwise"})


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", PRUNABLE)
def test_it_computes_what_the_compact_network_does(name: str, way: str) -> None:
    """They are loaded one after the other, and nothing of the last one is left."""
    model, graph = prepared(name)
    compressor = Compressor(model, graph, [PRUNABLE[name].example(8)])
    statistics = RECOVERIES[way].takes_statistics
    reusable = ScoringNetwork(compressor, compressor.calibration, torch.float32, statistics=statistics)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    rng = np.random.default_rng(0)
    for kept_counts in (graph.least, np.array([rng.choice(group.choices) for group in graph.groups]), graph.full):
        mask = compressor.mask(kept_counts)
        tensors, selection = compressor.tensors(mask, way)
        network = reusable.load(tensors, selection)
        if statistics and not has_tracked_statistics(model):
            continue  # biases are corrected instead
        wanted, _ = compressor.compact(mask, way)
        example = PRUNABLE[name].example()
        assert distance(run(network, example), run(for_inference(wanted, graph), example)) < 1e-4
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())


def test_bfloat16_is_near() -> None:
    model, graph = prepared("projection")
    compressor = Compressor(model, graph, [PRUNABLE["projection"].example(32)])
    mask = compressor.mask(graph.least)
    example = PRUNABLE["projection"].example(16)
    outputs = []
    for dtype in (torch.float32, torch.bfloat16):
        reusable = ScoringNetwork(compressor, compressor.calibration, dtype, statistics=True)
        tensors, selection = compressor.tensors(mask, "both")
        network = reusable.load(tensors, selection)
        outputs.append([each.float() for each in run(network, example.to(dtype))])
    assert 0 < distance(outputs[1], outputs[0]) < 0.1
