import math

import pytest
import torch
from torch import nn

from amc.training.distillation import Distillation

LOGITS = torch.tensor([[2.0, 0.0], [0.0, 4.0]])


def teacher() -> nn.Module:
    return nn.Identity()


def test_the_soft_loss_is_the_divergence_at_that_temperature_times_its_square() -> None:
    outputs = torch.zeros(2, 2)
    expected = 0.0
    for row in LOGITS.tolist():
        odds = [math.exp(value / 4) for value in row]
        shares = [value / sum(odds) for value in odds]
        expected += sum(share * math.log(share / 0.5) for share in shares) / 2
    found = Distillation(teacher(), 4.0, 1.0).loss(torch.tensor(7.0), LOGITS, outputs)
    assert found.item() == pytest.approx(16 * expected, rel=1e-5)


def test_the_weight_shares_the_loss_out() -> None:
    hard, outputs = torch.tensor(3.0), torch.zeros(2, 2)
    soft = Distillation(teacher(), 2.0, 1.0).loss(hard, LOGITS, outputs)
    mixed = Distillation(teacher(), 2.0, 0.25).loss(hard, LOGITS, outputs)
    assert mixed.item() == pytest.approx(0.75 * 3.0 + 0.25 * soft.item())


def test_who_answers_as_the_teacher_loses_nothing_and_the_teacher_learns_nothing() -> None:
    linear = nn.Linear(2, 2)
    outputs = linear(LOGITS).detach().requires_grad_()
    loss = Distillation(linear, 3.0, 1.0).loss(torch.tensor(0.0), LOGITS, outputs)
    assert loss.item() == pytest.approx(0, abs=1e-6)
    loss.backward()
    assert linear.weight.grad is None


def test_the_gradient_keeps_its_size_when_it_is_hot() -> None:
    """At high temperatures it is that of the squared distance of centred outputs, over classes (Hinton 2015, eq. 4)."""
    outputs = torch.randn(4, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    goal = torch.randn(4, 5, generator=torch.Generator().manual_seed(1))
    loss = Distillation(nn.Identity(), 1000.0, 1.0).loss(torch.tensor(0.0), goal, outputs)
    (found,) = torch.autograd.grad(loss, outputs)
    distance = (outputs - outputs.mean(dim=1, keepdim=True)) - (goal - goal.mean(dim=1, keepdim=True))
    (expected,) = torch.autograd.grad(distance.square().sum() / (2 * 4 * 5), outputs)
    torch.testing.assert_close(found, expected, rtol=0.02, atol=1e-3)
