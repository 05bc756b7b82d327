"""What each ATen operator does to the labels of its tensors.

`RULES` maps an operator's bare name (in-place underscore dropped) to its rule. Operators that PyTorch itself tags as
pointwise need no entry. An operator without a rule freezes every labelled channel that it reads, and is named as the
reason. Read `layers` and `elementwise` first, then `views`, `attention`, `joins`, `indexing`, `statistics` and
`shuffles`.

- atom: the identity of one channel, an integer (`amc.graph.channels`).
- label: the atoms of one axis of a tensor, or None where the axis holds no known channels.
- tie: to record that the channels of two labels, position by position, stay or go together.
- freeze: to record that no channel of a label can be cut, and why.

Some operators must be named elsewhere too: one that is a layer in `LAYERS` and a batch norm in `NORMS`, both of
`amc/graph/layer_calls.py`. A norm whose arguments tell its number of channels in another way than layer norm and group
norm do needs a case in `amc/pruning/masked_statistics.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from amc.graph.operators.attention import add, bmm, scale, scaled_dot_product
from amc.graph.operators.elementwise import constant, identity, pointwise, uninitialised, unknown
from amc.graph.operators.indexing import index, pad, put, rearrange, select, slice_axis, split
from amc.graph.operators.joins import concatenate, stack
from amc.graph.operators.layers import addmm, convolution, mm
from amc.graph.operators.shuffles import channel_shuffle, fold, glu, pixel_shuffle, pixel_unshuffle, repeat, unfold
from amc.graph.operators.statistics import along, argmax, batch_norm, group_norm, layer_norm, reduction, spatial, unpool
from amc.graph.operators.views import expand, permute, reshape, restride
from amc.graph.trace import Call, Trace

Rule = Callable[[Trace, Call], None]
"""A function that records in a trace what one operator call does to channels."""

RULES: dict[str, Rule] = {
    name: rule
    for rule, names in (
        (convolution, "convolution"),
        (addmm, "addmm"),
        (mm, "mm"),
        (bmm, "bmm baddbmm"),
        (
            scaled_dot_product,
            "_scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_flash_attention"
            " _scaled_dot_product_efficient_attention _scaled_dot_product_cudnn_attention"
            " _scaled_dot_product_fused_attention_overrideable",
        ),
        (add, "add"),
        (scale, "mul div"),
        (
            batch_norm,
            "native_batch_norm cudnn_batch_norm miopen_batch_norm _native_batch_norm_legit"
            " _native_batch_norm_legit_no_training _batch_norm_with_update _batch_norm_no_update",
        ),
        (group_norm, "native_group_norm"),
        (layer_norm, "native_layer_norm _fused_rms_norm"),
        (
            pointwise,
            "copy fill zero hardswish _prelu_kernel bernoulli native_dropout"
            " zeros_like ones_like full_like empty_like rand_like randn_like",
        ),
        (uninitialised, "new_empty"),
        (constant, "new_zeros new_ones new_full"),
        (identity, "detach alias lift_fresh clone _to_copy"),
        (
            spatial,
            "max_pool2d_with_indices max_pool3d_with_indices avg_pool1d avg_pool2d avg_pool3d _adaptive_avg_pool2d"
            " _adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d upsample_nearest1d upsample_nearest2d"
            " upsample_nearest3d _upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d"
            " upsample_linear1d upsample_bilinear2d upsample_bicubic2d upsample_trilinear3d _upsample_bilinear2d_aa"
            " reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d"
            " grid_sampler_2d grid_sampler_3d fractional_max_pool2d fractional_max_pool3d roi_align roi_pool",
        ),
        (unpool, "max_unpool2d max_unpool3d"),
        (reduction, "mean sum amax amin max min var var_mean std std_mean logsumexp linalg_vector_norm"),
        (argmax, "argmax argmin"),
        (along, "_softmax _safe_softmax _log_softmax cumsum sort"),
        (reshape, "view _unsafe_view unsqueeze squeeze"),
        (permute, "permute transpose t"),
        (expand, "expand"),
        (restride, "as_strided"),
        (pad, "constant_pad_nd"),
        (slice_axis, "slice"),
        (split, "split split_with_sizes"),
        (repeat, "repeat"),
        (select, "select unbind"),
        (rearrange, "roll flip"),
        (concatenate, "cat"),
        (stack, "stack"),
        (put, "index_put"),
        (index, "index embedding"),
        (pixel_shuffle, "pixel_shuffle"),
        (pixel_unshuffle, "pixel_unshuffle"),
        (unfold, "im2col"),
        (fold, "col2im"),
        (glu, "glu"),
        (channel_shuffle, "channel_shuffle native_channel_shuffle"),
    )
    for name in names.split()
}
"""The rule of each operator, by its bare name."""


def apply_rule(trace: Trace, func: Any, call: Call) -> None:
    """Record in `trace` what one operator call did, by the rule of its operator."""
    trace.follow_images(call)
    trace.read_positions(call.tensors())
    rule = RULES.get(call.name.rstrip("_"))
    if rule is None and torch.Tag.pointwise in func.tags:
        rule = pointwise
    if rule is not batch_norm:
        trace.read_elsewhere |= {layer for t in call.tensors() if (layer := trace.info(t).layer) is not None}
    (rule or unknown)(trace, call)
    trace.sources.move(call.name, func, call.arguments, call.out)
    trace.add_result(call)
    trace.add_memory(call, is_elementwise=rule in (pointwise, add, scale, batch_norm))
