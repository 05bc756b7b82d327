"""The connection of a search to the device whose latency counts, with its latency table and a calibration."""

from __future__ import annotations

import contextlib
import statistics
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from torch import nn

from amc.analysis.analyse import analyse
from amc.artifacts.snapshots import CHECKPOINT_FOLDER
from amc.cost.costs import LATENCY
from amc.cost.limit import Limit, parse_limit
from amc.graph.inputs import Example
from amc.latency.device_rounding import device_rounding
from amc.latency.latency_model import MEASURED_FILE, TABLE_FILE, LatencyModel
from amc.latency.layer_latency import GRAIN
from amc.latency.layer_shapes import shapes_of
from amc.latency.measuring_device import Device
from amc.latency.onnx_slicing import Exporter
from amc.latency.table import LatencyTable, default_path, read_table
from amc.latency.table_building import build, least_widths, missing
from amc.latency.target import parse_target
from amc.utils.progress_bar import progress_bar
from scripts.command.search_checks import limits_of
from scripts.options.latency_options import DEVICE
from scripts.options.network_and_images import join_repeated, parse_rounding
from scripts.options.scoring_options import ScoringOptions
from scripts.options.search_options import SearchOptions

MEASURING = "measuring layers for the latency table"
CALIBRATING = "measuring networks to calibrate the latency"
FOCUSING = "measuring networks near the latency budget"


@contextlib.contextmanager
def connect(options: SearchOptions, model: nn.Module, example: Example, folder: Path) -> Iterator[LatencyModel]:
    """The calibrated latency model of a search in the run folder `folder`; the connection ends with the context.

    A search that is resumed has the table and the calibration that it began with.

    Raises:
        UserError: A device that can't be reached, or measures nothing; a network that can't be exported.
    """
    model = model.eval().cpu()
    channels = options.channels
    step = GRAIN if channels.round_to == DEVICE else parse_rounding(channels.round_to) or GRAIN
    graph = analyse(
        model, example, step, channels.max_sparsity, join_repeated(channels.freeze), join_repeated(channels.only)
    )
    begun = folder / CHECKPOINT_FOLDER
    with Device(parse_target(options.latency.target), options.latency.target_threads) as device:
        exporter = Exporter(model, graph, example)
        if (begun / MEASURED_FILE).is_file():
            latency_model = LatencyModel(device, exporter, read_table(begun / TABLE_FILE, device.fingerprint))
            latency_model.read(begun / MEASURED_FILE)
        else:
            path = options.latency.latency_table or default_path(device.fingerprint)
            latency_model = LatencyModel(device, exporter, complete_table(path, device, exporter, quiet=options.quiet))
            with progress_bar(CALIBRATING, quiet=options.quiet) as bar:
                latency_model.calibrate(options.seed, partial(bar.advance, CALIBRATING))
            for limit in _limits(options, latency_model):
                with progress_bar(FOCUSING, quiet=options.quiet) as bar:
                    latency_model.focus(limit.most, options.seed, partial(bar.advance, FOCUSING))
            if not options.quiet:
                print(f"latency: {_how_well(latency_model)}", file=sys.stderr)
        yield latency_model


def _limits(options: SearchOptions, latency_model: LatencyModel) -> list[Limit]:
    """The latency budget in a list, which is empty where there is none or it can't be reached."""
    graph = latency_model.exporter.graph
    asked = [limit for limit in limits_of(options) if limit.partition("=")[0] == LATENCY]
    limits = [parse_limit(limit, graph, costs=latency_model.costs) for limit in asked]
    return [limit for limit in limits if limit.cost(graph.least) <= limit.most]


def _how_well(latency_model: LatencyModel) -> str:
    errors = latency_model.held_out_errors
    return (
        f"original: {latency_model.original:.4g} ms on {latency_model.device.target}; {len(errors)} random compact"
        f" networks are predicted to within {statistics.median(errors):.1%} in the median, {errors[-1]:.1%} at most"
    )


def complete_table(path: Path, device: Device, exporter: Exporter, *, quiet: bool) -> LatencyTable:
    """The latency table in a file, with the layers of the exported network, which are measured where it lacks them.

    The file is written after each batch of measurements, so that an interrupted call loses little.

    Raises:
        UserError: A table of another device, or what `Device.measure` raises.
    """
    table = read_table(path, device.fingerprint) if path.is_file() else LatencyTable(device.fingerprint)
    shapes = shapes_of(exporter.whole, exporter.graph)
    layers = len(missing(table, least_widths(exporter.graph, shapes, exporter.graph.least)))
    if layers:
        with progress_bar(MEASURING, layers, quiet=quiet) as bar:

            def on_batch(done: int) -> None:
                table.write(path)
                bar.advance(MEASURING, done, layers)

            build(table, device, exporter.graph, shapes, exporter.whole, on_batch)
    return table


def rounding_step(options: ScoringOptions, latency_model: LatencyModel | None) -> int | None:
    """The step of `--round-to` in channels; None where each group gets the step that suits it.

    With `--round-to device` the step is read from the latency table; with auto, and where latency counts, it is the
    grain of that table.
    """
    if options.channels.round_to != DEVICE:
        return parse_rounding(options.channels.round_to) or (GRAIN if latency_model else None)
    assert latency_model is not None, "the search wants latency"
    return device_rounding(latency_model.exporter.graph, latency_model.cost(latency_model.exporter.graph))
