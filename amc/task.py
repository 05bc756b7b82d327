"""A network, its data and its budget: everything that a search works on, put together once."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable, Sequence
from functools import cached_property, partial

import numpy as np
import torch
from torch import Tensor, nn

from amc.analysis.analyse import analyse
from amc.analysis.trial import is_repeatable
from amc.artifacts.digests import images_digest, weights_digest
from amc.compression.compressor import DEFAULT_CRITERION, Compressor
from amc.compression.group_features import group_features
from amc.cost.budget import Budgets, Costs
from amc.cost.costs import COSTS
from amc.criteria import Criterion
from amc.data.images import Images
from amc.data.load import Splits
from amc.data.resident import ResidentImages
from amc.graph import KeptCounts, PruningGraph
from amc.graph.inputs import Example, tensors
from amc.graph.transform import narrowed
from amc.networks.admission import admit
from amc.networks.finite import check_finite
from amc.pruning.inference_form import channels_last, for_inference
from amc.pruning.materialise_weights import materialise_weights
from amc.pruning.slicing import Selection, UnitMask, select
from amc.recovery.calibration import underdetermined
from amc.recovery.recoveries import DEFAULT_RECOVERY, SEARCH_RECOVERY, Adjust, find_recovery
from amc.scoring.candidates import Candidates
from amc.scoring.engines.engine import MakeEngine, OnDemand, SerialEngine
from amc.scoring.metrics import Metric, check_runs, find_metric, moved, moved_inputs, top_k
from amc.scoring.scorer import PolicyScorer
from amc.utils.copying import copied
from amc.utils.errors import UserError
from amc.utils.registry import name_of

BATCH_BYTES = 2**21
"""Inputs of a batch take about this much: small enough that a small network's activations stay in the cache."""
LEAST_BATCH = 16
CALIBRATION_BATCH = 100
"""Images over which a batch norm sees one mean and variance while its statistics are re-estimated."""


