"""The command that trains the compact network of a run further, so that it gains back what pruning cost."""

from __future__ import annotations

import time
from pathlib import Path

from agents.report.command_lines import next_lines
from agents.search.invocation import Invocation
from agents.tuning.compared_scores import BATCH
from agents.tuning.original_check import check_original
from agents.tuning.tuning_options import TuningOptions
from agents.tuning.tuning_run import TuningRun
from amc.artifacts.lasting_options import lasting_options
from amc.artifacts.run_folder import beside
from amc.scoring.checked_score import checked_score
from amc.training.training_progress import TrainingProgress, latest_training
from amc.utils.text import counted
from scripts.command.compact_problem import compact_problem
from scripts.command.original import print_score
from scripts.command.session import Session, open_session
from scripts.options.cli_arguments import flat_options
from scripts.options.finetune_arguments import Arguments

PROGRAM = "finetune"


def run_finetune(arguments: Arguments) -> None:
    """Begin the fine-tuning that the arguments describe, or resume it, and write its folder.

    Raises:
        UserError: Arguments that do not fit each other or what they name.
    """
    arguments.check()
    _options(arguments)
    with open_session(PROGRAM, arguments, _folder(arguments), "out", latest_training, None) as session:
        _finetune(session)


def _folder(arguments: Arguments) -> Path:
    if arguments.resume is not None:
        return arguments.resume
    assert arguments.run_dir is not None, "checked"
    return arguments.out or beside(arguments.run_dir, "-tuned")


def _options(arguments: Arguments) -> TuningOptions:
    """The options of the training, which are checked."""
    return TuningOptions(
        **vars(arguments.training),
        distillation=arguments.distillation,
        temperature=arguments.temperature,
        loss=arguments.loss,
    )


def _finetune(session: Session[Arguments, TrainingProgress | None]) -> None:
    begun = time.perf_counter()
    arguments, folder = session.arguments, session.folder
    assert arguments.run_dir is not None, "checked"
    problem, network_options, taken_over = compact_problem(arguments.run_dir, arguments)
    session.check_same(problem.digests)
    scoring, reward = problem.scoring, problem.splits.reward
    original = checked_score(scoring.ready(problem.original), reward, problem.metric, BATCH, problem.device)
    check_original(original, problem.policy.accuracy_before)
    if not arguments.quiet:
        print_score(original, network_options, "original")
    options = lasting_options(flat_options(arguments) | taken_over | {"out": None, "resume": None})
    result = TuningRun(
        problem,
        _options(arguments),
        Invocation(problem.policy.model, problem.policy.strategy, session.program, session.argv, options),
        folder,
        original.value,
        session.past,
        session.seconds,
        quiet=arguments.quiet,
        begun=begun,
    ).run()
    if not arguments.quiet:
        print(result)
        print(f"{counted(len(result.epochs), 'epoch')} in {result.seconds:.1f} s; results in {folder}")
        print(next_lines(folder, result.arguments, tuned=True))
