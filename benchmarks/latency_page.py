"""The page docs/latency.md, which the rows of benchmarks.latency are written to."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.runs import percent

Row = dict[str, Any]
"""All that is measured of one network, by name."""

HEAD = """# Latency, predicted and measured

`python -m benchmarks.latency` writes this file. For each network, with random weights: its table of layers is built
from nothing, calibrated on 24 random compact networks measured end to end, and tried on 40 others.

- *error*: of the prediction relative to the measurement, over those 40.
- *table*, *points*: how long the table took, and how many small networks were measured for it; *calibration* likewise.
- *least*: what the network takes of the original's time with at most 80 % of each group cut.
- *asked, met*: a budget as share of the original's latency; all widths are scaled by one factor until the prediction
  fits, the network is measured, and the budget is moved where it was off by over 2 %. *tries*: how often that was done.
- *ten processes*: the same compact network compared with the original in ten new processes: the ratio's largest
  distance from the median of the ten.

"""


def document(rows: Sequence[Row]) -> str:
    """The page in Markdown: the device, and a row for each network."""
    place = rows[0]["fingerprint"]
    lines = [
        f"{place['cpu']}, {place['runtime']}, {place['threads']} thread, one image.",
        "",
        "| network | original | error, median | 95 % below | table | points | calibration | least | asked | met | tries"
        " | ten processes |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        middle = statistics.median(row["ratios"])
        cells = [
            f"{row['name']}, {row['size']} px",
            f"{row['original_ms']:.2f} ms",
            percent(row["median_error"]),
            percent(row["error_95"]),
            f"{row['table_seconds']:.0f} s",
            str(row["points"]),
            f"{row['calibration_seconds']:.0f} s",
            percent(row["least_share"]),
            percent(row["asked"]),
            percent(row["share"]),
            str(row["tries"]),
            percent(max(abs(ratio / middle - 1) for ratio in row["ratios"])),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return HEAD + "\n".join(lines) + "\n"
