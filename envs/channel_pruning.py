"""The environment: one step decides one channel group, one episode prunes one network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from amc.cost.budget import Budgets
from amc.cost.costs import COSTS, LATENCY, CostFunction
from amc.criteria import Importance
from amc.graph import KeptCounts
from amc.scoring.racing import Score
from envs.observations import OBSERVATIONS, Decisions, Features
from envs.rewards import REWARDS, Outcome

Action = NDArray[np.float32]
Interval = tuple[float, float]
Act = Callable[[Features, Interval], float]
"""A policy: the sparsity for an observation and the feasible interval."""


class Accuracies(Protocol):
    """Scores networks, bad ones perhaps by an estimate."""

    def __call__(self, policies: Sequence[KeptCounts], *, race: bool) -> Iterable[Score]:
        """The scores in the order of the policies."""


class Trajectory(NamedTuple):
    """An episode without its reward: one step for each of `n` groups.

    Attributes:
        keeps: It ends with, `(n,)`.
        sparsities: As executed, `(n,)`.
        observations: Before each step, and after the last, `(n + 1, features)`.
        intervals: Feasible sparsities likewise, `(n + 1, 2)`.
    """

    kept_counts: KeptCounts
    sparsities: NDArray[np.float64]
    observations: NDArray[np.float32]
    intervals: NDArray[np.float64]


class ChannelPruningEnv(gym.Env[Features, Action]):
    """Walks the channel groups of a network in forward order and prunes each.

    ## Action space
    | Num | Action                                     | Min | Max |
    |-----|--------------------------------------------|-----|-----|
    | 0   | sparsity of the group: 1 - kept / width    | 0   | 1   |

    The sparsity is turned into the nearest feasible number of units (see `amc.cost.budget`): never over a budget, never
    needlessly under it. `info["sparsity"]` is the sparsity that was executed.

    ## Observation space
    A `Box` of about [0, 1]; `env.observation.names` names its features. Two sets: `scale_free` (default; shares, logs,
    the budget, the feasible interval, what the weights say) and `paper` (the 11 features of AMC).

    ## Reward
    0 until the last group; then the named reward of the whole network (`envs.rewards`). The default, `error`, is
    `accuracy - 1`.

    ## Episode end
    Terminates when the last group is decided. Nothing of the network runs before that.

    ## Info
    Every step and `reset`: `interval`, the feasible sparsities (least, largest) of the next group. Every step:
    `sparsity` and `keep` of the group just decided. At the end: `kept_counts` and `outcome`.

    ## Arguments
    * `budgets`: the limits over the analysed network; without any the actions are not bounded.
    * `accuracy`: the accuracy in [0, 1] of the network that given keeps leave.
    * `accuracies`: what scores several networks at once (`amc.scoring.scorer.PolicyScorer.all`); one after the other by
      default.
    * `group_features`: what the weights say of each group, `(groups, group_features)` in [0, 1]; none by default.
    * `importance`: how much each unit matters, `(graph.unit_count,)`, for rules that compare channels; all alike by
      default.
    * `latency`: the latency in ms of the network that given keeps leave, measured or predicted; none by default.
    * `reward`, `observation`: names in `envs.rewards.REWARDS` and `envs.observations.OBSERVATIONS`.

    ## Version history
    * v0: first version.
    """

    metadata = {"render_modes": []}  # noqa: RUF012  gymnasium's own declaration

    def __init__(
        self,
        budgets: Budgets,
        accuracy: Callable[[KeptCounts], float],
        group_features: NDArray[np.float64] | None = None,
        importance: Importance | None = None,
        reward: str = "error",
        observation: str = "scale_free",
        latency: CostFunction | None = None,
        accuracies: Accuracies | None = None,
    ) -> None:
        self.budgets = budgets
        self.graph = budgets.graph
        if group_features is None:
            group_features = np.zeros((len(self.graph.groups), 0))
        self.importance = np.ones(self.graph.unit_count) if importance is None else importance
        self.observation_name = observation
        self.observation = OBSERVATIONS[observation](self.graph, budgets, group_features)
        self.action_space = spaces.Box(0.0, 1.0, (1,), np.float32)
        self.observation_space = spaces.Box(0.0, 1.0, (len(self.observation.names),), np.float32)
        self._accuracy = accuracy
        self._accuracies = accuracies or (
            lambda policies, **_: (Score(accuracy(kept_counts)) for kept_counts in policies)
        )
        self._reward = REWARDS[reward].function
        self._may_race = not REWARDS[reward].weighs_cost
        self._costs = {kind: make(self.graph) for kind, make in COSTS.items()}
        self._measures = latency is not None
        self._latency = latency or (lambda _: 0.0)
        self._start()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Features, dict[str, Any]]:
        """Start an episode with the whole network."""
        super().reset(seed=seed, options=options)
        self._start()
        return self._observe(), {"interval": self._interval}

    def step(self, action: Action) -> tuple[Features, float, bool, bool, dict[str, Any]]:
        """Decide the next group; the last decision scores the network."""
        info = self._decide(float(np.asarray(action).reshape(-1)[0]))
        if len(self._decided) < len(self.graph.groups):
            return self._observe(), 0.0, False, False, info | {"interval": self._interval}
        kept_counts = np.array(self._decided, dtype=np.int64)
        reward, outcome = self.score(kept_counts)
        done = np.zeros(len(self.observation.names), dtype=np.float32)
        info |= {"interval": (0.0, 1.0), "keeps": kept_counts, "outcome": outcome}
        return done, reward, True, False, info

    def score(self, kept_counts: KeptCounts) -> tuple[float, Outcome]:
        """Reward and outcome of an episode that ends with `kept_counts` `(groups,)`.

        Whether or not actions lead there.
        """
        outcome = self.outcome(kept_counts, self._accuracy(kept_counts))
        return float(self._reward(outcome)), outcome

    def score_all(self, policies: Sequence[KeptCounts], *, race: bool = False) -> Iterator[tuple[float, Outcome]]:
        """As `score`, of several; `race` allows estimates where the reward is of the accuracy alone."""
        scores = self._accuracies(policies, race=race and self._may_race)
        if self._measures:  # while latency is measured, nothing else may run
            scores = list(scores)
        for kept_counts, score in zip(policies, scores, strict=True):
            outcome = self.outcome(kept_counts, score.value, score.share)
            yield float(self._reward(outcome)), outcome

    def outcome(self, kept_counts: KeptCounts, accuracy: float, images: float = 1.0) -> Outcome:
        """What keeps led to, whose accuracy is of that share of the images."""
        latency = self._latency(kept_counts)
        use = 1.0
        if self.budgets.limits:
            limit = self.budgets.limits[0]
            use = (latency if limit.kind == LATENCY else limit.cost(kept_counts)) / limit.most
        counted = {kind: cost(kept_counts) for kind, cost in self._costs.items()}
        within = self.budgets.allows(kept_counts)
        return Outcome(
            accuracy=accuracy, budget_use=use, within_budget=within, latency=latency, images=images, **counted
        )

    def reward(self, kept_counts: KeptCounts, accuracy: float) -> float:
        """The reward of an episode that ends with `kept_counts` and this accuracy."""
        return float(self._reward(self.outcome(kept_counts, accuracy)))

    def rollout(self, act: Act) -> Trajectory:
        """Walk a whole episode by `act` without scoring it. The episode that was under way is given up."""
        self._start()
        observations, intervals, executed = [], [], []
        for _ in self.graph.groups:
            observations.append(self._observe())
            intervals.append(self._interval)
            executed.append(self._decide(act(observations[-1], intervals[-1]))["sparsity"])
        observations.append(np.zeros_like(observations[-1]))
        intervals.append((0.0, 1.0))
        kept_counts = np.array(self._decided, dtype=np.int64)
        self._start()
        return Trajectory(kept_counts, np.array(executed), np.stack(observations), np.array(intervals))

    def trajectories(self, policies: Sequence[KeptCounts]) -> list[Trajectory]:
        """The episodes that end with `policies`, which must be feasible, without scoring them; all at once."""
        kept_counts = np.stack(policies)
        count, groups = kept_counts.shape
        sparsities = self.sparsities(kept_counts)
        intervals = np.ones((count, groups + 1, 2)) * (0.0, 1.0)
        intervals[:, :-1] = self.sparsities(np.moveaxis(self.budgets.intervals(kept_counts), -1, 0)[::-1]).transpose(
            1, 2, 0
        )
        decisions = Decisions(
            kept_counts=np.repeat(kept_counts, groups, axis=0),
            index=np.tile(np.arange(groups), count),
            intervals=intervals[:, :-1].reshape(-1, 2),
            previous=np.hstack([np.zeros((count, 1)), sparsities[:, :-1]]).reshape(-1),
        )
        observations = np.zeros((count, groups + 1, len(self.observation.names)), dtype=np.float32)
        observations[:, :-1] = self.observation(decisions).reshape(count, groups, -1)
        return [Trajectory(*each) for each in zip(kept_counts, sparsities, observations, intervals, strict=True)]

    def sparsities(self, kept_counts: KeptCounts) -> NDArray[np.float64]:
        """The actions that lead to `kept_counts`, `(..., groups)`."""
        share: NDArray[np.float64] = 1.0 - kept_counts / self.graph.full
        return share

    def _start(self) -> None:
        self._decided: list[int] = []
        self._previous = 0.0
        self._allowed = self.budgets.interval(())

    def _decide(self, sparsity: float) -> dict[str, Any]:
        index = len(self._decided)
        keep = self.budgets.nearest_within(index, self._allowed, float(np.clip(sparsity, 0.0, 1.0)))
        self._decided.append(keep)
        self._previous = 1.0 - keep / self.graph.groups[index].units
        if len(self._decided) < len(self.graph.groups):
            self._allowed = self.budgets.interval(self._decided)
        return {"sparsity": self._previous, "keep": keep}

    @property
    def _interval(self) -> Interval:
        """The feasible sparsities of the next group."""
        units = self.graph.groups[len(self._decided)].units
        return 1.0 - self._allowed[1] / units, 1.0 - self._allowed[0] / units

    def _observe(self) -> Features:
        kept_counts = self.graph.full
        kept_counts[: len(self._decided)] = self._decided
        index, interval, previous = (np.array([each]) for each in (len(self._decided), self._interval, self._previous))
        (features,) = self.observation(Decisions(kept_counts[None], index, interval, previous))
        return features
