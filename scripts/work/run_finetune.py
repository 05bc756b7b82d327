"""The command that trains the compact network of a run further, so that it gains back what pruning cost."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import torch

from agents.report.command_lines import check_command
from agents.report.terminal.progress import training_progress
from amc.artifacts.digests import images_digest, weights_digest
from amc.artifacts.policy import POLICY_FILE, current_versions, read_policy, save_compact
from amc.artifacts.run_folder import SUMMARY_FILE
from amc.scoring.checked_score import checked_score
from amc.scoring.metrics import check_runs, moved_inputs
from amc.training.distillation import Distillation
from amc.training.training_loop import Training
from amc.utils.device import find_device
from amc.utils.files import write_json
from scripts.command.compared_scores import BATCH, Scoring
from scripts.command.comparison import compare
from scripts.command.finished_run import compact_network, fill_from_run, recorded_arguments, require_given
from scripts.command.loading import check_inputs, load_images, load_original
from scripts.command.original import print_score
from scripts.command.session import Session, open_session
from scripts.command.training_recipe import check_training, recipe_of
from scripts.command.training_run import TrainingProgress, TrainingRun, clone_tensors, latest_training
from scripts.options.cli_arguments import flat_options
from scripts.options.finetune_arguments import Arguments

PROGRAM = "finetune"


def run_finetune(arguments: Arguments) -> None:
    """Begin the fine-tuning that the arguments describe, or resume it, and write its folder.

    Raises:
        UserError: Arguments that do not fit each other or what they name.
    """
    arguments.check()
    check_training(arguments.training)
    with open_session(PROGRAM, arguments, _folder(arguments), "out", latest_training, None) as session:
        _finetune(session)


def _folder(arguments: Arguments) -> Path:
    if arguments.resume is not None:
        return arguments.resume
    assert arguments.run_dir is not None, "checked"
    return arguments.out or arguments.run_dir.parent / f"{arguments.run_dir.resolve().name}-tuned"


def _finetune(session: Session[Arguments, TrainingProgress | None]) -> None:
    start = time.perf_counter()
    arguments, folder = session.arguments, session.folder
    assert arguments.run_dir is not None, "checked"
    device = find_device(arguments.device)
    recorded = recorded_arguments(arguments.run_dir, arguments.network)
    metric = require_given(arguments.metric or recorded["metric"], "--metric", given=arguments.metric is not None)
    seed = recorded["seed"]
    torch.manual_seed(seed)
    network_options, data_options = (
        fill_from_run(arguments.network, recorded),
        fill_from_run(arguments.images, recorded),
    )
    network = load_original(network_options, quiet=arguments.quiet)
    splits = load_images(data_options, network, metric, seed, progress=not arguments.quiet)
    example = splits.calibration.example(1)
    check_inputs(network_options, example)
    scoring = Scoring(metric, moved_inputs(example, device), device)
    policy = read_policy(arguments.run_dir / POLICY_FILE)
    original = network.model.to(device)
    pruned, tuned = (compact_network(arguments.run_dir, network).to(device) for _ in range(2))
    for model in (original, pruned):
        check_runs(model, scoring.example)
    digests = {
        "weights": weights_digest(original),
        "compact": weights_digest(pruned),
        "images": images_digest(splits.calibration, splits.train, splits.reward),
    }
    session.check_same(digests)
    first = checked_score(scoring.ready(original), splits.reward, metric, BATCH, device)
    if not arguments.quiet:
        print_score(first, network_options, "original", "reward")
    soft = Distillation(scoring.ready(original), arguments.temperature, arguments.distillation)
    recipe = recipe_of(arguments.training, seed)
    training = Training(tuned, splits.train, recipe, device, soft if soft.weight else None)
    past = session.past or TrainingProgress(scoring(tuned, splits.reward).value, (), {}, clone_tensors(tuned))
    run_of_it = session.description(device, digests)
    tuning = TrainingRun(folder, run_of_it, tuned, training, scoring, splits.reward, past, session.seconds)
    with training_progress(recipe.epochs, arguments.quiet) as bar:
        past = tuning.finish(recipe.epochs, bar)
    seconds = tuning.seconds
    save_compact(folder, dataclasses.replace(policy, accuracy=past.best_score, versions=current_versions()), tuned)
    compared = compare(scoring, splits, original, pruned, tuned, (first.value, past.before, past.best_score))
    taken_over = flat_options(network_options) | flat_options(data_options) | {"metric": metric, "seed": seed}
    options = flat_options(arguments) | taken_over | {"out": None, "resume": None}
    summary = compared.summary() | {
        "epochs": list(map(dataclasses.asdict, past.epochs)),
        "arguments": options,
        "tuning_seconds": seconds,
        "wall_seconds": session.seconds + time.perf_counter() - start,
    }
    write_json(folder / SUMMARY_FILE, summary)
    tuning.close(summary)
    if not arguments.quiet:
        compared.print(scoring)
        print(
            f"{len(past.epochs)} epochs in {seconds:.1f} s; results in {folder}\n"
            f"check them with: {check_command(folder, options)}"
        )
