"""The page docs/coverage.md, which the rows of benchmarks.coverage are written to."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.runs import percent

Row = dict[str, Any]
"""All that is shown of one network, by name (`benchmarks.coverage_row.row`)."""

HEAD = """# Coverage

`python -m benchmarks.coverage` writes this file: every network is built with random weights, traced, grouped, checked
against itself, cut three ways (to the least, to random numbers of channels, by a quarter), saved, loaded in a new
process, exported to ONNX, and pruned again. That takes hours, so rows are kept in `docs/coverage.json` as they are
made, and those that it has are not made again: name another file by `--out` to make all. The largest vision
transformers need up to 15 GB each: where two of them do not fit at once, make their rows first, with `--only
'torchvision:vit_*' --workers 1`.

- *MACs left*: the least that pruning can leave with at most 80 % of each group cut.
- *error*: the largest difference, relative to the largest output, between a compact network and the original whose
  consumers see zeros in place of the cut channels, inside the operator, with random parameters and statistics.
- *analysis*: seconds of one processor for tracing one forward pass and grouping; *check*: for the self-check.
- *memory*: what the peak of the process grew by during the analysis, over that of building the network, and what it
  may: the network and three times its largest activation (and 48 MB of what any first forward pass loads).
- *ONNX*: the largest difference of ONNX Runtime to the compact network in memory, relative to the largest output; a
  dash where the original can't be exported either.
- *frozen*: the reasons for which most channels can't be cut, with the operator and the module where it was first met.
- *torch-pruning* (where it is installed): what its magnitude pruner leaves, asked to cut 80 % of all but the classes.
- MACs are of convolutions and linear layers for one image, and equal `torch.utils.flop_counter`'s halved, for the
  original and for the compact network; otherwise the row has a failure.

**Norms over channels.** A group norm takes its statistics over each of its groups of channels: whole norm groups are
cut, which leaves the statistics of the others as they were, so the compact network is exact and is checked like any
other. Any other norm or statistic over channels (a layer norm, a group norm with one group, a mean, a maximum, a
length) is taken over the channels that are left. That is not what the original computes, so the oracle is another: in
the original the same statistic is taken over the channels that stay. Products of activations, of which attention is
made, are summed over the channels that stay, too.

**Computed weights.** A standardised or normed weight depends on all inputs of its channel. When a network is loaded,
convolutions and linear layers that compute their weights become plain ones with what they computed
(`amc/pruning/materialise_weights.py`), or ones that pad by the size of their input, where that gives the same outputs;
others are frozen.

"""


def document(rows: Sequence[Row], total: int) -> str:
    """The page in Markdown: a summary, then a row for each network that was tried, of `total` networks."""
    seconds = [row["seconds"] for row in rows]
    failed = sum(bool(row["failure"]) for row in rows)
    slowest = max(rows, key=lambda row: row["seconds"])
    machines = "; ".join(sorted({row["machine"] for row in rows}))
    theirs = any("torch_pruning" in row for row in rows)
    lines = [
        f"{len(rows)} of {total} networks, {failed} failures;"
        f" analysis {statistics.median(seconds):.1f} s in the median,"
        f" {slowest['seconds']:.1f} s at most ({slowest['name']}). {machines}, one thread.",
        "",
        "| network | groups | MACs | MACs left | error | analysis | memory | check | ONNX | frozen | failure |"
        + (" torch-pruning |" if theirs else ""),
        "|---|---|---|---|---|---|---|---|---|---|---|" + ("---|" if theirs else ""),
    ]
    for row in rows:
        cells = [
            row["name"],
            str(row["groups"]),
            f"{row['macs'] / 1e6:,.1f} M",
            percent(row["least_macs_share"]),
            f"{row['max_relative_error']:.0e}",
            f"{row['seconds']:.1f} s",
            f"{row['memory']:.0f} of {row['memory_allowed']:.0f} MB",
            f"{row['check_seconds']:.1f} s",
            f"{row['onnx']:.0e}" if isinstance(row["onnx"], float) else "-",
            row["frozen"],
            row["failure"],
            *([row.get("torch_pruning", "")] if theirs else []),
        ]
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return HEAD + "\n".join(lines) + "\n"
