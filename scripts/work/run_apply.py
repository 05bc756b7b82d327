"""Apply what was learned on one network to another: a trained agent, or a policy."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from agents.ddpg.agent_file import read_agent
from agents.ddpg.prior import Prior
from agents.ddpg.settings import PRESETS
from agents.episode import Past
from agents.front_policies import nearest_policies
from agents.rules import OnePolicy
from agents.rules.second_order import second_order
from agents.strategies import Ddpg
from agents.strategy import Strategy
from amc.artifacts.front_file import FRONT_FILE, read_front
from amc.artifacts.lasting_options import lasting_value
from amc.artifacts.policy import POLICY_FILE, Policy, read_policy
from amc.artifacts.run_folder import AGENT_FILE
from amc.graph import KeptCounts, PruningGraph
from amc.utils.errors import UserError
from amc.utils.registry import look_up
from amc.utils.text import shortened
from envs import PruningProblem
from scripts.command.earlier_run import take_over
from scripts.command.finished_run import check_given
from scripts.command.job import Job, run_job
from scripts.command.search_checks import check_search, limits_of
from scripts.command.session import Session, open_search
from scripts.options.apply_arguments import Arguments
from scripts.options.cli_arguments import given_options, replace_options


def run_apply(arguments: Arguments) -> None:
    """Begin the run that the arguments describe, or resume it, and write its run folder.

    Raises:
        UserError: Arguments that do not fit each other or what they name.
    """
    arguments.check()
    if arguments.from_run is not None:
        arguments = take_over(arguments)
    look_up("settings", arguments.settings, PRESETS)
    check_search(arguments.search, arguments.observation or "scale_free")
    with open_search("apply", arguments) as session:
        session.arguments.check()
        run_job(_policy_job(session) if session.arguments.policy else _agent_job(session))


def _agent_job(session: Session[Arguments, Past]) -> Job:
    arguments = session.arguments
    assert arguments.agent is not None, "checked"
    source = session.source(AGENT_FILE, arguments.agent)
    points = session.source(FRONT_FILE, arguments.agent.with_name(FRONT_FILE))
    front = read_front(points) if points.is_file() else None
    agent = read_agent(source)
    check_given({"observation": lasting_value("observation", agent.observation)}, given_options(arguments))
    observation = arguments.observation or agent.observation
    settings = dataclasses.replace(PRESETS[arguments.settings], hidden=agent.hidden)

    def rivals(problem: PruningProblem) -> list[KeptCounts]:
        rules = [problem.budgets.uniform, second_order(problem)] if problem.budgets.limits else []
        return rules if front is None else [*rules, *nearest_policies(front, problem)]

    def strategy(problem: PruningProblem) -> Strategy:
        agent.check_fits(problem)
        return Ddpg(settings, arguments.search.episodes_at_once, Prior(agent.weights, rivals))

    return Job(
        session=session,
        network=arguments.network,
        images=arguments.images,
        options=arguments.search,
        strategy=strategy,
        strategy_name="agent",
        observation=observation,
        budgets=(limits_of(arguments.search),),
        zero_shot=arguments.episodes > 0,
        inputs={AGENT_FILE: source} | ({FRONT_FILE: points} if front else {}),
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
        _check_fits(policy, problem.graph, session.name("model"), source)
        kept_counts: KeptCounts = problem.graph.full
        for group in policy.groups:
            kept_counts[[each.name for each in problem.graph.groups].index(group.name)] = len(group.kept)
        if not problem.budgets.allows(kept_counts):
            raise UserError(
                f"the policy in {source} costs more than {' and '.join(limits_of(options))}; leave --budget out to"
                " take its own, or search for a policy"
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
        budgets=(limits_of(options),),
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
