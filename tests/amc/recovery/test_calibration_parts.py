"""The parts of the calibration images: nothing that judges is trained on, drawn, or solved on by closed forms."""

import numpy as np
import pytest
import torch
from torch import Tensor

from amc.graph import batch_memory
from amc.recovery.asymmetric import Asymmetric
from amc.recovery.calibrated_network import CalibratedNetwork
from amc.recovery.calibration_parts import CalibrationParts, calibration_parts
from tests.architectures import PRUNABLE
from tests.oracles import prepared

FEW, PLENTY = 20, 400


def original(count: int) -> CalibratedNetwork:
    model, graph = prepared("projection")
    images = PRUNABLE["projection"].example(count)
    images[:, 0, 0, 0] = torch.arange(count)  # the number of each image
    return CalibratedNetwork(model, graph, list(images.split(7)))


def numbers(images: object) -> list[int]:
    assert isinstance(images, Tensor)
    return images[:, 0, 0, 0].int().tolist()


def parts(count: int) -> CalibrationParts:
    return calibration_parts(original(count), torch.Generator().manual_seed(0))


def test_where_images_are_few_those_judge_that_closed_forms_hold_out() -> None:
    network = original(FEW)
    solver = Asymmetric(network.model, network.graph, network.calibration, 0)
    found = calibration_parts(network, torch.Generator())
    assert solver.held_out == 4
    assert numbers(found.held) == numbers(solver.images)[-4:]
    assert numbers(found.seen) == numbers(found.drawn_from) == list(range(16))


def test_draws_are_from_images_beyond_memory_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_memory, "FEWEST", 10)
    monkeypatch.setattr(batch_memory, "LARGEST", 1)
    found = parts(FEW)
    assert found.most == 10
    assert numbers(found.seen) == list(range(8))
    assert numbers(found.held) == [8, 9]
    assert numbers(found.drawn_from) == [*range(8), *range(10, FEW)]


def test_where_images_are_plenty_the_seed_chooses_those_that_judge() -> None:
    found, again = parts(PLENTY), parts(PLENTY)
    assert found.drawn_from is None
    assert len(numbers(found.held)) == 60
    assert sorted(numbers(found.held) + numbers(found.seen)) == list(range(PLENTY))
    assert numbers(found.held) == numbers(again.held)
    assert np.ptp(numbers(found.held)) > PLENTY / 2
