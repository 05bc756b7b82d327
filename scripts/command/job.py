"""The work of a search command: it loads network and images, calls the search, and prints the tables."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from agents.episode import Past
from agents.report.command_lines import next_lines
from agents.search.drop_goal import DropGoal
from agents.search.front_goal import FrontGoal
from agents.search.invocation import Invocation
from agents.search.latency_finalists import TOLERANCE, latency_limit
from agents.search.plan import Limits, SearchPlan
from agents.search.search_result import SearchResult
from agents.search.search_run import SearchRun
from agents.search.search_warnings import (
    warn_of_images_left_out,
    warn_of_judging_images,
    warn_of_reward_images,
    warn_of_underdetermined_layers,
)
from agents.search.starts import Start
from agents.strategy import Strategy
from amc.artifacts.exports import exported_files
from amc.cost.costs import LATENCY
from amc.data.load import Splits
from amc.latency.latency_model import LatencyModel
from amc.networks.sources import Network
from amc.scoring.engines.engine import make_engine
from amc.task import Task
from amc.utils.device import find_device
from amc.utils.slow_step import told_if_slow
from amc.utils.text import counted, shortened
from envs import PruningProblem
from scripts.command import latency_connection
from scripts.command.asked_task import task_options
from scripts.command.loading import check_inputs, load_images, load_original
from scripts.command.original import score_original
from scripts.command.search_checks import wants_latency
from scripts.command.session import Session
from scripts.command.signals import INTERRUPTED
from scripts.options.cli_arguments import flat_options
from scripts.options.network_and_images import DataOptions, NetworkOptions
from scripts.options.search_options import SearchOptions


@dataclass(frozen=True)
class Job:
    """A search that a command asks for.

    Attributes:
        session: The run folder, and how far the search has come.
        network: The options that say which network is pruned.
        images: The options that say which images it is pruned on.
        options: The options that say how it is searched.
        strategy: Makes the strategy of a stage for its pruning problem.
        strategy_name: The name of the strategy in the files of the run.
        observation: The name of the observation set, which says what an agent sees.
        budgets: The budgets of each stage, the last ones being those of the result.
        tune_steps: Steps of training between two stages.
        goal: What is searched for in place of budgets; None where budgets are given.
        front: The range of budgets that is searched, `budgets` being that of the result; None for one budget.
        zero_shot: Whether the first policy is what a trained agent does before it learns on this network.
        start: Gives the policy that the search begins from; None where the strategy decides.
        inputs: Files that the search starts from, by the names of their copies in the run folder.
    """

    session: Session[Any, Past]
    network: NetworkOptions
    images: DataOptions
    options: SearchOptions
    strategy: Callable[[PruningProblem], Strategy]
    strategy_name: str
    observation: str
    budgets: Sequence[Limits]
    tune_steps: int = 0
    goal: DropGoal | None = None
    front: FrontGoal | None = None
    zero_shot: bool = False
    start: Start | None = None
    inputs: Mapping[str, Path] = field(default_factory=dict)


def run_job(job: Job) -> None:
    """Load the network and its images, search, write the run folder and print the table of results.

    Raises:
        UserError: Arguments that do not fit each other or what they name.
    """
    begun = time.perf_counter()
    options, session, plan = job.options, job.session, _plan(job)
    if plan.is_extended and not options.quiet:
        print(
            f"note: the search goes on from {len(session.past.episodes)} episodes to {plan.episodes} in all; it need"
            f" not find what {plan.episodes} from the start would",
            file=sys.stderr,
        )
    torch.manual_seed(options.seed)  # of weights that are random
    network = load_original(job.network, quiet=options.quiet)
    splits = load_images(
        job.images,
        network,
        options.metric,
        options.output_kind,
        options.seed,
        find_device(options.device),
        progress=not options.quiet,
    )
    if job.goal is not None:
        splits = splits.with_judging(options.seed)
    example = splits.calibration.example(1)
    check_inputs(job.network, example)
    original = score_original(network, job.network, splits.reward, options.metric, options.device, quiet=options.quiet)
    measured = latency_connection.connect(options, network.model, example, session.folder)
    minimises_latency = job.goal is not None and job.goal.minimise == LATENCY
    with measured if minimises_latency or wants_latency(options) else nullcontext() as latency_model:
        with told_if_slow(f"analysing the network, choosing channels by {options.criterion}", quiet=options.quiet):
            task = _task(job, network, splits, latency_model)
        del network, measured  # the task has a copy, which may be large
        session.check_same(task.digests)
        if not options.quiet:
            warn_of_reward_images(task)
            warn_of_images_left_out(task)
            warn_of_judging_images(task, job.goal)
        result = SearchRun(
            task,
            plan,
            _invocation(job),
            folder=session.folder,
            original_accuracy=original,
            latency_model=latency_model,
            past=session.past,
            seconds_before=session.seconds,
            checkpoint_every=options.checkpoint_every,
            inputs=job.inputs,
            quiet=options.quiet,
            begun=begun,
        ).run()
        if not options.quiet:
            _say(job, task, result, latency_model)
    if result.interrupted:
        sys.exit(INTERRUPTED)


def _task(job: Job, network: Network, splits: Splits, latency_model: LatencyModel | None) -> Task:
    """The task of the original network, at the budgets of the result."""
    how = task_options(job.options, job.options.seed, job.session.name("model"), latency_model)
    return Task(network.model, splits, job.budgets[-1], how)


def _plan(job: Job) -> SearchPlan:
    return SearchPlan(
        strategy=job.strategy,
        episodes=job.session.arguments.most_policies,
        begun_with=job.session.begun_with,
        seed=job.options.seed,
        reward=job.options.reward,
        observation=job.observation,
        stages=tuple(job.budgets[:-1]),
        tune_steps=job.tune_steps,
        goal=job.goal,
        front=job.front,
        zero_shot=job.zero_shot,
        make_engine=make_engine(job.options.engine, job.options.workers),
        start=job.start,
    )


def _invocation(job: Job) -> Invocation:
    session = job.session
    arguments = flat_options(session.lasting_arguments)
    asked = job.budgets[-1] if job.front is None else (str(job.front.range),)
    arguments |= {"budget": list(asked), "run_dir": None, "resume": None}
    return Invocation(session.name("model"), job.strategy_name, session.program, session.argv, arguments)


def _say(job: Job, task: Task, result: SearchResult, latency_model: LatencyModel | None) -> None:
    """Print the results of a search that has ended, and what to do next."""
    folder, summary = job.session.folder, result.summary
    warn_of_underdetermined_layers(task)
    if latency_model is not None:
        _warn_of_latency(latency_model, task, result)
    for table in result.tables:
        print(table)
    print(
        f"{counted(len(result.episodes), 'episode')} in {result.search_seconds:.1f} s, on"
        f" {summary['reward_images_used']:.0%} of the reward images; results in {folder}"
    )
    print(next_lines(folder, summary["arguments"]))
    _note_of_exports(folder)
    if result.interrupted:
        print(f"go on with: {job.session.resume_command}")


def _note_of_exports(folder: Path) -> None:
    """Print which exported files are of the network that was kept before the search went on."""
    if exported := exported_files(folder):
        names = " and ".join(path.name for path in exported)
        print(f"note: {names} in {folder} may be of the network that was kept before; export again", file=sys.stderr)


def _warn_of_latency(latency_model: LatencyModel, task: Task, result: SearchResult) -> None:
    """Warn of a latency over its budget, and of layers that lost channels and no time."""
    latency, limit = result.final.latency, latency_limit(task)
    assert latency is not None, "it was measured"
    after = latency.latency_after_ms
    if limit is not None and after > (1 + TOLERANCE) * limit.most:
        print(
            f"warning: {after:.4g} ms are {after / limit.most - 1:.1%} over the budget {limit.asked}, and no policy of"
            " the search is nearer; give a smaller budget, or more episodes",
            file=sys.stderr,
        )
    if no_faster := latency_model.no_faster_layers(result.final.policy.kept_counts):
        print(
            f"warning: fewer MACs and no less time in {shortened(no_faster, 3)}; --round-to device keeps channels that"
            " cost no time",
            file=sys.stderr,
        )
