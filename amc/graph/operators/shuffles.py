"""Operators that take channels apart by a number and put them together again."""

from __future__ import annotations

import numpy as np

from amc.graph.channels import Label
from amc.graph.notes import Call, Watch
from amc.graph.views import tie_pieces


def channel_shuffle(watch: Watch, call: Call) -> None:
    """`(groups, width)` becomes `(width, groups)`: every group loses the same channels."""
    labels, groups = watch.labels(call.tensors()[0]), call.arguments["groups"]
    label = labels[1]
    if label is not None:
        label = np.repeat(tie_pieces(watch.channels, label.reshape(groups, -1), axis=1), groups)
    watch.label(call.out, (labels[0], label, *labels[2:]))


def pixel_shuffle(watch: Watch, call: Call) -> None:
    """The `factor ** 2` channels that one channel is made of go together."""
    *batch, label, _, _ = watch.labels(call.tensors()[0])
    if label is not None:
        label = tie_pieces(watch.channels, label.reshape(-1, call.arguments["upscale_factor"] ** 2), axis=0)
        label = label if len(label) > 1 else None
    watch.label(call.out, (*batch, label, None, None))


def repeat(watch: Watch, call: Call) -> None:
    """Each axis several times over."""
    x = call.tensors()[0]
    times = call.arguments["repeats"]
    fresh: list[Label] = [None] * (len(times) - x.ndim)
    labels = [
        None if label is None else np.tile(label, count)
        for label, count in zip(watch.labels(x), times[len(fresh) :], strict=True)
    ]
    watch.label(call.out, (*fresh, *labels))
