"""The accuracy of the uniform policy, without fine-tuning, by way of recovery, on several networks.

The tables of docs/recovery.md come from this command. Rows that are already in `--out` are not measured again, so it
can be interrupted, and run in parts: each part adds its rows, and the tables are made from all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from amc.compression.compressor import Compressor
from amc.cost.budget import Budgets
from amc.data.load import load_data
from amc.data.splits import SplitSizes
from amc.networks.sources import Network, load_network
from amc.recovery.recoveries import RECOVERIES
from amc.task import Task
from amc.task_options import TaskOptions
from amc.utils.defaults import DEFAULT_CRITERION
from amc.utils.errors import UserError
from amc.utils.files import write_text
from amc.utils.registry import look_up
from benchmarks.recovery_page import recovery_page
from benchmarks.recovery_rows import ORIGINAL, Place, Row, packed, read_rows, write_rows
from benchmarks.runs import percent
from scripts.command.cli import run

LIGHTEST = "l1"
"""The criterion that costs nothing, for networks whose channels are chosen already."""


@dataclass(frozen=True)
class Arguments:
    """Prune networks to uniform policies, recover each in every way, and score them on all reward images."""

    models: tuple[str, ...]
    """Networks, as for scripts.train."""
    data: str
    """Images of these networks, as for scripts.train."""
    out: Path
    """Folder for the numbers (recovery.json) and the tables (recovery.md) of all parts."""
    weights: tuple[str, ...] = ()
    """A weights file for each network, or `default`; none for the default of each."""
    budgets: tuple[float, ...] = (0.7, 0.5)
    """Shares of the MACs that are left."""
    images: tuple[int, ...] = (1000,)
    """Numbers of calibration images."""
    recoveries: tuple[str, ...] = tuple(RECOVERIES)
    """Ways of recovery."""
    criteria: tuple[str, ...] = (DEFAULT_CRITERION,)
    """Criteria by which channels are chosen."""
    seed: int = 0
    """Seed of the calibration images, the sampled positions and the halves of the judged images."""


def recovery(arguments: Arguments) -> None:
    """Measure the rows that are missing, then write the tables."""
    for way in arguments.recoveries:
        look_up("recovery", way, RECOVERIES)
    weights = arguments.weights or ("default",) * len(arguments.models)
    if len(weights) != len(arguments.models):
        raise UserError(f"expected --weights for each of {len(arguments.models)} --models, got {len(weights)}")
    path = arguments.out / "recovery.json"
    rows = read_rows(path)
    known = {(row.place, row.recovery) for row in rows}
    for model, file in zip(arguments.models, weights, strict=True):
        for row in _rows(arguments, load_network(model, file), known):
            rows.append(row)
            write_rows(path, rows)
            found = percent(float(row.answers.float().mean()))
            where = f"{row.model}, {row.budget:.0%} of the MACs, {row.images} images, {row.criterion or '-'}"
            print(f"{where}, {row.recovery}: {found} in {row.seconds:.1f} s", flush=True)
    write_text(arguments.out / "recovery.md", recovery_page([row for row in rows if row.place.seed == arguments.seed]))


def _rows(arguments: Arguments, network: Network, known: set[tuple[Place, str]]) -> Iterator[Row]:
    """The rows of one network that are missing; networks of a place are made one after the other."""
    name, seed = network.name.rpartition(":")[2], arguments.seed
    original = Place(name, 1.0, 0, "", seed)
    for images in arguments.images:
        places = [
            Place(name, share, images, criterion, seed)
            for criterion in arguments.criteria
            for share in arguments.budgets
        ]
        todo = [(place, way) for place in places for way in arguments.recoveries if (place, way) not in known]
        if not todo and (original, ORIGINAL) in known:
            continue
        task = _task(arguments, network, images)
        if (original, ORIGINAL) not in known:
            known.add((original, ORIGINAL))
            yield _row(task, original, ORIGINAL, task.model)
        for criterion in arguments.criteria:
            if not any(place.criterion == criterion for place, _ in todo):
                continue
            choosing = _compressor(task, criterion, seed)
            for place, way in todo:
                if place.criterion == criterion:
                    yield _recovered(task, choosing, place, way)


def _task(arguments: Arguments, network: Network, images: int) -> Task:
    splits = load_data(arguments.data, network.preprocess, SplitSizes(calibration=images), arguments.seed)
    return Task(network.model, splits, options=TaskOptions(seed=arguments.seed))


def _recovered(task: Task, choosing: Compressor, place: Place, way: str) -> Row:
    """Measure one recovery on its own: what recoveries share is computed anew for each, so that seconds compare.

    The time that it takes to choose channels is not counted.
    """
    kept_counts = Budgets(task.graph, [f"macs={place.budget}"]).uniform
    mask = choosing.mask(kept_counts)
    begun, processor = time.perf_counter(), time.process_time()
    anew = _compressor(task, LIGHTEST, place.seed)
    network, _ = anew.compact(mask, way)
    seconds, processor = time.perf_counter() - begun, time.process_time() - processor
    return _row(task, place, way, network, seconds, processor)


def _compressor(task: Task, criterion: str, seed: int) -> Compressor:
    """A compressor like the task's, of which nothing is known yet."""
    kinds = task.compressor.output_kinds
    return Compressor(task.model, task.graph, task.compressor.calibration, criterion, seed, kinds)


def _row(task: Task, place: Place, way: str, network: nn.Module, seconds: float = 0.0, cpu_seconds: float = 0.0) -> Row:
    right = _answers(task, network)
    return Row(*place, way, packed(right), len(right), seconds, cpu_seconds)


def _answers(task: Task, network: nn.Module) -> Tensor:
    """Whether each image of val is answered right; of data without a test split, both halves of it."""
    splits = task.splits
    parts = [splits.reward, splits.test] if splits.test_from_val else [splits.reward]
    found = [task.image_scores(network, images).right for images in parts]
    return torch.cat([each for each in found if each is not None])


def main() -> None:
    """Run as a command."""
    run(recovery, Arguments)


if __name__ == "__main__":
    main()
