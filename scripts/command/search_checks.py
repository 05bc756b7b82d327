"""Checks of the options of a search, and what follows from them, by the tables of what there is to choose from."""

from __future__ import annotations

import itertools

from agents.search.drop_goal import DropGoal
from agents.search.plan import Limits
from amc.cost.costs import COSTS, LATENCY
from amc.cost.limit import read_amount
from amc.criteria import find_criterion
from amc.recovery.recoveries import check_recovery, check_search_recovery
from amc.scoring.engines.engine import find_engine
from amc.scoring.image_losses import find_score
from amc.scoring.metrics import CLASS_METRICS, find_metric, top_k
from amc.utils.errors import UserError
from envs.observations import find_observation
from envs.rewards import find_reward
from scripts.options.goal_options import GoalOptions
from scripts.options.latency_options import DEVICE
from scripts.options.network_and_images import join_repeated
from scripts.options.scoring_options import ScoringOptions
from scripts.options.search_options import SearchOptions
from scripts.options.stage_options import StageOptions

DEFAULT_BUDGET = ("macs=0.25",)


def check_search(options: SearchOptions, observation: str) -> None:
    """Raise a UserError for what can be seen before anything is loaded: unknown names, values out of range."""
    check_scoring(options)
    find_reward(options.reward)
    find_observation(observation)
    for limit in limits_of(options):
        read_amount(limit, (*COSTS, LATENCY))


def check_scoring(options: ScoringOptions) -> None:
    """Raise a UserError for unknown names and values out of range in how networks are made and scored."""
    options.check()
    find_engine(options.engine)
    is_classified = top_k(find_metric(options.metric)) is not None
    find_score(options.score, is_classified=is_classified, is_ordered=True)
    find_criterion(options.criterion)
    check_recovery(options.recovery)
    check_search_recovery(options.search_recovery)


def limits_of(options: SearchOptions) -> Limits:
    """The budgets that were asked for, else the default one where the reward needs a budget."""
    if options.budget:
        return join_repeated(options.budget)
    return DEFAULT_BUDGET if find_reward(options.reward).needs_budget else ()


def wants_latency(options: SearchOptions) -> bool:
    """Whether the search has to know latency."""
    kinds = [limit.partition("=")[0] for limit in limits_of(options)]
    return LATENCY in kinds or find_reward(options.reward).needs_latency or options.channels.round_to == DEVICE


def find_goal(aim: GoalOptions, reward: str) -> DropGoal | None:
    """The largest drop that was asked for in place of a budget; None where a budget is to be met.

    Raises:
        UserError: A drop below 0, an unknown cost, or a reward that weighs accuracy against cost by itself.
    """
    if aim.max_drop is None:
        return None
    if not find_reward(reward).needs_budget:
        raise UserError(f"--reward {reward} weighs accuracy against cost by itself; leave --max-drop out")
    return DropGoal(aim.max_drop, aim.minimise or DropGoal.minimise)


def stage_budgets(staging: StageOptions, search: SearchOptions) -> tuple[Limits, ...]:
    """The budgets of each stage; a search without stages has a single one.

    Raises:
        UserError: Stages that do not descend to the budget, or training that is not between stages or can't be.
    """
    staging.check()
    limits = limits_of(search)
    if staging.stages is None:
        return (limits,)
    if staging.tune_steps and search.metric not in CLASS_METRICS:
        raise UserError("--tune-steps trains classifiers; leave it out with another metric than top1 and top5")
    if not limits:
        raise UserError(f"--stages lead to a budget, which --reward {search.reward} does not have")
    shares = _shares(staging.stages)
    if not all(share > 0 for share in shares):
        raise UserError(f"expected --stages above 0, got {staging.stages}")
    kind, last = "macs", staging.stages.split(",")[-1]
    others: Limits = ()
    if search.budget:
        first, *rest = limits
        others = tuple(rest)
        kind, _, last = first.partition("=")
        shares = _ending_at(shares, first)
    if any(after >= before for before, after in itertools.pairwise((1.0, *shares))):
        raise UserError(f"expected --stages that descend from below 1 to the budget, got {staging.stages}")
    return (*((f"{kind}={share:g}",) for share in shares[:-1]), (f"{kind}={last}", *others))


def _shares(stages: str) -> tuple[float, ...]:
    try:
        return tuple(map(float, stages.split(",")))
    except ValueError:
        raise UserError(
            f"expected --stages as shares with commas between them, such as 0.7,0.5, got {stages!r}"
        ) from None


def _ending_at(shares: tuple[float, ...], budget: str) -> tuple[float, ...]:
    """The shares, with the share of the budget as the last one."""
    try:
        last = float(budget.partition("=")[2])
    except ValueError:
        last = 2.0
    if not 0 < last <= 1:
        raise UserError(f"--stages are shares of the whole network, so --budget must be one too, got {budget}")
    return shares if shares[-1] == last else (*shares, last)
