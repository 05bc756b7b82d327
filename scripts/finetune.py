"""The command that trains the compact network of a run further, so that it gains back what pruning cost."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
import tyro

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
from amc.utils.errors import UserError
from amc.utils.files import write_json
from scripts.command.cli import run
from scripts.command.compared_scores import BATCH, Scoring
from scripts.command.comparison import compare
from scripts.command.finished_run import AUTO, compact_network, fill_from_run, recorded_arguments
from scripts.command.original import print_score
from scripts.command.session import Session, open_session
from scripts.command.training_run import TrainingProgress, TrainingRun, clone_tensors, latest_training
from scripts.options.cli_arguments import flat_options
from scripts.options.network_and_images import DataOptions, NetworkOptions, require_given
from scripts.options.training_options import TrainingOptions

PROGRAM = "finetune"


@dataclass(frozen=True)
class Arguments:
    """Fine-tune the compact network of a run; leave it in a new folder, which the other commands read as a run's own.

    It learns from the training images and from the outputs of the original network. The epoch that is best on the
    reward images is kept. The data, the splits and the seed are those of the run.
    """

    network: tyro.conf.OmitArgPrefixes[NetworkOptions] = field(default_factory=lambda: NetworkOptions(model=AUTO))
    images: tyro.conf.OmitArgPrefixes[DataOptions] = field(default_factory=lambda: DataOptions(data=AUTO))
    training: tyro.conf.OmitArgPrefixes[TrainingOptions] = field(
        default_factory=lambda: TrainingOptions(epochs=10, batch_size=128, lr=0.02)
    )
    run_dir: Path | None = None
    """Folder of a finished run, whose compact network is fine-tuned."""
    out: Path | None = None
    """Folder for the results, new or empty; default: the run's folder with -tuned behind its name."""
    distillation: float = 0.9
    """Share of the loss that the original network's outputs have as soft targets, from 0 (none) to 1."""
    temperature: float = 4.0
    """Divisor of the outputs for soft targets: the higher, the more the less likely classes count."""
    metric: str | None = None
    """How networks are scored: top1, top5 or path/to/file.py:function; default: as in the run."""
    device: str = "auto"
    """Where networks run: cpu, cuda, or auto for a GPU if there is one."""
    resume: Path | None = None
    """Folder of a fine-tuning that was interrupted: go on with it, with its own options."""
    quiet: bool = False
    """Print nothing but mistakes."""

    def check(self) -> None:
        """Raise a UserError for what can be told without reading anything."""
        self.training.check()
        if (self.run_dir is None) == (self.resume is None):
            raise UserError("expected --run-dir of a finished run or --resume of a fine-tuning, one of them")
        if not 0 <= self.distillation <= 1:
            raise UserError(f"expected --distillation from 0 to 1, got {self.distillation}")
        if not self.temperature > 0:
            raise UserError(f"expected --temperature above 0, got {self.temperature}")


def finetune(arguments: Arguments) -> None:
    """Begin the fine-tuning that the arguments describe, or resume it, and write its folder.

    Raises:
        UserError: Arguments that do not fit each other or what they name.
    """
    arguments.check()
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
    network = network_options.load(quiet=arguments.quiet)
    splits = data_options.load(network, metric, seed, progress=not arguments.quiet)
    example = splits.calibration.example(1)
    network_options.check_inputs(example)
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
    recipe = arguments.training.recipe(seed)
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


def main() -> None:
    """Fine-tune the run that the command line names; the function behind the command."""
    run(finetune, Arguments)


if __name__ == "__main__":
    main()
