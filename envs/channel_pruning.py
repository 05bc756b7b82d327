"""The environment: one step decides one channel group, one episode prunes one network."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.observations import Features
from envs.pruning_problem import PruningProblem

Action = NDArray[np.float32]


class ChannelPruningEnv(gym.Env[Features, Action]):
    """An environment that decides the channel groups of a network in forward order, one in each step.

    ## Action space
    | Num | Action                                     | Min | Max |
    |-----|--------------------------------------------|-----|-----|
    | 0   | sparsity of the group: 1 - kept / width    | 0   | 1   |

    The sparsity is turned into the nearest feasible number of units (see `amc.cost.budget`): never over a budget, never
    needlessly under it. `info["sparsity"]` is the sparsity that was executed.

    ## Observation space
    A `Box` of [0, 1]; `env.problem.observation.names` names its features. Two sets: `scale_free` (default; shares,
    logs, the budget, the feasible interval, what the weights say) and `paper` (the 11 features of AMC).

    ## Reward
    0 until the last group; then the problem's reward of the whole network (`envs.rewards`). The default, `error`, is
    `accuracy - 1`.

    ## Starting state
    The whole network, of which nothing is decided. Nothing is drawn at random: a seed changes nothing.

    ## Episode end
    Terminates when the last group is decided, so all episodes of a problem are equally long. Nothing of the network
    runs before that. The episode is never truncated.

    ## Info
    Every step and `reset`: `interval`, the feasible sparsities (least, largest) of the next group. Every step:
    `sparsity` of the group just decided, and `kept_counts` of all groups decided so far. At the end: `outcome`.

    ## Arguments
    * `problem`: the pruning problem; several environments may share one.

    ## Version history
    * v1: made from a `PruningProblem`; `kept_counts` replaces `keep` and `keeps` in the info.
    * v0: first version.
    """

    metadata = {"render_modes": []}  # noqa: RUF012  gymnasium's own declaration

    def __init__(self, problem: PruningProblem) -> None:
        self.problem = problem
        self.policy = problem.begin()
        self.action_space = spaces.Box(0.0, 1.0, (1,), np.float32)
        self.observation_space = spaces.Box(0.0, 1.0, (len(problem.observation.names),), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Features, dict[str, Any]]:
        """Start an episode with the whole network; the observation `(features,)`, and `interval` in the info."""
        super().reset(seed=seed, options=options)
        self.policy = self.problem.begin()
        return self.policy.observe(), {"interval": self.policy.interval}

    def step(self, action: Action) -> tuple[Features, float, bool, bool, dict[str, Any]]:
        """Decide the next group by an action `(1,)` in [0, 1]; the last decision scores the network."""
        info = self.decide(action)
        if not self.policy.complete:
            return self.policy.observe(), 0.0, False, False, info
        reward, outcome = self.problem.score(self.policy.kept_counts)
        return self.policy.observe(), reward, True, False, info | {"outcome": outcome}

    def decide(self, action: Action) -> dict[str, Any]:
        """Decide the next group without scoring anything; the info of the step, which lacks the outcome."""
        sparsity = self.policy.decide(float(np.asarray(action).reshape(-1)[0]))
        return {"sparsity": sparsity, "kept_counts": self.policy.kept_counts, "interval": self.policy.interval}
