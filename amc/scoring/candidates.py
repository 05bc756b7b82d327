"""Scoring the compact networks of one network, over and over on the same images: the work of a search."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from amc.compression.compressor import Compressor
from amc.cost.costs import macs
from amc.data.images import Images
from amc.data.resident import ResidentImages
from amc.graph import KeptCounts
from amc.graph.inputs import cast_floats
from amc.pruning.inference_form import for_inference
from amc.pruning.slicing import named_tensors
from amc.recovery.recoveries import Adjust, find_recovery
from amc.scoring.answer_key import AnswerKey
from amc.scoring.executor import OperatorProgram, Places, PrefixCache, fused_program
from amc.scoring.metrics import answered_right, moved, top_k
from amc.scoring.racing import RaceReference, run_race
from amc.scoring.score import Answers, Score
from amc.scoring.scored_by import ScoredBy
from amc.scoring.scoring_network import ScoringNetwork
from amc.utils.copying import copy_network
from amc.utils.precision import AUTO, PRECISIONS, find_precision

CALIBRATION_BATCHES = 3
"""The number of calibration batches that a network is run on, to take statistics or to solve layer after layer.

What is solved beforehand, from moments of the original, is solved on all of them."""
MOST_MOVED = 1e-3
"""The accuracy of the original must move by less than this, in [0, 1], for a faster number format to be taken."""
LEAST_MACS = 10**7
"""A network with fewer MACs gains nothing by a faster number format."""


class Candidates:
    """Makes and scores the compact networks of one network.

    Images that are in memory are kept in the number format of the networks. That format is bfloat16 where the device
    multiplies in it, the metric is of single images, the network has `LEAST_MACS` or more, and its accuracy moves by
    less than `MOST_MOVED`.

    Args:
        compressor: Prunes the original.
        recovery: The recovery of networks (`amc.recovery.recoveries.find_recovery`).
        by: What networks are scored by.
        images: The images that networks are scored on.
        batch_size: The number of images of a forward pass.
        device: Where networks run.
        dtype: The number format; None to choose it.

    Attributes:
        dtype: The number format, given or chosen.
    """

    def __init__(
        self,
        compressor: Compressor,
        recovery: str | Adjust,
        by: ScoredBy,
        images: Images,
        batch_size: int,
        device: torch.device,
        dtype: torch.dtype | None = None,
    ) -> None:
        self._compressor = compressor
        self._recovery = find_recovery(recovery)
        self._by = by
        self._top = top_k(by.metric)
        self._images = images
        self._batch_size = batch_size
        self._device = device
        self.dtype = dtype or torch.float32
        native = PRECISIONS[find_precision(AUTO, device)]
        is_small = macs(compressor.graph)(compressor.graph.full) < LEAST_MACS
        if dtype is None and self._top and native != torch.float32 and not is_small:
            self._settle(native)
        self._held = images.to(device, self.dtype) if isinstance(images, ResidentImages) else None
        self._reusable, self._is_fast = None, self._recovery.is_fast(compressor.model)
        if self._recovery.changes_tensors_alone:
            calibration = compressor.calibration[:CALIBRATION_BATCHES]
            statistics = self._is_fast and self._recovery.takes_statistics
            self._reusable = ScoringNetwork(compressor, calibration, self.dtype, statistics=statistics)
        self._program = self._fused_program()
        self._prefixes = PrefixCache(self._program, self._held.inputs) if self._program and self._held else None
        self._key: AnswerKey | None = None
        if self._top:
            self._key = AnswerKey(by, self.batches(torch.float32))

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The arguments with which another process makes the same candidates, the chosen number format included."""
        given = self._images, self._batch_size, self._device, self.dtype
        return self._compressor, self._recovery, self._by, *given

    @property
    def is_exact(self) -> bool:
        """Whether networks are just those that `Compressor.compact` makes, in float32."""
        return self.dtype == torch.float32 and len(self._compressor.calibration) <= CALIBRATION_BATCHES

    def score(self, kept_counts: KeptCounts, race_reference: RaceReference | None = None) -> Score:
        """Return the score of the compact network that some kept counts stand for.

        Args:
            kept_counts: The number of units of each group that stay, int64 `(groups,)`.
            race_reference: A good network. Scoring may stop once the network is surely worse; the score is then an
                estimate, and its share of the images is below 1. The reference is ignored unless the images are in
                memory and the metric is a top-k accuracy.

        Raises:
            UserError: The user's own metric fails, or returns something else than a finite number.
        """
        network = self._network(kept_counts)
        if self._key is None:
            return Score(self._by.metric(network, self._all()))
        if self._held is None:
            return self._key.scored(network, self._all(), self.fused(network))
        run = self._at_places(network)
        if race_reference is not None:
            batch_size = self._batch_size
            return self._raced(
                race_reference, lambda places: self._answers(run, torch.from_numpy(places).split(batch_size))
            )
        starts = range(0, len(self._held), self._batch_size)
        return self._key.score_of(self._answers(run, [slice(start, start + self._batch_size) for start in starts]))

    def score_of(self, answers: Answers) -> Score:
        """The score of a network with these answers to the images, or to some others."""
        assert self._key is not None, "images are scored one by one"
        return self._key.score_of(answers)

    def raced(self, answers: Answers, race_reference: RaceReference) -> Score:
        """The score that `score` gives a network in a race, where its answers to all images are known."""
        return self._raced(race_reference, lambda places: Answers(answers.right[places], answers.losses[places]))

    def network(self, kept_counts: KeptCounts) -> nn.Module:
        """A copy of the network that `score` scores, with batch norms folded, in the number format."""
        return copy_network(self._network(kept_counts))

    def fused(self, network: nn.Module) -> Callable[[Tensor], Tensor]:
        """A function that computes what one of these networks does, in fewer operators where that is possible."""
        return network if self._program is None else self._program.bind(network)

    def batches(self, dtype: torch.dtype | None = None) -> Iterator[tuple[Any, Tensor]]:
        """One pass over the images and their targets, in the order and the number format in which they are scored."""
        for inputs, targets in moved(self._images.batches(self._batch_size), self._device):
            yield cast_floats(inputs, dtype or self.dtype), targets

    def _raced(self, race_reference: RaceReference, answers_at: Callable[[NDArray[np.int64]], Answers]) -> Score:
        assert self._key is not None
        race, found = run_race(race_reference, self._batch_size, answers_at)
        if found is not None:
            return self._key.score_of(found)
        return self._key.score(race.mean_loss, race.accuracy, race.seen / len(race_reference.order))

    def _answers(self, run: Callable[[Places], Tensor], batches: Sequence[Places]) -> Answers:
        """The answers to the images at the places of each batch."""
        assert self._held is not None
        assert self._key is not None
        targets = self._held.targets
        return self._key.answers(run, (((places,), targets[places], places) for places in batches))

    def _at_places(self, network: nn.Module) -> Callable[[Places], Tensor]:
        """A function that gives the network's output for the images at given places."""
        assert self._held is not None
        images = self._held.inputs
        return self._prefixes.bind(network) if self._prefixes else lambda places: network(images[places])

    def _network(self, kept_counts: KeptCounts) -> nn.Module:
        """The compact network, ready to be scored; it may be a module that the next one is loaded into."""
        mask = self._compressor.mask(kept_counts)
        if self._reusable is not None and self._is_fast:
            return self._reusable.load(*self._compressor.tensors(mask, self._recovery))
        if self._reusable is not None:
            compact, selection = self._compressor.compact(mask, self._recovery, CALIBRATION_BATCHES)
            return self._reusable.load(named_tensors(compact), selection)
        compact, _ = self._compressor.compact(mask, self._recovery)
        return for_inference(compact, self._compressor.graph).to(self.dtype)

    def _fused_program(self) -> OperatorProgram | None:
        """The operators of all compact networks; None where they follow from the images or are not known."""
        if self._reusable is None or self._top is None:
            return None
        inputs, _ = next(iter(self._all()))
        return fused_program(self._reusable.widest_and_narrowest(), inputs) if isinstance(inputs, Tensor) else None

    def _settle(self, dtype: torch.dtype) -> None:
        """Take the number format if the original scores (nearly) the same in it."""
        original = for_inference(self._compressor.model, self._compressor.graph)
        exact = answered_right(original, self.batches(), self._top or 1)
        try:
            fast = answered_right(original.to(dtype), self.batches(dtype), self._top or 1)
        except RuntimeError:  # it makes float32 numbers of its own
            return
        if abs(int(fast.sum()) - int(exact.sum())) < MOST_MOVED * len(exact):
            self.dtype = dtype

    def _all(self) -> Iterator[tuple[Any, Tensor]]:
        return self.batches() if self._held is None else self._held.batches(self._batch_size)
