"""The gradient of actions that are projected into an interval."""

import pytest
import torch

from agents.ddpg.projection import project


def gradient(action: float, interval: tuple[float, float], slope: float) -> float:
    """Of a loss that changes by `slope` with the projected action."""
    actions = torch.tensor([[action]], dtype=torch.float64, requires_grad=True)
    loss = slope * project(actions, torch.tensor([interval], dtype=torch.float64)).sum()
    loss.backward()
    assert actions.grad is not None
    return float(actions.grad)


@pytest.mark.parametrize("action", [-1.0, -0.5, -0.2, 0.0, 0.3, 0.6, 1.0])
@pytest.mark.parametrize("interval", [(-0.5, 0.3), (0.3, 0.3), (-1.0, 1.0), (-1.0, -1.0)])
def test_the_projection_is_the_nearest_feasible_action(action: float, interval: tuple[float, float]) -> None:
    found = project(torch.tensor([[action]]), torch.tensor([interval])).item()
    assert found == pytest.approx(min(max(action, interval[0]), interval[1]))


def test_inside_the_gradient_is_that_of_finite_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    actions = torch.rand(20, 1, generator=generator, dtype=torch.float64) - 0.5
    intervals = torch.tensor([[-0.6, 0.6]], dtype=torch.float64).expand(20, 2)

    def loss(values: torch.Tensor) -> torch.Tensor:
        return (project(values, intervals) ** 3).sin().sum()

    wanted = torch.zeros(20, 1, dtype=torch.float64)
    for place in range(20):
        step = torch.zeros(20, 1, dtype=torch.float64)
        step[place] = 1e-5
        wanted[place] = (loss(actions + step) - loss(actions - step)) / 2e-5
    tracked = actions.clone().requires_grad_(True)
    loss(tracked).backward()
    torch.testing.assert_close(tracked.grad, wanted, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("slope", [2.0, -2.0])
@pytest.mark.parametrize(("action", "side"), [(-0.9, -1), (0.9, 1)])
def test_outside_only_a_gradient_that_leads_back_in_passes(action: float, side: int, slope: float) -> None:
    leads_in = (-slope > 0) == (side < 0)  # descent moves against the slope
    assert gradient(action, (-0.5, 0.5), slope) == (slope if leads_in else 0.0)


@pytest.mark.parametrize("slope", [1.0, -1.0])
@pytest.mark.parametrize("action", [-0.5, 0.5])
def test_at_the_ends_the_gradient_passes(action: float, slope: float) -> None:
    assert gradient(action, (-0.5, 0.5), slope) == slope


def test_an_actor_that_left_the_interval_comes_back() -> None:
    actions = torch.tensor([[0.95], [-0.95]], requires_grad=True)
    intervals = torch.tensor([[-0.2, 0.4], [-0.2, 0.4]])
    optimizer = torch.optim.SGD([actions], lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        (project(actions, intervals) - 0.1).square().sum().backward()
        optimizer.step()
    torch.testing.assert_close(actions.detach(), torch.full((2, 1), 0.1), atol=0.01, rtol=0)
