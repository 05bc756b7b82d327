"""The frozen problem that a search works on: a network, its images and its budgets, put together once."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from amc.artifacts.digests import images_digest, values_digest, weights_digest
from amc.compression.compressor import Compressor
from amc.compression.group_features import GroupFeatures, group_features
from amc.cost.budget import Budgets
from amc.cost.costs import COSTS, format_cost
from amc.data.images import Images
from amc.data.load import Splits
from amc.data.resident import ResidentImages
from amc.data.user_loader import LoaderImages
from amc.graph import KeptCounts, PruningGraph
from amc.graph.inputs import Example
from amc.graph.transform import compact_graph
from amc.networks.admission import admit
from amc.networks.finite import check_finite
from amc.prunable_graph import prunable_graph
from amc.pruning.inference_form import for_inference, lay_out
from amc.pruning.materialise_weights import materialise_weights
from amc.pruning.slicing import Selection, UnitMask, make_selection
from amc.recovery.calibration import underdetermined
from amc.recovery.recoveries import Adjust, check_recovery, check_search_recovery
from amc.scoring.answer_key import AnswerKey
from amc.scoring.candidates import Candidates
from amc.scoring.engines.engine import MakeEngine, SerialEngine
from amc.scoring.executor import fused
from amc.scoring.image_losses import find_score
from amc.scoring.image_scores import ImageScores, score_images
from amc.scoring.metrics import Batches, Metric, check_runs, compares_outputs, find_metric, moved, moved_inputs, top_k
from amc.scoring.network_classes import check_labels
from amc.scoring.number_format import percent
from amc.scoring.original_outputs import with_original_outputs
from amc.scoring.original_score import scoring_batch
from amc.scoring.output_kinds import trained_kinds
from amc.scoring.recovery_choice import RecoveryChoice, choose_recovery
from amc.scoring.score import Score
from amc.scoring.score_cache import ScoreCache
from amc.scoring.scored_by import ScoredBy
from amc.scoring.scorer import Scorer
from amc.task_options import DEFAULTS, TaskOptions
from amc.utils.column_widths import Column
from amc.utils.copying import copy_network
from amc.utils.defaults import AUTO
from amc.utils.device import find_device
from amc.utils.registry import name_of
from amc.utils.tabular import Table, Tabular

FEWEST_TO_FUSE = 500
"""The number of images from which on it pays to look for a faster way to score a network on them."""
TRACED = 8
"""The number of images that are looked at for it."""
CALIBRATION_BATCH = 100
"""The number of images in a calibration batch, over which a batch norm sees one mean and variance."""


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Task(Tabular):
    """A pruning task: a network with its analysis, its images and the budgets that it has to meet.

    Nothing in a task changes once it is made. It holds no processes and no cache, which belong to its scorer.

    Args:
        model: The trained network, as `amc.networks.admission` takes it. It is never changed.
        splits: The images.
        budgets: Limits such as `macs=0.5`, `macs=60M` or `params=0.6`; none for a reward without a budget.
        options: The way in which networks are pruned, recovered and scored.

    Attributes:
        model: A copy of the network, on the task's device.
        graph: The analysis of the network: its layers, and the channel groups that can be pruned.
        splits: The images.
        budgets: The budgets, which say what kept counts are affordable.
        compressor: Makes compact networks from kept counts.
        metric: The function of a network and batches that scores it.
        search_images: The reward images that a search scores with.
        batch_size: The number of images that are scored at once.
        device: The device that networks run on.
        options: The options that the task was made with.
        origin: The task of the original network, which is this one unless `next_stage` made it.

    Raises:
        UserError: A budget that can't be read or reached, a pattern that matches nothing, a network without a group
            that can be pruned.
    """

    model: nn.Module
    graph: PruningGraph
    splits: Splits
    budgets: Budgets
    compressor: Compressor
    metric: Metric
    search_images: Images
    batch_size: int
    device: torch.device
    options: TaskOptions
    origin: Task
    _left: UnitMask
    _decided: str | None

    def __init__(
        self,
        model: nn.Module,
        splits: Splits,
        budgets: Sequence[str] = ("macs=0.5",),
        options: TaskOptions = DEFAULTS,
    ) -> None:
        device = find_device(options.device or "cpu")
        model, notes = admit(copy_network(model))
        check_finite(model, "the network")
        materialise_weights(model)
        for note in notes:
            warnings.warn(note, stacklevel=2)
        model = lay_out(model.to(device))
        metric = find_metric(options.metric)
        example = moved_inputs(splits.calibration.example(1), device)
        graph = prunable_graph(model, example, options)
        if top_k(metric) is not None:
            check_labels(splits)
        if compares_outputs(metric):
            splits = with_original_outputs(splits, model, options.output_kind, device)
        check_recovery(options.recovery)
        check_search_recovery(options.search_recovery)
        kinds = trained_kinds(options.output_kind, check_runs(model, example, graph.heads), metric)
        calibration = [inputs for inputs, _ in moved(splits.calibration.batches(CALIBRATION_BATCH), device)]
        some = options.reward_images is not None and options.reward_images < len(splits.reward)
        vars(self).update(
            model=model,
            graph=graph,
            splits=splits,
            budgets=Budgets(graph, budgets, costs=options.costs),
            compressor=Compressor(model, graph, calibration, options.criterion, options.seed, kinds),
            metric=metric,
            search_images=splits.reward.take(options.reward_images or 0, options.seed) if some else splits.reward,
            batch_size=scoring_batch(example),
            device=device,
            options=options,
            origin=self,
            _left=np.ones(graph.unit_count, dtype=np.bool_),
            _decided=None,
        )
        find_score(options.score, is_classified=top_k(metric) is not None, is_ordered=True)

    def _changed(self, **changes: Any) -> Task:
        """A copy of the task with some attributes changed, without the properties that were computed and cached."""
        other = object.__new__(Task)
        vars(other).update({each.name: vars(self)[each.name] for each in fields(self)} | changes)
        return other

    def __repr__(self) -> str:
        asked = " ".join(limit.asked for limit in self.budgets.limits) or "no budget"
        return f"<Task of {self.options.name} at {asked}: {len(self.graph.groups)} groups, images: {self.splits!r}>"

    @property
    def tables(self) -> list[Table]:
        """The table of costs: now, and at the least that the groups can be cut to."""
        origin, asked = self.origin.graph, {limit.kind: limit.asked for limit in self.budgets.limits}
        rows = []
        for kind, make in COSTS.items():
            cost = make(self.graph)
            least = percent(cost(self.graph.least) / make(origin)(origin.full))
            rows.append((kind, format_cost(kind, cost(self.graph.full)), least, asked.get(kind, "")))
        columns = [Column("cost of one image"), Column("now"), Column("least"), Column("budget", is_text=True)]
        return [Table(self.options.name, columns, rows, [repr(self.graph), repr(self.splits)])]

    def with_budgets(self, budgets: Sequence[str]) -> Task:
        """A copy of the task with other budgets, in which shares are of the original network's costs.

        Raises:
            UserError: A budget that can't be read or reached.
        """
        return self._changed(budgets=Budgets(self.graph, budgets, self.origin.graph, self.options.costs))

    def next_stage(self, network: nn.Module, kept_counts: KeptCounts, budgets: Sequence[str]) -> Task:
        """The task of pruning further a compact network that this task led to.

        It has the same groups in the same order, and kept counts are in the same units.

        Args:
            network: The compact network with `kept_counts[g]` units of each group, which may have been trained since.
            kept_counts: How many units of each group were kept, `(groups,)`.
            budgets: The limits of the new task, in which shares are of the original network's costs.

        Raises:
            UserError: A budget that can't be read or reached.
        """
        model = lay_out(copy_network(network).eval().to(self.device))
        graph = compact_graph(self.graph, self.compressor.mask(kept_counts))
        return self._changed(
            model=model,
            graph=graph,
            budgets=Budgets(graph, budgets, self.origin.graph, self.options.costs),
            compressor=self.compressor.of(model, graph),
            _left=self.mask(kept_counts),
            _decided=None,
        )

    @property
    def metric_name(self) -> str:
        """The name of the metric in messages and files."""
        return name_of(self.options.metric)

    @cached_property
    def group_features(self) -> GroupFeatures:
        """What weights and calibration images say of each group before anything is pruned."""
        return group_features(self.compressor)

    @cached_property
    def digests(self) -> dict[str, str]:
        """Digests of the architecture, its weights and its images, which tell this task from another."""
        return {
            "architecture": self.graph.fingerprint,
            "weights": weights_digest(self.model),
            "images": images_digest(self.splits.calibration, self.search_images),
        }

    def batches(self, images: Images) -> Iterable[tuple[Example, Tensor]]:
        """One pass over images in batches of inputs and targets, on the task's device."""
        return moved(images.batches(self.batch_size), self.device)

    def accuracy(self, network: nn.Module, images: Images) -> float:
        """The score of the original network, or of a compact one of it, on all `images`; in [0, 1] for accuracies."""
        return self.image_scores(network, images).value

    def image_scores(self, network: nn.Module, images: Images) -> ImageScores:
        """The score that `accuracy` gives, with that of each image where the metric counts images."""
        return score_images(self.metric, *self._ready(network, images))

    def reward_score(self, network: nn.Module) -> Score:
        """What the network is worth on all reward images: what a search compares it by, and its accuracy."""
        if self._key is None:
            return Score(self.accuracy(network, self.splits.reward))
        return self._key.scored(*self._ready(network, self.splits.reward))

    @cached_property
    def score_name(self) -> str:
        """The name of what a search compares networks by; `accuracy` stands for any metric."""
        is_ordered = not isinstance(self.splits.reward, LoaderImages)
        return find_score(self.options.score, is_classified=top_k(self.metric) is not None, is_ordered=is_ordered)

    @cached_property
    def _by(self) -> ScoredBy:
        return ScoredBy(self.metric, self.score_name, for_inference(self.origin.model, self.origin.graph))

    @cached_property
    def _key(self) -> AnswerKey | None:
        """What networks are compared with on all reward images; None where they are not scored one by one, in order."""
        if self.origin is not self:  # the original runs once over the images, for all budgets and stages
            return self.origin._key
        is_ordered = not isinstance(self.splits.reward, LoaderImages)
        return AnswerKey(self._by, self.batches(self.splits.reward)) if top_k(self.metric) and is_ordered else None

    def _ready(
        self, network: nn.Module, images: Images
    ) -> tuple[nn.Module, Batches, Callable[[Tensor], Tensor] | None]:
        """A network as it is scored on images, these in batches, and a faster way to compute it if there is one."""
        network, fast = for_inference(network, self.graph), None
        if len(images) >= FEWEST_TO_FUSE:
            fast = fused(network, moved_inputs(images.example(TRACED), self.device))
        return network, self.batches(images), fast

    def mask(self, kept_counts: KeptCounts) -> UnitMask:
        """The mask, bool `(units,)`, of the original's units that stay when `kept_counts[g]` of each group do."""
        mask = np.zeros_like(self._left)
        mask[np.flatnonzero(self._left)[self.compressor.mask(kept_counts)]] = True
        return mask

    def compact(
        self, kept_counts: KeptCounts, recovery: str | Adjust | None = None, *, calibration_batches: int | None = None
    ) -> tuple[nn.Module, Selection]:
        """The compact network that keeps `kept_counts[g]` units of each group, and the indices that cut the original.

        Args:
            kept_counts: How many units of each group are kept, `(groups,)`.
            recovery: The recovery, as in the options; None for that of these. What `auto` is the first policy decides.
            calibration_batches: How many batches of images the network is recovered on at the most; None for all.
        """
        mask, recovery = self.compressor.mask(kept_counts), recovery or self.options.recovery
        if recovery == AUTO:
            recovery = self._decided or self.choose_recovery(kept_counts).recovery
            vars(self).update(_decided=recovery)
        network, _ = self.compressor.compact(mask, recovery, calibration_batches)
        return network, make_selection(self.origin.graph, self.origin.model, self.mask(kept_counts))

    @cached_property
    def search_recovery(self) -> str | Adjust:
        """The recovery of the networks that a search scores; what `auto` is the original's uniform policy decides.

        That policy fills the budgets of the first task, or keeps half of each group where there are none, so that what
        is scored at several budgets is recovered alike.
        """
        if self.origin is not self:
            return self.origin.search_recovery
        if self.options.search_recovery != AUTO:
            return self.options.search_recovery
        share = 1.0 if self.budgets.limits else 0.5
        return self.choose_recovery(self.budgets.scale(np.full(len(self.graph.groups), share))).for_many

    def choose_recovery(self, kept_counts: KeptCounts, tell: Callable[[str], None] = lambda _: None) -> RecoveryChoice:
        """The closed form that is best for the policy, on all reward images; `tell` is told what is made, before."""
        return choose_recovery(partial(self.compact, kept_counts), self.reward_score, tell)

    @property
    def underdetermined(self) -> list[str]:
        """The layers where least squares has more unknowns than the calibration images give rows, with both numbers."""
        return underdetermined(self.graph, len(self.splits.calibration))

    def candidates(self) -> Candidates:
        """The maker and scorer of a search's networks in this process."""
        return Candidates(
            self.compressor,
            self.search_recovery,
            self._by,
            self.search_images,
            self.batch_size,
            self.device,
        )

    def scorer(self, make_engine: MakeEngine = SerialEngine, cache: Path | None = None) -> Scorer:
        """The scorer of a search's policies: a context manager that ends its processes when it is left.

        Args:
            make_engine: Makes what scores them, in this process or others.
            cache: A file of scores that searches on the same network and images share (`amc.scoring.score_cache`).
        """
        can_race = top_k(self.metric) is not None and isinstance(self.search_images, ResidentImages)
        open_cache = (
            None if cache is None else lambda candidates: ScoreCache(cache, self.score_dependencies(candidates))
        )
        return Scorer(self.candidates, make_engine, can_race=can_race, open_cache=open_cache)

    def score_dependencies(self, candidates: Candidates) -> dict[str, str]:
        """What scores depend on besides the policy, for `amc.scoring.score_cache`."""
        options = self.options
        names = {each: name_of(getattr(options, each)) for each in ("metric", "criterion")}
        names |= {"search_recovery": name_of(self.search_recovery), "output_kind": str(options.output_kind)}
        others = {"score": self.score_name, "format": str(candidates.dtype), "seed": str(options.seed)}
        return self.digests | names | others | {"scored images": values_digest(self.search_images)}
