import numpy as np
import pytest
import torch
from gymnasium import spaces

from agents.ddpg.replay import EpisodeReplay


def replay(size: int) -> EpisodeReplay:
    return EpisodeReplay(size, spaces.Box(0, 1, (2,)), spaces.Box(0, 1, (1,)), device="cpu")


def add(buffer: EpisodeReplay, number: int, steps: int = 3) -> None:
    """An episode whose numbers say where they come from: episode `number`, and the step in tenths."""
    at = number + np.arange(steps + 1) / 10
    buffer.add_episode(
        np.stack([at, -at], 1).astype(np.float32),
        (at[:-1] + 100).astype(np.float32),
        np.stack([at + 200, at + 300], 1).astype(np.float32),
        reward=float(number),
    )


@pytest.mark.parametrize("episodes", [1, 3, 4, 9])  # of 3 steps each, into 10 places
def test_transitions_stay_together(episodes: int) -> None:
    buffer = replay(10)
    for number in range(episodes):
        add(buffer, number)
    batch = buffer.draw(np.random.default_rng(0), 500)
    at = batch.observations[:, 0]
    last = (at * 10).round() % 10 == 2
    following = at + 0.1
    for found, wanted in (
        (batch.observations[:, 1], -at),
        (batch.actions[:, 0], at + 100),
        (batch.intervals, torch.stack([at + 200, at + 300], 1)),
        (batch.rewards[:, 0], at.floor()),
        (batch.next_observations, torch.stack([following, -following], 1)),
        (batch.next_intervals, torch.stack([following + 200, following + 300], 1)),
        (batch.dones[:, 0], last.float()),
    ):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-3)
    kept = min(3 * episodes, 10)
    assert buffer.size() == kept
    assert len(set(at.tolist())) == kept  # every transition held is drawn, and the oldest are gone
    assert at.min() >= (3 * episodes - kept) // 3


def test_shapes_of_a_batch() -> None:
    buffer = replay(10)
    add(buffer, 1)
    batch = buffer.draw(np.random.default_rng(0), 7)
    assert [tuple(column.shape) for column in batch] == [(7, 2), (7, 1), (7, 2), (7, 1), (7, 2), (7, 2), (7, 1)]
    assert {column.dtype for column in batch} == {torch.float32}


def test_draws_follow_the_generator() -> None:
    buffer = replay(100)
    for number in range(9):
        add(buffer, number)
    first, same, other = (buffer.draw(np.random.default_rng(seed), 32) for seed in (1, 1, 2))
    assert torch.equal(first.observations, same.observations)
    assert not torch.equal(first.observations, other.observations)


def test_the_deviation_is_that_of_the_rewards_held() -> None:
    buffer = replay(6)
    add(buffer, 5)
    assert buffer.reward_deviation() == 0.0
    for number in (1, 2):  # the first episode is overwritten
        add(buffer, number)
    assert buffer.reward_deviation() == pytest.approx(np.std([1.0] * 3 + [2.0] * 3))
