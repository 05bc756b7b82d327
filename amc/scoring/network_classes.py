"""The data's classes in the order of a network's outputs."""

from __future__ import annotations

from torch import Tensor, nn

from amc.data.class_mapping import map_classes
from amc.data.load import Splits
from amc.graph.inputs import Example
from amc.scoring.metrics import FIDELITY, check_runs, moved_inputs
from amc.utils.device import device_of
from amc.utils.errors import UserError
from amc.utils.option_names import option


def in_network_order(splits: Splits, model: nn.Module, class_names: tuple[str, ...] | None) -> Splits:
    """The splits with targets in the order of the network's outputs, as top1 and top5 compare the two.

    Args:
        splits: The images.
        model: The network, in evaluation mode, on any device.
        class_names: The names of its outputs, in order; None where they are not known.

    Raises:
        UserError: The network does not run on the images or returns no scores of classes, or has not the data's
            classes.
    """
    check_labels(splits)
    example = moved_inputs(splits.calibration.example(1), device_of(model))
    return map_classes(splits, _count(model, example), class_names)


def check_labels(splits: Splits) -> None:
    """Check that images have labels, which top1 and top5 compare with classes.

    Raises:
        UserError: They have none.
    """
    if not splits.is_labelled:
        raise UserError(
            f"top1 and top5 need the classes of images, which {splits.source or 'the data'} does not tell; give"
            f" {option('metric', FIDELITY)}"
        )


def _count(model: nn.Module, example: Example) -> int:
    """The number of classes that a network tells apart."""
    outputs = check_runs(model, example)
    if not isinstance(outputs, Tensor) or outputs.ndim != 2:
        raise UserError(
            "top1 and top5 need a network that returns one row of class scores per image; for other tasks give"
            f" {option('metric', 'miou')} (segmentation), {option('metric', 'map')} (detection),"
            f" {option('metric', FIDELITY)} or {option('metric', 'path/to/file.py:function')}"
        )
    return outputs.shape[1]
