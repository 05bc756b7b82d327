"""The latency table of a network's layers, printed and drawn."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from amc.latency.layer_latency import LayerLatency
from amc.latency.layer_shapes import LayerShape, shapes_of
from amc.latency.measuring_device import Device
from amc.latency.onnx_slicing import Exporter
from amc.latency.table import LatencyTable, default_path
from amc.utils.column_widths import Column
from amc.utils.files import write_bytes
from amc.utils.text_table import print_table
from scripts.command.latency_connection import complete_table


def show_layers(device: Device, exporter: Exporter, path: Path | None, pictures: Path | None) -> None:
    """Measure what the latency table lacks, print it, and draw each layer where a folder for pictures is given.

    Args:
        device: The device that measures.
        exporter: Exports the network and its layers.
        path: The table's file; None for the one in the user's cache folder.
        pictures: The folder for the pictures; None for no pictures.
    """
    path = path or default_path(device.fingerprint)
    table = complete_table(path, device, exporter, quiet=False)
    shapes = shapes_of(exporter.whole, exporter.graph)
    _print_times(table, shapes)
    print(f"{table.points} small networks measured in all, in {path}; {device.runtime}, {device.fingerprint['cpu']}")
    if pictures is not None:
        from agents.report.charts import as_png, latency_by_width  # matplotlib takes a while

        for number, shape in enumerate(dict.fromkeys(shapes.values())):
            times = table.layers[shape]
            surface = LayerLatency(shape, times.points, times.least)
            name = re.sub(r"\W+", "-", str(shape)).strip("-").lower()
            image = as_png(latency_by_width(shape, surface, times))
            write_bytes(pictures / f"{number:02d}-{name}.png", image)
        print(f"pictures in {pictures}")


def _print_times(table: LatencyTable, shapes: Mapping[int, LayerShape]) -> None:
    rows = []
    for shape, count in Counter(shapes.values()).items():
        times = table.layers[shape]
        share = LayerLatency(shape, times.points, times.least)(*times.least)
        left = f"{share * times.milliseconds:.4g} ({100 * share:.0f} %)"
        rows.append((str(shape), str(count), f"{times.milliseconds:.4g}", left, str(1 + len(times.points))))
    print_table(
        [
            Column("layer", is_text=True),
            Column("how often", gives_way=1),
            Column("ms"),
            Column("with the fewest channels"),
            Column("measured", gives_way=2),
        ],
        rows,
        "latency of the layers",
    )
