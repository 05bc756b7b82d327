"""The command that trains a network, so that there is something to prune."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from agents.report.terminal.training_bar import training_bar
from agents.tuning.training_run import TrainingRun, clone_tensors
from amc.artifacts.digests import images_digest, shapes_digest
from amc.artifacts.run_folder import forget
from amc.data.images import Images
from amc.data.load import load_splits
from amc.data.splits import SplitSizes
from amc.networks.sources import load_network
from amc.networks.weight_files import write_state_dict
from amc.pruning.slicing import stored_tensors
from amc.scoring.metrics import answered_right, check_runs, moved, moved_inputs
from amc.scoring.number_format import score
from amc.training.recipe_options import RecipeOptions
from amc.training.training_loop import Training
from amc.training.training_progress import TrainingProgress, latest_training
from amc.utils.device import find_device
from amc.utils.errors import UserError
from scripts.command.loading import data_of, default_data, preprocess_of, print_notes
from scripts.command.session import Session, open_session
from scripts.options.pretrain_arguments import SUFFIX, Arguments

PROGRAM = "pretrain"
EVALUATION_BATCH = 256
ENDING = "-training"
"""The end of the name of the folder that a training has while it runs."""


def run_pretrain(arguments: Arguments) -> None:
    """Begin the training that the arguments describe, or resume it, and write the weights of the best epoch.

    Raises:
        UserError: Arguments that do not fit each other or what they name.
    """
    arguments.check()
    RecipeOptions(**vars(arguments.training))
    folder = arguments.resume or _folder(arguments.out)
    if arguments.resume is None:
        arguments = dataclasses.replace(arguments, data=arguments.data or default_data(arguments.model))
    with open_session(PROGRAM, arguments, folder, "out", latest_training, None) as session:
        _pretrain(session)


def _folder(out: Path | None) -> Path:
    """The folder that the training has while it runs, beside the file of the weights."""
    assert out is not None, "checked"
    return out.with_name(f"{out.stem}{ENDING}")


def _weights_file(folder: Path) -> Path:
    """The file `--out` of the training in a folder; it stays beside the folder wherever that is moved."""
    place = folder if folder.name else folder.resolve()  # such as `.`
    return place.with_name(f"{place.name.removesuffix(ENDING)}{SUFFIX}")


def _pretrain(session: Session[Arguments, TrainingProgress | None]) -> None:
    arguments, folder = session.arguments, session.folder
    out = _weights_file(folder)
    device = find_device(arguments.device)
    torch.manual_seed(arguments.seed)
    network = load_network(arguments.model, weights="none")
    model = network.model.to(device)
    preprocess = preprocess_of(arguments.preparation, network.preprocess)
    splits = load_splits(
        data_of(arguments.data, arguments.model),
        preprocess,
        SplitSizes(calibration=1),
        arguments.seed,
        progress=True,
        class_order=arguments.class_order,
    )
    if not splits.is_labelled:
        raise UserError(f"a training needs the classes of images, which {splits.source} does not tell; give other data")
    print_notes(splits)
    digests = {
        "architecture": shapes_digest(model),
        "images": images_digest(splits.calibration, splits.train, splits.reward),
    }
    session.check_same(digests)
    check_runs(model, moved_inputs(splits.train.example(2), device))
    recipe = RecipeOptions(**vars(arguments.training)).recipe(arguments.seed)
    training = Training(model, splits.train, recipe, device)
    past = session.past or TrainingProgress(0.0, (), {}, clone_tensors(model))
    description = session.description(device, digests)
    scored = partial(_accuracy, splits.reward, device)
    run = TrainingRun(folder, description, model, training, scored, past, session.seconds)
    counts = f"{len(splits.train):,} training images, {len(splits.reward):,} reward images (validation)"
    try:
        with training_bar(recipe.epochs, "top1", past, counts, quiet=False) as bar:
            run.finish(recipe.epochs, bar)
    except BaseException:
        if run.past.epochs:
            write_state_dict(out, run.past.best)
            print(f"wrote {out}, the best epoch so far", file=sys.stderr)
        raise
    run.keep_best()
    write_state_dict(out, stored_tensors(model))
    print(f"wrote {out}")
    _tidy(session, run)
    for name, images in (("reward", splits.reward), ("test", splits.test)):
        print(f"accuracy on {len(images):,} {name} images: {score('top1', _accuracy(images, device, model))}")


def _accuracy(images: Images, device: torch.device, network: nn.Module) -> float:
    """The accuracy of a network as it is, in [0, 1]: what is trained may be nothing that can be pruned."""

    def run_as_it_is(*inputs: Any) -> Any:
        with torch.inference_mode(False), torch.no_grad():  # what a network keeps is of use in its training
            return network(*inputs)

    right = answered_right(run_as_it_is, moved(images.batches(EVALUATION_BATCH), device))
    return int(right.sum()) / len(right)


def _tidy(session: Session[Arguments, TrainingProgress | None], run: TrainingRun) -> None:
    """Remove the folder of a training that is over, of which only the weights are wanted."""
    with contextlib.suppress(UserError):  # events that a full disk had no room for
        if run.events is not None:
            run.events.close({}, run.steps)
    for path in session.folder.glob("events.out.tfevents.*"):
        path.unlink(missing_ok=True)
    forget(session.folder)
