"""Apply what was learned on one network to another: a trained agent, or a policy."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

import tyro

from agents.ddpg.agent_file import read_agent
from agents.ddpg.settings import PRESETS
from agents.episode import Past
from agents.rules import OnePolicy
from agents.strategies import Ddpg
from agents.strategy import Strategy
from amc.artifacts.policy import POLICY_FILE, Policy, read_policy
from amc.artifacts.run_folder import AGENT_FILE
from amc.graph import KeptCounts, PruningGraph
from amc.utils.errors import UserError
from amc.utils.registry import look_up
from amc.utils.text import shortened
from envs import PruningProblem
from scripts.command.cli import run
from scripts.command.job import Job, run_job
from scripts.command.session import Session, open_search
from scripts.options.cli_arguments import replace_options
from scripts.options.network_and_images import DataOptions, NetworkOptions, require_given
from scripts.options.search_options import SearchOptions


@dataclass(frozen=True)
class Arguments:
    """Prune a network by what was learned on another, and leave a run folder as a search does.

    With --agent, a trained agent decides for this network, and goes on learning here if episodes are given. With
    --policy, the same architecture with other weights gets the same channel counts, and its channels are chosen anew.
    """

    network: tyro.conf.OmitArgPrefixes[NetworkOptions] = field(default_factory=NetworkOptions)
    images: tyro.conf.OmitArgPrefixes[DataOptions] = field(default_factory=DataOptions)
    search: tyro.conf.OmitArgPrefixes[SearchOptions] = field(default_factory=SearchOptions)
    agent: Path | None = None
    """An agent.zip that a search left; nothing in it is unpickled or executed."""
    policy: Path | None = None
    """A policy.json of the same architecture."""
    episodes: int = 0
    """Policies that the agent tries after its first one, to learn this network; 0: its first one is the result."""
    settings: str = "tuned"
    """Settings for going on learning: tuned (ours) or paper (He et al. 2018)."""
    observation: str | None = None
    """Observation set of the agent, given again where it is path/to/file.py:function. Default: as it was trained."""

    def check(self) -> None:
        """Raise a UserError for what can be seen without reading anything."""
        if self.search.resume is None and (self.agent is None) == (self.policy is None):
            raise UserError("expected --agent agent.zip or --policy policy.json, one of them")
        if self.episodes < 0:
            raise UserError(f"expected --episodes of 0 or more, got {self.episodes}")
        if self.policy is not None and self.episodes:
            raise UserError("a policy has nothing to learn; leave --episodes out, or give --agent")
        look_up("settings", self.settings, PRESETS)
        self.search.check(self.observation or "scale_free")


def apply(arguments: Arguments) -> None:
    """Begin the run that the arguments describe, or resume it, and write its run folder.

    Raises:
        UserError: Arguments that do not fit each other or what they name.
    """
    arguments.check()
    with open_search("apply", arguments) as session:
        run_job(_policy_job(session) if session.arguments.policy else _agent_job(session))


def _agent_job(session: Session[Arguments, Past]) -> Job:
    arguments = session.arguments
    assert arguments.agent is not None, "checked"
    source = session.source(AGENT_FILE, arguments.agent)
    agent = read_agent(source)
    observation = arguments.observation or require_given(agent.observation, "--observation", given=False)
    settings = dataclasses.replace(PRESETS[arguments.settings], hidden=agent.hidden)

    def strategy(problem: PruningProblem) -> Strategy:
        agent.check_fits(problem)
        return Ddpg(settings, agent.weights, arguments.search.episodes_at_once)

    return Job(
        session=session,
        network=arguments.network,
        images=arguments.images,
        options=arguments.search,
        strategy=strategy,
        strategy_name="agent",
        observation=observation,
        budgets=(arguments.search.limits,),
        episodes=1 + arguments.episodes,
        zero_shot=arguments.episodes > 0,
        inputs={AGENT_FILE: source},
    )


def _policy_job(session: Session[Arguments, Past]) -> Job:
    arguments = session.arguments
    assert arguments.policy is not None, "checked"
    source = session.source(POLICY_FILE, arguments.policy)
    policy = read_policy(source)
    most = max((group.sparsity for group in policy.groups), default=0.0)
    options = replace_options(
        arguments.search,
        {
            "budget": arguments.search.budget or (policy.budget,) * bool(policy.budget),
            "max_sparsity": max(arguments.search.channels.max_sparsity, most),
        },
    )

    def strategy(problem: PruningProblem) -> Strategy:
        _check_fits(policy, problem.graph, arguments.network.model, source)
        kept_counts: KeptCounts = problem.graph.full
        for group in policy.groups:
            kept_counts[[each.name for each in problem.graph.groups].index(group.name)] = len(group.kept)
        if not problem.budgets.allows(kept_counts):
            raise UserError(
                f"the policy in {source} costs more than {' and '.join(options.limits)}; leave --budget out to take its"
                " own, or search for a policy"
            )
        return OnePolicy(lambda _: kept_counts)

    return Job(
        session=session,
        network=arguments.network,
        images=arguments.images,
        options=options,
        strategy=strategy,
        strategy_name="policy",
        observation="scale_free",
        budgets=(options.limits,),
        episodes=1,
        inputs={POLICY_FILE: source},
    )


def _check_fits(policy: Policy, graph: PruningGraph, model: str, source: Path) -> None:
    """Raise a UserError for a policy of another architecture, or of other groups of this one."""
    if policy.fingerprint == graph.fingerprint:
        return
    theirs, ours = ({group.name for group in groups} for groups in (policy.groups, graph.groups))
    if policy.model == model and theirs != ours:
        raise UserError(
            f"the policy in {source} and this network differ in what may be pruned"
            f" ({shortened(sorted(theirs ^ ours))}); give --freeze, --only and --round-to as in the search for it"
        )
    raise UserError(
        f"the policy in {source} is of another architecture ({policy.model}) than this network; --agent can be"
        " applied to any"
    )


def main() -> None:
    """Apply an agent or a policy as the command line asks for; the function behind the command."""
    run(apply, Arguments)


if __name__ == "__main__":
    main()
