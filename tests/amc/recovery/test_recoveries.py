"""Recoveries of the user's own."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from amc.compression.compressor import Compressor
from amc.pruning.slicing import UnitMask
from amc.recovery.blockwise import TrainingLength, train_blockwise
from amc.recovery.calibrated_network import CalibratedNetwork
from amc.recovery.closed_forms import least_squares
from amc.recovery.recoveries import RECOVERIES, Recovery, check_search_recovery, find_recovery
from amc.utils.errors import UserError
from tests.architectures import PRUNABLE
from tests.oracles import prepared

OWN = """
from amc.recovery.closed_forms import least_squares
from amc.recovery.recoveries import Recovery

def silence(network, original, mask):
    assert not network.training and mask.sum() == 20
    for name, tensor in network.named_parameters():
        if name.endswith("bias"):
            tensor.zero_()

solved_and_silent = Recovery(least_squares, silence)

def failing(network, original, mask):
    raise ValueError("no\\nidea")
"""


@pytest.fixture
def compressor() -> Compressor:
    model, graph = prepared("plain")
    return Compressor(model, graph, [PRUNABLE["plain"].example(16)])


@pytest.fixture
def mask(compressor: Compressor) -> UnitMask:
    found = np.zeros(compressor.graph.unit_count, dtype=np.bool_)
    for group in compressor.graph.groups:
        found[group.slice.start : group.slice.start + group.units // 2] = True
    return found


@pytest.fixture
def own(tmp_path: Path, mask: UnitMask) -> str:
    path = tmp_path / "own_recovery.py"
    path.write_text(OWN.replace("20", str(mask.sum())))
    return str(path)


def tensors(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def test_a_function_changes_the_compact_network(compressor: Compressor, mask: UnitMask, own: str) -> None:
    sliced, found = (tensors(compressor.compact(mask, way)[0]) for way in ("none", f"{own}:silence"))
    for name, tensor in sliced.items():
        assert torch.equal(found[name], torch.zeros_like(tensor) if name.endswith("bias") else tensor), name


def test_a_recovery_has_a_step_before_the_cut(compressor: Compressor, mask: UnitMask, own: str) -> None:
    solved, found = (
        tensors(compressor.compact(mask, way)[0]) for way in ("reconstruction", f"{own}:solved_and_silent")
    )
    for name, tensor in solved.items():
        assert torch.equal(found[name], torch.zeros_like(tensor) if name.endswith("bias") else tensor), name


def test_an_object_is_accepted_from_python(compressor: Compressor, mask: UnitMask) -> None:
    seen: list[CalibratedNetwork] = []
    compressor.compact(mask, lambda _, original, __: seen.append(original))
    assert seen[0].model is compressor.model
    assert seen[0].graph is compressor.graph
    one, other = (tensors(compressor.compact(mask, way)[0]) for way in (Recovery(least_squares), "reconstruction"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_one_that_fails_is_one_line(compressor: Compressor, mask: UnitMask, own: str) -> None:
    with pytest.raises(UserError, match=r"^recovery .*own_recovery.py:failing failed: ValueError: no idea$"):
        compressor.compact(mask, f"{own}:failing")
    with pytest.raises(UserError, match=r"^unknown recovery 'all'; there are .*, or give path/to/file.py:function$"):
        find_recovery("all")


def test_only_what_adjusts_statistics_at_most_is_fast(own: str) -> None:
    normed, bare = nn.BatchNorm2d(3), nn.Linear(3, 3)
    assert {name for name, way in RECOVERIES.items() if not way.is_fast(normed)} == {"asymmetric", "blockwise"}
    assert {name for name, way in RECOVERIES.items() if not way.is_fast(bare)} == {
        "asymmetric",
        "blockwise",
        "both",
        "statistics",
    }
    assert not find_recovery(f"{own}:silence").is_fast(normed)


def test_one_that_takes_other_arguments_is_told_before_it_is_called() -> None:
    for check in (check_search_recovery, find_recovery):
        with pytest.raises(UserError, match="takes other arguments: a recovery is called with the compact network"):
            check(least_squares)  # type: ignore[arg-type]


def test_a_search_does_not_train_what_it_scores() -> None:
    check_search_recovery("both")
    with pytest.raises(UserError, match=r"blockwise.*would train each network.*give recovery='blockwise'"):
        check_search_recovery("blockwise")


@pytest.mark.backward
def test_blockwise_is_training_from_the_closed_form(
    compressor: Compressor, mask: UnitMask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amc.recovery.blockwise.LENGTH", TrainingLength(5, 5))
    with torch.no_grad():  # which the caller may have said of everything
        found, _ = compressor.compact(mask, "blockwise")
    expected, _ = compressor.compact(mask, "asymmetric")
    solved = tensors(expected)
    train_blockwise(expected, CalibratedNetwork(compressor.model, compressor.graph, compressor.calibration), mask)
    assert all(torch.equal(tensor, found.state_dict()[name]) for name, tensor in expected.state_dict().items())
    assert any(not torch.equal(tensor, found.state_dict()[name]) for name, tensor in solved.items())
