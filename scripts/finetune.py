"""The command that trains the compact network of a run further, so that it gains back what pruning cost."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import tyro

from agents.report.command_lines import check_command
from agents.search.invocation import Invocation
from agents.tuning.compared_scores import BATCH
from agents.tuning.tuning_options import TuningOptions
from agents.tuning.tuning_problem import TuningProblem
from agents.tuning.tuning_run import TuningRun
from amc.artifacts.policy import POLICY_FILE, read_policy
from amc.scoring.checked_score import checked_score
from amc.training.training_progress import TrainingProgress, latest_training
from amc.utils.device import find_device
from amc.utils.errors import UserError
from amc.utils.option_names import options_as_flags
from scripts.command.cli import run
from scripts.command.finished_run import AUTO, compact_network, fill_from_run, recorded_arguments
from scripts.command.original import print_score
from scripts.command.session import Session, open_session
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
    """Device that networks run on: cpu, cuda, or auto for a GPU if there is one."""
    resume: Path | None = None
    """Folder of a fine-tuning that was interrupted: go on with it, with its own options."""
    quiet: bool = False
    """Print nothing but mistakes."""

    def check(self) -> None:
        """Raise a UserError for what can be seen without reading anything."""
        self.training.check()
        with options_as_flags():
            self.tuning_options()
        if (self.run_dir is None) == (self.resume is None):
            raise UserError("expected --run-dir of a finished run or --resume of a fine-tuning, one of them")

    def tuning_options(self) -> TuningOptions:
        """The options of the training, as the library takes them."""
        return TuningOptions(**vars(self.training), distillation=self.distillation, temperature=self.temperature)


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
    begun = time.perf_counter()
    arguments, folder = session.arguments, session.folder
    problem, network_options, taken_over = _problem(arguments)
    session.check_same(problem.digests)
    scoring, reward = problem.scoring, problem.splits.reward
    original = checked_score(scoring.ready(problem.original), reward, problem.metric, BATCH, problem.device)
    if not arguments.quiet:
        print_score(original, network_options, "original", "reward")
    options = flat_options(arguments) | taken_over | {"out": None, "resume": None}
    result = TuningRun(
        problem,
        arguments.tuning_options(),
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
        print(
            f"{len(result.epochs)} epochs in {result.seconds:.1f} s; results in {folder}\n"
            f"check them with: {check_command(folder, result.arguments)}"
        )


def _problem(arguments: Arguments) -> tuple[TuningProblem, NetworkOptions, dict[str, Any]]:
    """What is fine-tuned, the options of its network, and all options that the run gave."""
    run_dir = arguments.run_dir
    assert run_dir is not None, "checked"
    recorded = recorded_arguments(run_dir, arguments.network)
    metric = require_given(arguments.metric or recorded["metric"], "--metric", given=arguments.metric is not None)
    seed = recorded["seed"]
    torch.manual_seed(seed)
    network_options, data_options = (
        fill_from_run(arguments.network, recorded),
        fill_from_run(arguments.images, recorded),
    )
    network = network_options.load(quiet=arguments.quiet)
    splits = data_options.load(network, metric, seed, progress=not arguments.quiet)
    network_options.check_inputs(splits.calibration.example(1))
    problem = TuningProblem(
        original=network.model,
        pruned=compact_network(run_dir, network),
        policy=read_policy(run_dir / POLICY_FILE),
        splits=splits,
        metric=metric,
        seed=seed,
        device=find_device(arguments.device),
        source=str(run_dir),
    )
    taken_over = flat_options(network_options) | flat_options(data_options) | {"metric": metric, "seed": seed}
    return problem, network_options, taken_over


def main() -> None:
    """Fine-tune the run that the command line names; the function behind the command."""
    run(finetune, Arguments)


if __name__ == "__main__":
    main()
