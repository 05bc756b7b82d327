"""Deep deterministic policy gradient (Lillicrap et al. 2016) on Stable-Baselines3, by episodes as AMC uses it.

It is written as the difference to Stable-Baselines3's `DDPG`: episodes are collected whole, every transition gets the
episode's reward, the executed action goes into the replay with the interval that was feasible, and the updates run at
the end of the episode. An episode is a function of the actor's weights, the episodes so far, the seed and its index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import DDPG
from stable_baselines3.common.type_aliases import RolloutReturn
from torch import Tensor
from torch.nn import functional as F

from agents.ddpg.explorer import Explorer
from agents.ddpg.prior import NOTHING, Prior
from agents.ddpg.projection import project
from agents.ddpg.replay import EpisodeReplay, Transitions, drawn_steps, joined
from agents.ddpg.settings import DDPGSettings
from agents.ddpg.threads import one_thread
from agents.episode import Episode, Past
from amc.utils.errors import UserError
from envs import ChannelPruningEnv, PruningProblem
from envs.pruning_problem import Trajectory
from envs.rewards import Outcome

LOSSES = ("loss/critic", "loss/actor")
LESSONS = "lessons."
"""The prefix of the lessons' arrays in the state of an agent."""


class EpisodicDDPG(DDPG):
    """DDPG that collects and learns from whole episodes, each of which is one pruned network.

    Args:
        problem: The pruning problem that is searched; Stable-Baselines3 is given the environment over it.
        settings: The hyperparameters.
        warmup: The number of episodes before the actor is trained.
        seed: The seed of the networks, the exploration and the replay.
        on_episode: Called with every scored episode.
        round_size: The number of episodes in a round: one actor decides on all of them, and learns when all are scored.
        prior: What the agent knows from elsewhere.
    """

    def __init__(
        self,
        problem: PruningProblem,
        settings: DDPGSettings,
        warmup: int,
        seed: int,
        on_episode: Callable[[Episode], None],
        round_size: int = 1,
        prior: Prior = NOTHING,
    ) -> None:
        steps = len(problem.graph.groups)
        super().__init__(
            "MlpPolicy",
            ChannelPruningEnv(problem),
            buffer_size=settings.replay_size,
            learning_starts=warmup * steps,
            batch_size=settings.batch_size,
            tau=settings.tau,
            gamma=settings.gamma,
            gradient_steps=-1,  # as many as `collect_rollouts` says
            replay_buffer_class=EpisodeReplay,
            policy_kwargs={"net_arch": list(settings.hidden), "optimizer_kwargs": {"fused": True}},
            seed=seed,
            device="cpu",
        )
        self._stock = tuple(vars(self))
        self.problem = problem
        self.steps = steps
        self.settings = settings
        self.on_episode = on_episode
        self._round_size = round_size
        self._lessons = tuple(prior.lessons)
        self._of_round: tuple[Episode, ...] = ()
        self.baseline: float | None = None
        self.losses: dict[str, float] = {}
        self.explorer = Explorer(
            problem, settings, warmup, seed, self.greedy, begins_trained=prior.weights is not None, rivals=prior.rivals
        )
        if prior.weights is not None:
            self.policy.load_state_dict(prior.weights)
        self._set_rates()

    def _set_rates(self) -> None:
        for optimizer, rate in (
            (self.actor.optimizer, self.settings.actor_rate),
            (self.critic.optimizer, self.settings.critic_rate),
        ):
            for parameters in optimizer.param_groups:
                parameters["lr"] = rate

    def search(self, episodes: int) -> None:
        """Run episodes until there are `episodes`, those before an interruption included."""
        due = 0 if self._of_round else self._round_size
        if self._of_round and self._episode_num >= episodes:  # it was the last one, and shorter
            due = len(self._of_round)
            self._remember_round()
        if due and self.num_timesteps > self.learning_starts:  # only where it goes on: the state is that before them
            self.train(self.settings.updates_per_step * self.steps * due, self.batch_size)
        self.learn((episodes - self._episode_num) * self.steps, reset_num_timesteps=False)

    def state(self) -> dict[str, Tensor]:
        """The tensors, by name, of all that the agent knows besides the episodes, before the updates that are due."""
        assert isinstance(self.replay_buffer, EpisodeReplay)
        assert self.baseline is not None, "there is nothing to know before the first episode"
        state = {f"policy.{name}": tensor.clone() for name, tensor in self.policy.state_dict().items()}
        for name, optimizer in self._optimizers.items():
            state |= {f"{name}.{key}": tensor.clone() for key, tensor in _moments(optimizer).items()}
        state |= {f"replay.{name}": column for name, column in self.replay_buffer.columns().items()}
        for number, lesson in enumerate(self._lessons):
            state |= {f"{LESSONS}{number}.{name}": column for name, column in lesson._asdict().items()}
        return state | {"baseline": torch.tensor(self.baseline, dtype=torch.float64)}

    def restore(self, past: Past) -> None:
        """Take over the state of an agent that has run the episodes of `past`.

        Raises:
            UserError: A state that is not of this agent, but of that of another release, say.
        """
        assert isinstance(self.replay_buffer, EpisodeReplay)
        try:
            self.policy.load_state_dict(_below("policy.", past.state))
            for name, optimizer in self._optimizers.items():
                _set_moments(optimizer, _below(f"{name}.", past.state))
            self.replay_buffer.restore(_below("replay.", past.state))
            self.baseline = past.state["baseline"].item()
            self._lessons = kept_lessons(past.state)
        except (KeyError, RuntimeError, ValueError) as error:
            raise UserError(
                "the search was begun with another agent than this release has for it; go on with the release that"
                " began it, or begin anew"
            ) from error
        self._episode_num = len(past.episodes)
        begin = self._begin_of_round
        for episode in past.episodes[:begin]:
            self.explorer.remember(episode)
        self._of_round = past.episodes[begin:]
        if self._of_round:
            self.losses = {name: value for name, value in past.episodes[-1].details.items() if name in LOSSES}
        self.num_timesteps = self._episode_num * self.steps

    def _excluded_save_params(self) -> list[str]:
        """The attributes that `save` leaves out: all of ours, so that Stable-Baselines3's `load` needs none of them."""
        ours = vars(self).keys() - self._stock
        return [*super()._excluded_save_params(), *ours, "replay_buffer_class"]

    @property
    def _begin_of_round(self) -> int:
        """The index of the first episode in the round of the next episode."""
        return self._episode_num // self._round_size * self._round_size

    @property
    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"actor_optimizer": self.actor.optimizer, "critic_optimizer": self.critic.optimizer}

    # -- collecting ---------------------------------------------------------------------------------------------

    def collect_rollouts(self, env: Any, callback: Any, *args: Any, **kwargs: Any) -> RolloutReturn:
        """Run what is left of a round of episodes, put them into the replay and call the listeners.

        All are decided on before any is scored, by what was known when the round began.
        """
        self.policy.set_training_mode(False)
        callback.on_rollout_start()
        begin = self._begin_of_round
        end = min(begin + self._round_size, -(-self._total_timesteps // self.steps))
        trajectories: list[Trajectory] = []
        pending = [episode.kept_counts for episode in self._of_round]
        with one_thread():
            for index in range(self._episode_num, end):
                trajectories.append(self.explorer.trajectory(index, pending))
                pending.append(trajectories[-1].kept_counts)
        policies = [trajectory.kept_counts for trajectory in trajectories]
        scores = self.problem.score_all(policies, race=True, before=len(self._of_round))
        self._remember_round()
        for trajectory, (reward, outcome) in zip(trajectories, scores, strict=True):
            self._note(trajectory, reward, outcome)
            callback.update_locals(locals())
            if not callback.on_step():
                return RolloutReturn(0, 0, continue_training=False)
        callback.on_rollout_end()
        return RolloutReturn(self.settings.updates_per_step * self.steps * (end - begin), end - begin, True)

    def _remember_round(self) -> None:
        """Let the explorer learn from the episodes of a round that was interrupted."""
        for episode in self._of_round:
            self.explorer.remember(episode)
        self._of_round = ()

    def _note(self, trajectory: Trajectory, reward: float, outcome: Outcome) -> None:
        assert isinstance(self.replay_buffer, EpisodeReplay)
        index = self._episode_num
        self.replay_buffer.add_episode(
            trajectory.observations, _scaled(trajectory.sparsities), _scaled(trajectory.intervals), reward
        )
        decay = self.settings.baseline_decay
        self.baseline = reward if self.baseline is None else decay * self.baseline + (1 - decay) * reward
        noise = {} if self.settings.surrogate else {"exploration/sigma": self.explorer.sigma(index)}
        details = {**noise, "reward/baseline": self.baseline, **self.losses}
        episode = Episode(index, trajectory.kept_counts, reward, outcome, details)
        self.explorer.remember(episode)
        self._episode_num += 1
        self.num_timesteps += self.steps
        for name, value in (details | {"rollout/reward": reward}).items():
            self.logger.record(name, value)
        self.logger.dump(self.num_timesteps)
        self.on_episode(episode)

    def greedy(self, observation: NDArray[np.float32], interval: tuple[float, float]) -> float:
        """The actor's sparsity for an observation, within the feasible interval."""
        action, _ = self.predict(observation, deterministic=True)
        return float(np.clip(action[0], *interval))

    # -- learning -----------------------------------------------------------------------------------------------

    def train(self, gradient_steps: int, batch_size: int = 64) -> None:
        """Update critic and actor `gradient_steps` times.

        The target is the episode's reward less the baseline, plus the target critic's value of the next state unless
        the settings say `monte_carlo`. Actions of target and actor are projected into what was feasible.
        """
        with one_thread():
            self._update(gradient_steps, batch_size)

    def _update(self, gradient_steps: int, batch_size: int) -> None:
        self.policy.set_training_mode(True)
        actor_parameters = list(self.actor.parameters())
        fast: list[Tensor] = [*self.critic.parameters(), *actor_parameters]
        slow: list[Tensor] = [*self.critic_target.parameters(), *self.actor_target.parameters()]
        replay, settings = self.replay_buffer, self.settings
        assert isinstance(replay, EpisodeReplay)
        assert self.baseline is not None, "the updates follow the first episode"
        rng = np.random.default_rng((self.seed or 0, self._episode_num, 1))
        scale = max(replay.reward_deviation(), 1e-6) if settings.standardised else 1.0
        losses: dict[str, list[Tensor]] = {name: [] for name in LOSSES}
        others = batch_size // 2 if self._lessons else 0
        for _ in range(gradient_steps):
            batch = replay.draw(rng, batch_size - others)
            batch = batch._replace(rewards=(batch.rewards - self.baseline) / scale)
            if others:
                batch = joined(batch, drawn_steps(self._lessons, rng, others))
            target = batch.rewards
            if not settings.monte_carlo:
                with torch.no_grad():
                    following = project(self.actor_target(batch.next_observations), batch.next_intervals)
                    value = self.critic_target.q1_forward(batch.next_observations, following)
                    target = target + (1 - batch.dones) * self.gamma * value
            critic_loss = F.mse_loss(self.critic.q1_forward(batch.observations, batch.actions), target)
            self.critic.optimizer.zero_grad()
            critic_loss.backward()
            self.critic.optimizer.step()

            wanted = self.actor(batch.observations)
            value = self.critic.q1_forward(batch.observations, project(wanted, batch.intervals))
            actor_loss = -value.mean()
            if settings.imitation:
                better = (target - value.detach()).clamp(min=0)
                actor_loss = actor_loss + settings.imitation * (better * (wanted - batch.actions).square()).mean()
            for parameter, gradient in zip(
                actor_parameters, torch.autograd.grad(actor_loss, actor_parameters), strict=True
            ):  # those of the critic are not needed
                parameter.grad = gradient
            self.actor.optimizer.step()

            with torch.no_grad():
                torch._foreach_lerp_(slow, fast, self.tau)
            for name, loss in zip(LOSSES, (critic_loss, actor_loss), strict=True):
                losses[name].append(loss.detach())
        self._n_updates += gradient_steps
        self.losses = {name: float(torch.stack(values).mean()) for name, values in losses.items()}


def kept_lessons(state: Mapping[str, Tensor]) -> tuple[Transitions, ...]:
    """The lessons that the state of an agent holds, which `EpisodicDDPG.state` gave."""
    count = sum(name.startswith(LESSONS) for name in state) // len(Transitions._fields)
    return tuple(
        Transitions(*(state[f"{LESSONS}{number}.{name}"] for name in Transitions._fields)) for number in range(count)
    )


def _scaled(sparsities: NDArray[np.float64]) -> NDArray[np.float32]:
    """The sparsities in [0, 1] as Stable-Baselines3's actions in [-1, 1]."""
    return (2.0 * sparsities - 1.0).astype(np.float32)


def _below(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def _moments(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Adam's moments of each parameter, by name; none before the first update."""
    state = optimizer.state_dict()["state"]
    return {f"{index}.{name}": tensor for index, known in state.items() for name, tensor in known.items()}


def _set_moments(optimizer: torch.optim.Optimizer, moments: Mapping[str, Tensor]) -> None:
    content = optimizer.state_dict()
    content["state"] = {}
    for key, tensor in moments.items():
        index, _, name = key.partition(".")
        content["state"].setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict(content)
