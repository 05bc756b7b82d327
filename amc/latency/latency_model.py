"""The latency of one network's compact networks on one device: predicted, and measured end to end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from amc.artifacts.checked_json import Count, checked, read_object
from amc.cost.budget import Budgets
from amc.cost.costs import COSTS, LATENCY, CostFunction, macs
from amc.cost.limit import Costs
from amc.graph import KeptCounts, PruningGraph
from amc.latency.latency_fit import LatencyTerms, MeasuredNetwork, PredictedLatency, fit, relative_errors
from amc.latency.layer_shapes import shapes_of
from amc.latency.measuring_device import Device
from amc.latency.onnx_slicing import Exporter
from amc.latency.random_kept_counts import random_kept_counts
from amc.latency.table import LatencyTable
from amc.pruning.slicing import choose_units
from amc.utils.errors import UserError
from amc.utils.files import write_json

TABLE_FILE, MEASURED_FILE = "latency-table.json", "latency.json"
NETWORKS = 24
"""The number of random compact networks that the prediction is fitted to."""
HELD_OUT = 8
"""The number of other random networks, on which the error of the prediction is reported."""
FOCUSED = 8
"""The number of random networks near a budget that the prediction is then fitted to as well."""
VARIATION = 0.4
"""The standard deviation of the logarithms of those networks' shares over the groups."""
TOGETHER = 4
"""The number of networks that are measured in turn with the original."""
PRECISION = 0.01
"""The wanted spread of latencies and ratios (`amc.latency.timing.Timing.spread`)."""
SECONDS = 2.0
"""The seconds that a network is measured, at the most."""

FEWER_MACS, SAME_TIME = 0.9, 0.97
"""A layer is no faster than before if less than the first share of its MACs is left, and more than the second share of
its time."""


@dataclass(frozen=True)
class _StoredNetwork:
    """A measured network as it is in a file: the kept count of each group, and the share of the original's latency."""

    keeps: Sequence[Count]
    share: float


@dataclass(frozen=True)
class _StoredCalibration:
    """A calibration as it is in a file."""

    original_ms: float
    factors: tuple[float, float]
    networks: Sequence[_StoredNetwork]


