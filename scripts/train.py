"""The main command: it searches for a pruning policy."""

from __future__ import annotations

from dataclasses import dataclass, field

import tyro

from agents.episode import Past
from agents.strategies import make_strategy
from amc.utils.errors import UserError
from scripts.command.cli import run
from scripts.command.job import Job, run_job
from scripts.command.session import Session, open_search
from scripts.options.network_and_images import DataOptions, NetworkOptions
from scripts.options.search_options import SearchOptions
from scripts.options.stage_options import StageOptions


@dataclass(frozen=True)
class Arguments:
    """Search for the policy that keeps the most accuracy within a budget; leave it and the compact network in a folder.

    Without options, the packaged digits network is searched on.
    """

    network: tyro.conf.OmitArgPrefixes[NetworkOptions] = field(default_factory=NetworkOptions)
    images: tyro.conf.OmitArgPrefixes[DataOptions] = field(default_factory=DataOptions)
    search: tyro.conf.OmitArgPrefixes[SearchOptions] = field(default_factory=SearchOptions)
    staging: tyro.conf.OmitArgPrefixes[StageOptions] = field(default_factory=StageOptions)
    episodes: int = 200
    """Policies that are scored at the most, in all stages together."""
    strategy: str = "ddpg"
    """How policies are found: ddpg, an algorithm of Stable-Baselines3 (sb3:SAC, sb3:TD3, sb3:PPO, sb3:DDPG, sb3:A2C),
    random, or a rule, which knows its one policy (uniform, shallow, deep, cp, global) or first measures single groups
    (sensitivity, greedy); or path/to/file.py:function (of settings and round size)."""
    settings: str = "tuned"
    """Settings of the DDPG agent: tuned (ours) or paper (He et al. 2018)."""
    observation: str = "scale_free"
    """What the agent sees: scale_free (ours), paper (the 11 features of He et al. 2018) or
    path/to/file.py:function (of graph, budgets and what the weights say of each group)."""

    def check(self) -> None:
        """Raise a UserError for what can be seen without reading anything."""
        if self.episodes < 1:
            raise UserError(f"expected --episodes above 0, got {self.episodes}")
        make_strategy(self.strategy, self.settings)
        self.search.check(self.observation)
        self.staging.budgets(self.search)


def train(arguments: Arguments) -> None:
    """Begin the search that the arguments describe, or resume it, and write its run folder.

    Raises:
        UserError: Arguments that do not fit each other or what they name.
    """
    arguments.check()
    with open_search("train", arguments) as session:
        run_job(_job(session))


def _job(session: Session[Arguments, Past]) -> Job:
    arguments = session.arguments
    return Job(
        session=session,
        network=arguments.network,
        images=arguments.images,
        options=arguments.search,
        strategy=lambda _: make_strategy(arguments.strategy, arguments.settings, arguments.search.episodes_at_once),
        strategy_name=arguments.strategy,
        observation=arguments.observation,
        budgets=arguments.staging.budgets(arguments.search),
        episodes=arguments.episodes,
        tune_steps=arguments.staging.tune_steps,
    )


def main() -> None:
    """Search as the command line asks for; the function behind the command."""
    run(train, Arguments)


if __name__ == "__main__":
    main()
