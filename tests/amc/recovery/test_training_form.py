"""Batch norms are folded whichever operator a device runs them by."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from amc.recovery.training_form import NORMS, training_steps
from amc.replay.operator_program import OperatorProgram
from amc.replay.operator_trace import Slot, Step
from amc.replay.sizeless_operators import CONVOLUTION

SHAPES = [(4, 3, 1, 1), (4,), (4,), (4,), (4,), (2, 3, 5, 5), (2, 4, 5, 5), (2, 4, 5, 5)]


@pytest.mark.parametrize("operator", NORMS, ids=str)
def test_a_folded_norm_returns_as_much_as_its_operator(operator: Any) -> None:
    count = len(operator._schema.returns)
    settings = (0.1, 1e-5) if NORMS[operator] is None else (False, 0.1, 1e-5)
    convolution = (Slot(5), Slot(0), None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1)
    steps = [
        Step(CONVOLUTION, convolution, {}, (6,)),
        Step(operator, (*map(Slot, (6, 1, 2, 3, 4)), *settings), {}, tuple(range(7, 7 + count)), returns_many=True),
    ]
    shapes = {slot: torch.Size(shape) for slot, shape in enumerate(SHAPES)}
    program = OperatorProgram(training_steps(steps, 7, None), ["weight", "gain", "shift", "mean", "var"], shapes, 7)
    weight, x = torch.randn(SHAPES[0]), torch.randn(SHAPES[5])
    gain, shift, mean, var = torch.rand(4, 4)
    wanted = F.batch_norm(F.conv2d(x, weight), mean, var, gain, shift)
    assert torch.allclose(program.run([weight, gain, shift, mean, var], x), wanted, atol=1e-5)