class Task:
    """Prune `model` to `budgets` and keep its accuracy.

    Args:
        model: The trained network, as `amc.networks.admission` takes it. It is never changed.
        splits: Its images.
        budgets: Limits such as `macs=0.5`, `macs=60M` or `params=0.6`; none for a reward without a budget.
        metric: How a network is scored, as `amc.scoring.metrics.find_metric` takes it.
        reward_images: How many reward images a search scores with; None for all.
        round_to: Widths are multiples of it; None for what suits each group.
        max_sparsity: The largest share of a group that may be cut, in (0, 1).
        freeze: Patterns of groups that stay whole (`amc.graph.group_patterns`).
        only: Patterns of the groups that may be cut; none for all.
        criterion: By what channels are chosen, as `amc.criteria.find_criterion` takes it.
        recovery: What is done after channels are cut, as `amc.recovery.recoveries.find_recovery` takes it.
        search_recovery: Likewise, for the networks that a search scores.
        seed: Of everything that is drawn.
        device: Where networks run.
        costs: Kinds of cost that a budget can name.
        engine: Makes what scores the policies of a search.

    Attributes:
        origin: The task of the original network; itself unless it is one that goes `next_stage`.

    Raises:
        UserError: a budget that is no budget or can't be reached, a pattern that matches nothing, a network without a
            group that can be pruned.
    """

    def __init__(
        self,
        model: nn.Module,
        splits: Splits,
        budgets: Sequence[str] = ("macs=0.5",),
        *,
        metric: str | Metric = "top1",
        reward_images: int | None = None,
        round_to: int | None = None,
        max_sparsity: float = 0.8,
        freeze: Sequence[str] = (),
        only: Sequence[str] = (),
        criterion: str | Criterion = DEFAULT_CRITERION,
        recovery: str | Adjust = DEFAULT_RECOVERY,
        search_recovery: str | Adjust = SEARCH_RECOVERY,
        seed: int = 0,
        device: torch.device | None = None,
        costs: Costs = COSTS,
        engine: MakeEngine = SerialEngine,
    ) -> None:
        self.device = device or torch.device("cpu")
        model, notes = admit(copied(model))
        check_finite(model, "the network")
        materialise_weights(model)
        for note in notes:
            warnings.warn(note, stacklevel=2)
        self.model = channels_last(model.to(self.device))
        self.splits = splits
        self.metric_name, self.metric = name_of(metric), find_metric(metric)
        example = splits.calibration.example(1)
        self.batch_size = scoring_batch(example)
        self.graph = prunable_graph(
            self.model, moved_inputs(example, self.device), round_to, max_sparsity, freeze, only
        )
        self._costs, self._make_engine = costs, engine
        self.budgets = Budgets(self.graph, budgets, costs=costs)
        calibration = [inputs for inputs, _ in moved(splits.calibration.batches(CALIBRATION_BATCH), self.device)]
        self.recovery, self.search_recovery = find_recovery(recovery), find_recovery(search_recovery)
        whole = reward_images is None or reward_images >= len(splits.reward)
        self.search_images = splits.reward if whole else splits.reward.take(reward_images or 0, seed)
        self.origin = self
        self._left = np.ones(self.graph.unit_count, dtype=np.bool_)
        self._make_compressor = partial(Compressor, calibration=calibration, criterion=criterion, seed=seed)
        self._prepare()

    def _prepare(self) -> None:
        self.compressor = self._make_compressor(self.model, self.graph)
        self.group_features = group_features(self.compressor)
        can_race = top_k(self.metric) is not None and isinstance(self.search_images, ResidentImages)
        self._candidates: Candidates | None = None
        self._engine = OnDemand(lambda: self._make_engine(self.candidates))  # one, with whatever budgets
        self.score = PolicyScorer(self._engine, can_race=can_race)

    def with_budgets(self, budgets: Sequence[str]) -> Task:
        """The same task with other budgets; shares are of the original network's costs."""
        other = copy.copy(self)
        other.budgets = Budgets(self.graph, budgets, self.origin.graph, self._costs)
        return other

    def next_stage(self, network: nn.Module, kept_counts: KeptCounts, budgets: Sequence[str]) -> Task:
        """The task that prunes further what this one came to.

        Args:
            network: The compact network with `kept_counts[g]` units of each group, which may have been trained since.
            kept_counts: How many units of each group were kept, `(groups,)`.
            budgets: Limits; shares are of the original network's costs.

        Its groups are those of this task in the same order, and keeps are counted in the same units.
        """
        self.close()
        later = copy.copy(self)
        later.model = channels_last(copied(network).eval().to(self.device))
        later.graph = narrowed(self.graph, self.compressor.mask(kept_counts))
        later.budgets = Budgets(later.graph, budgets, self.origin.graph, self._costs)
        later._left = self.mask(kept_counts)
        later._prepare()
        return later

    @cached_property
    def digests(self) -> dict[str, str]:
        """What tells this task from another: of the architecture, its weights and its images."""
        return {
            "architecture": self.graph.fingerprint,
            "weights": weights_digest(self.model),
            "images": images_digest(self.splits.calibration, self.search_images),
        }

    def batches(self, images: Images) -> Iterable[tuple[Example, Tensor]]:
        """One pass over images, on the device."""
        return moved(images.batches(self.batch_size), self.device)

    def accuracy(self, network: nn.Module, images: Images) -> float:
        """The metric of the original network or a compact one of it, in [0, 1] for accuracies."""
        return self.metric(for_inference(network, self.graph), self.batches(images))

    def mask(self, kept_counts: KeptCounts) -> UnitMask:
        """Which units of the original stay when `kept_counts[g]` of each group do, bool `(units,)`."""
        mask = np.zeros_like(self._left)
        mask[np.flatnonzero(self._left)[self.compressor.mask(kept_counts)]] = True
        return mask

    def compact(self, kept_counts: KeptCounts, recovery: str | Adjust | None = None) -> tuple[nn.Module, Selection]:
        """The compact network that keeps `kept_counts[g]` units of each group, and what the original was cut by.

        `recovery` is what `amc.recovery.recoveries.find_recovery` takes; None for that of the task.
        """
        network, _ = self.compressor.compact(self.compressor.mask(kept_counts), recovery or self.recovery)
        return network, select(self.origin.graph, self.origin.model, self.mask(kept_counts))

    @property
    def search_is_final(self) -> bool:
        """Whether a search scores just what is kept: the same network in float32, on all reward images."""
        same = self.recovery == self.search_recovery and self.search_images is self.splits.reward
        return same and self.candidates.is_exact

    @property
    def underdetermined(self) -> list[str]:
        """Layers of which the calibration images give fewer rows than least squares has unknowns, with both numbers."""
        return underdetermined(self.graph, len(self.splits.calibration))

    @property
    def candidates(self) -> Candidates:
        """What makes and scores the networks of a search."""
        if self._candidates is None:
            self._candidates = Candidates(
                self.compressor,
                self.search_recovery,
                self.metric,
                self.search_images,
                self.batch_size,
                self.device,
            )
        return self._candidates

    def close(self) -> None:
        """End what scores policies; it begins again when it is needed."""
        self._engine.close()


def scoring_batch(example: Example) -> int:
    """How many images are scored at once, by the inputs of one."""
    return max(LEAST_BATCH, BATCH_BYTES // max(sum(tensor.nbytes for tensor in tensors(example)), 1))


def prunable_graph(
    model: nn.Module,
    example: Example,
    round_to: int | None = None,
    max_sparsity: float = 0.8,
    freeze: Sequence[str] = (),
    only: Sequence[str] = (),
) -> PruningGraph:
    """The analysis of a network that can be pruned.

    Raises:
        UserError: the network does not run on the example, a pattern matches nothing, or nothing can be pruned.
    """
    if not 0 < max_sparsity < 1:
        raise UserError(f"the largest sparsity is a share between 0 and 1, got {max_sparsity}")
    if round_to is not None and round_to < 1:
        raise UserError(f"widths are rounded to a whole number above 0, got {round_to}")
    check_runs(model, example)
    graph = analyse(model, example, round_to, max_sparsity, freeze, only)
    if not graph.groups and not is_repeatable(model, example):
        raise UserError(
            "the network returns something else every time it is run on the same input, so that nothing about it can be"
            " proved; take random numbers (dropout in evaluation mode, noise, sampling) out of its forward"
        )
    if not graph.groups:
        reasons = sorted({frozen.reason for frozen in graph.frozen})
        raise UserError(f"no channels of this network can be pruned: {'; '.join(reasons[:3]) or 'it has no layers'}")
    return graph
