"""The options that say how the networks of a search are made and scored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from amc.utils.defaults import AUTO, DEFAULT_CRITERION, DEFAULT_RECOVERY, SEARCH_RECOVERY
from amc.utils.errors import UserError
from scripts.options.latency_options import DEVICE
from scripts.options.network_and_images import ChannelOptions, parse_rounding
from scripts.options.option_types import Form, Name


@dataclass(frozen=True)
class ScoringOptions:
    """The way in which networks are made and scored."""

    metric: Name = "top1"
    """How a network is scored: top1, top5, miou (segmentation), map (detection), fidelity (how near its outputs are to
    the original's, from 0 to 1, without labels) or path/to/file.py:function (of a model and batches; larger is
    better)."""
    output_kind: Annotated[str, Form("KIND")] | None = None
    """What the network's outputs are where they are compared: scores (of classes, before a softmax) or values, for all
    or by name, as logits=scores,boxes=values. Default: scores for top1 and top5, else values."""
    score: Name = AUTO
    """What the search compares networks by: fidelity (to the original's class probabilities; tells good networks apart
    on fewer images), loss, accuracy, or auto (fidelity for top1 and top5, else the metric)."""
    reward_images: int | None = None
    """Images of the reward split that the search scores with; the end scores with all. Default: all."""
    channels: ChannelOptions = field(default_factory=ChannelOptions)
    criterion: Name = DEFAULT_CRITERION
    """Which channels stay, by what they are to the layers that read them: auto (obs, or l1 for those that a depthwise
    convolution passes on), obs (those that the others could not make up for), l1, l2, taylor, thinet or nisp; or those
    that were never the best where it was measured: bn_scale, apoz, lasso, lda, random; or path/to/file.py:function (of
    what calibration says of the network; the importance of each unit)."""
    recovery: Name = DEFAULT_RECOVERY
    """What is done after the channels of the network that is kept are cut: auto (the better of the next two on this
    network), asymmetric (least squares layer after layer, on what the pruned network reads), both (least squares on
    what the original reads, then batch-norm statistics), blockwise (auto, then training by gradients of what is
    kept), closed_form (as both, but statistics without a pass), reconstruction, statistics or none; or
    path/to/file.py:function (of the compact network, the original and the mask; it changes the former)."""
    search_recovery: Name = SEARCH_RECOVERY
    """What is done after the channels of the networks that the search scores are cut: as --recovery, but for
    blockwise; auto is decided on the uniform policy: both, which is quicker, unless asymmetric is surely better."""
    device: Name = "auto"
    """Device that networks run on: cpu, cuda, or auto for a GPU if there is one."""
    workers: int = 1
    """Processes that score policies, each with its share of the threads."""
    engine: Name = "processes"
    """Engine that runs workers: processes (of this machine), ray (the cluster of RAY_ADDRESS, or one here) or
    path/to/file.py:function (of candidates and --workers)."""
    round_size: int | None = None
    """Policies that are decided on before any of them is scored. The result depends on it, and not on the workers.
    Default: 1 for one worker, else two for each."""
    quiet: bool = False
    """Print nothing but mistakes."""

    def check(self) -> None:
        """Raise a UserError for a value that is out of its range."""
        for name in ("reward_images", "workers", "round_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"expected --{name.replace('_', '-')} above 0, got {value}")
        if self.channels.round_to != DEVICE:
            parse_rounding(self.channels.round_to)

    @property
    def episodes_at_once(self) -> int:
        """The number of policies that are decided on before any of them is scored."""
        return self.round_size or (1 if self.workers == 1 else 2 * self.workers)
