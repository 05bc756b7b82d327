"""The recovery of a compact network whose run has ended: its weights anew, from calibration images alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from agents.tuning.tuning_problem import TuningProblem
from agents.tuning.tuning_sources import Source, problem_of
from amc.analysis.analyse import analyse
from amc.artifacts.policy import Policy, current_versions, save_compact
from amc.artifacts.run_folder import SUMMARY_FILE, check_free
from amc.compression.compressor import Compressor
from amc.data.find_data import Given
from amc.data.load import Splits
from amc.graph import PruningGraph
from amc.networks.admission import admit
from amc.networks.sources import Network
from amc.pruning.materialise_weights import materialise_weights
from amc.pruning.slicing import Selection, UnitMask
from amc.recovery.blockwise import BlockwiseResult
from amc.recovery.recoveries import find_recovery
from amc.scoring.metrics import Metric, check_runs, find_metric, moved_inputs
from amc.scoring.number_format import metric_name, score
from amc.scoring.output_kinds import trained_kinds
from amc.task import CALIBRATION_BATCH
from amc.utils.copying import copy_network
from amc.utils.defaults import BLOCKWISE
from amc.utils.device import DeviceLike
from amc.utils.files import write_json
from amc.utils.progress_bar import progress_bar


@dataclass(frozen=True, eq=False, repr=False)
class RecoveryResult:
    """A compact network with new weights.

    Attributes:
        network: The network, in evaluation mode.
        policy: How the original was cut, with the network's score, as `policy.json` holds it.
        recovery: The name of the recovery.
        metric: The name of the metric.
        before: The score of the run's network on the reward images, in [0, 1] for accuracies.
        after: The score of this one.
        training: What training came to; None where the recovery does not train.
        harmed: The score of the trained network where it is less than before, so that the run's was kept; else None.
        seconds: Seconds that the recovery took.
        arguments: The options of the run by name, as later commands read them.
    """

    network: nn.Module
    policy: Policy
    recovery: str
    metric: str
    before: float
    after: float
    training: BlockwiseResult | None
    harmed: float | None
    seconds: float
    arguments: Mapping[str, Any]

    def __repr__(self) -> str:
        """Return the result in a line."""
        before, after = (score(self.metric, each) for each in (self.before, self.after))
        return f"<RecoveryResult: {metric_name(self.metric)} on reward images {before} before, {after} after>"

    def save(self, folder: str | Path) -> None:
        """Write `policy.json`, `compact.safetensors` and `summary.json` into a folder that is new or empty.

        Raises:
            UserError: The folder is not free, or can't be written to.
        """
        folder = Path(folder)
        check_free(folder)
        summary = {
            "recovery": self.recovery,
            "metric": self.metric,
            "reward_accuracy_before": self.before,
            "reward_accuracy": self.after,
            "training": self.training and asdict(self.training),
            "reward_accuracy_harmed": self.harmed,
            "recovery_seconds": self.seconds,
            "arguments": dict(self.arguments),
        }
        save_compact(folder, self.policy, self.network)
        write_json(folder / SUMMARY_FILE, summary)


def recover(
    run: Source,
    data: Given | Splits | None = None,
    *,
    recovery: str = BLOCKWISE,
    model: str | nn.Module | Network | None = None,
    metric: str | Metric | None = None,
    output_kind: str | None = None,
    device: DeviceLike | None = None,
    folder: str | Path | None = None,
) -> RecoveryResult:
    """Give the compact network of a run new weights, by which it computes nearly what the original does.

    Only calibration images are learned from, and no labels.

    Args:
        run: The result of `amc.search` or `amc.finetune`, or the folder of a run that has ended; it is left as it is.
        data: The images in place of those of the run, as `amc.load_data` returns or takes them.
        recovery: `blockwise` trains the run's network by gradients; another of `amc.recovery.recoveries.RECOVERIES`
            makes it again from the original.
        model: The original network with its weights, for a folder whose run had one of your own.
        metric: How networks are scored, in place of how the run did.
        output_kind: What the original's outputs are, `scores` or `values`, for all or by name.
        device: The device that networks run on; that of the result by default, for a folder a GPU where there is one.
        folder: A new folder for the network; None to write nothing (`RecoveryResult.save`).

    Raises:
        UserError: No such run or recovery, a source of another kind, another original, a folder that is not free, or a
            network through which no gradients pass.
    """
    find_recovery(recovery)
    if folder is not None:
        check_free(folder)
    problem = problem_of(run, data, model, metric, output_kind, device)
    result = recovered(problem, recovery, problem.arguments)
    if folder is not None:
        result.save(folder)
    return result


def recovered(
    problem: TuningProblem, recovery: str, arguments: Mapping[str, Any], *, quiet: bool = False
) -> RecoveryResult:
    """The compact network of a problem, recovered; as it was where training gives it a lower score on reward images.

    Args:
        problem: The network with its original and its images, which are not changed.
        recovery: The recovery (`amc.recovery.recoveries.find_recovery`).
        arguments: The options of the run by name, as its summary holds them.
        quiet: Whether no progress is shown.
    """
    before = problem.scoring(problem.pruned, problem.splits.reward).value
    begun = time.perf_counter()
    compressor, mask = _compressor(problem)
    training = harmed = None
    if recovery == BLOCKWISE:
        network = problem.to_train()
        with progress_bar(quiet=quiet) as bar:
            training = compressor.train(network, mask, lambda *told: bar.advance(*told), is_closed_form=False)
    else:
        network, _ = compressor.compact(mask, recovery)
    seconds = time.perf_counter() - begun
    after = problem.scoring(network, problem.splits.reward).value
    if training is not None and not after >= before:
        network, after, harmed = problem.to_train(), before, after
    return RecoveryResult(
        network=network,
        policy=replace(problem.policy, accuracy=after, versions=current_versions(), weights_digest=None),
        recovery=recovery,
        metric=problem.metric_name,
        before=before,
        after=after,
        training=training,
        harmed=harmed,
        seconds=seconds,
        arguments={**arguments, "recovery": recovery},
    )


def _compressor(problem: TuningProblem) -> tuple[Compressor, UnitMask]:
    """What prunes the original of a problem, and the units that its compact network has left."""
    model, _ = admit(copy_network(problem.original))
    materialise_weights(model)
    batches = problem.splits.calibration.batches(CALIBRATION_BATCH)
    calibration = [moved_inputs(inputs, problem.device) for inputs, _ in batches]
    example = problem.scoring.example
    graph = analyse(model, example)
    kinds = trained_kinds(problem.output_kind, check_runs(model, example, graph.heads), find_metric(problem.metric))
    compressor = Compressor(model, graph, calibration, seed=problem.seed, output_kinds=kinds)
    return compressor, kept_units(graph, problem.policy.selection)


def kept_units(graph: PruningGraph, selection: Selection) -> UnitMask:
    """The units that are left where a network is cut as `selection` says, whatever groups it was searched with."""
    mask = np.ones(graph.unit_count, dtype=np.bool_)
    for name, kept in selection.tensors.items():
        for dim, positions in kept.items():
            axis = graph.tensors.get(name, {}).get(dim)
            if axis is not None:
                for units in axis.memberships:
                    lost = np.setdiff1d(units, units[list(positions)])
                    mask[lost[lost >= 0]] = False
    return mask