class LatencyModel:
    """Predicts and measures the latency of a network's compact networks on one device.

    A measured latency is a ratio to the original, which is measured in turn with the network, times the latency that
    the original had first: clocks that drift change nothing.

    Args:
        device: The device.
        exporter: Exports the original and its compact networks.
        table: The latency table of the device, with the layers of the original.

    Attributes:
        device: The device.
        exporter: The exporter.
        table: The latency table.
        shapes: The shapes of the original's layers, by their position in the analysis.
        original: The latency of the original in ms; 0 until `calibrate` or `read`.
        measured: The networks that were measured, those of the calibration first.
    """

    def __init__(self, device: Device, exporter: Exporter, table: LatencyTable) -> None:
        self.device = device
        self.exporter = exporter
        self.original = 0.0
        self.measured: list[MeasuredNetwork] = []
        self.table = table
        self.shapes = shapes_of(exporter.whole, exporter.graph)
        self._terms = self._terms_of(exporter.graph)
        self._factors = np.zeros(2)
        self._cache: dict[bytes, float] = {}

    @property
    def costs(self) -> Costs:
        """The kinds of cost that a budget can name, latency among them."""
        return {**COSTS, LATENCY: self.cost}

    def cost(self, graph: PruningGraph) -> PredictedLatency:
        """Return the predicted latency in ms, as a function of the kept counts of `graph`.

        Args:
            graph: The graph of the original, or of a network that it was pruned to.
        """
        whole = self._terms(self.exporter.graph.full)
        return PredictedLatency(self._terms_of(graph), whole, self.original, self._factors)

    def latency_of(self, graph: PruningGraph, *, measured: bool) -> CostFunction:
        """A function from kept counts of `graph` to the latency in ms.

        With `measured` each network is measured end to end, where that is cheap, since the export can be sliced. Else
        its latency is predicted.
        """
        return self.measure if measured and self.exporter.can_slice else self.cost(graph)

    def calibrate(self, seed: int, show: Callable[[int, int], None] = lambda *_: None) -> None:
        """Measure the original and random compact networks, and fit the prediction to them.

        Args:
            seed: The seed of the networks.
            show: Told how many networks are measured, and of how many.

        Raises:
            DeviceLostError: The device is gone.
        """
        self.original = self.device.measure([self.exporter.original], PRECISION, SECONDS).latencies[0].value
        self.measure_all(random_kept_counts(self.exporter.graph, NETWORKS + HELD_OUT, seed), show)
        self.refit(self.measured[:NETWORKS])

    def focus(self, most: float, seed: int, show: Callable[[int, int], None] = lambda *_: None) -> None:
        """Measure random networks that are predicted to take `most` ms, and fit the prediction above all near that.

        Args:
            most: The latency in ms.
            seed: The seed of the networks.
            show: Told how many networks are measured, and of how many.

        Raises:
            UserError: No network takes so little.
        """
        graph = self.exporter.graph
        budgets = Budgets(graph, [f"{LATENCY}={most:.9f}ms"], costs=self.costs)
        rng = np.random.default_rng(seed)
        shares = np.exp(VARIATION * rng.normal(size=(FOCUSED, len(graph.groups))))
        self.measure_all([budgets.scale(each) for each in shares], show)
        self.refit(self.measured[:NETWORKS] + self.measured[NETWORKS + HELD_OUT :], most / self.original)

    @property
    def held_out_errors(self) -> list[float]:
        """Relative errors of the prediction on the networks that were held out of it, ascending."""
        cost = self.cost(self.exporter.graph)
        return sorted(relative_errors(cost, self.original, self.measured[NETWORKS : NETWORKS + HELD_OUT]).tolist())

    @property
    def pairs(self) -> list[tuple[float, float]]:
        """The predicted and the measured latency in ms of every network that was measured."""
        cost = self.cost(self.exporter.graph)
        return [(cost(each.kept_counts), each.share * self.original) for each in self.measured]

    def refit(self, measured: Sequence[MeasuredNetwork] = (), near: float | None = None) -> None:
        """Fit the prediction to networks that were measured.

        Args:
            measured: The networks; all that were measured, if not given.
            near: A share of the original's latency, near which the prediction is to be best.
        """
        self._factors = fit(self._terms, self.exporter.graph.full, self.original, measured or self.measured, near)

    def measure(self, kept_counts: KeptCounts) -> float:
        """The latency in ms of the compact network with `kept_counts[g]` units of each group; each is measured once.

        Raises:
            DeviceLostError: The device is gone.
        """
        return self.measure_all([kept_counts])[0]

    def measure_all(
        self, kept_counts: Sequence[KeptCounts], show: Callable[[int, int], None] = lambda *_: None
    ) -> list[float]:
        """The latencies in ms of several compact networks; each is measured once.

        Args:
            kept_counts: The kept counts of each network, int64 `(groups,)`.
            show: Told how many networks are measured, and of how many.

        Raises:
            DeviceLostError: The device is gone.
        """
        new = [each for each in kept_counts if each.tobytes() not in self._cache]
        for start in range(0, len(new), TOGETHER):
            show(start, len(new))
            self._measure(new[start : start + TOGETHER])
        return [self._cache[each.tobytes()] for each in kept_counts]

    def no_faster_layers(self, kept_counts: KeptCounts) -> list[str]:
        """Names of layers that lose MACs and, by the table, no time with `kept_counts[g]` units of each group."""
        graph = self.exporter.graph
        milliseconds, count = self.table.cost(graph, self.shapes).terms, macs(graph).terms
        fewer = count(kept_counts) < FEWER_MACS * count(graph.full)
        as_long = milliseconds(kept_counts) > SAME_TIME * milliseconds(graph.full)
        return [graph.layers[index].name for index in np.flatnonzero(fewer & as_long)]

    def save(self, folder: Path) -> None:
        """Write the table and what was measured into `folder`, for a search that goes on."""
        self.table.write(folder / TABLE_FILE)
        self.write(folder / MEASURED_FILE)

    def write(self, path: Path) -> None:
        """Write what was measured to a JSON file, for a search that is resumed."""
        networks = [_StoredNetwork(each.kept_counts.tolist(), each.share) for each in self.measured]
        of_layers, of_elements = self._factors.tolist()
        write_json(path, vars(_StoredCalibration(self.original, (of_layers, of_elements), networks)))

    def read(self, path: Path) -> None:
        """Take what `write` wrote in place of a calibration.

        Raises:
            UserError: There is no such file, or it has another form.
        """
        stored = checked(read_object(path), _StoredCalibration, path)
        groups = len(self.exporter.graph.groups)
        for each in stored.networks:
            if len(each.keeps) != groups:
                raise UserError(f"{path} is damaged: expected `keeps` of {groups} groups, got {len(each.keeps)}")
        self.original = stored.original_ms
        self._factors = np.array(stored.factors)
        self.measured = [MeasuredNetwork(np.array(each.keeps, dtype=np.int64), each.share) for each in stored.networks]
        self._cache = {each.kept_counts.tobytes(): each.share * self.original for each in self.measured}

    def _measure(self, batch: Sequence[KeptCounts]) -> None:
        graph = self.exporter.graph
        alike = np.zeros(graph.unit_count)  # which units stay makes no difference
        models = [self.exporter.compact(choose_units(graph, alike, kept_counts)) for kept_counts in batch]
        timing = self.device.measure([self.exporter.original, *models], PRECISION, SECONDS * (1 + len(models)))
        for kept_counts, ratio in zip(batch, timing.ratios[1:], strict=True):
            self.measured.append(MeasuredNetwork(kept_counts, ratio.value))
            self._cache[kept_counts.tobytes()] = ratio.value * self.original

    def _terms_of(self, graph: PruningGraph) -> LatencyTerms:
        return LatencyTerms.of(graph, self.table.cost(graph, self.shapes))
