"""The score of a network before anything is done to it, and whether inputs and outputs are sound."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from amc.data.images import Images
from amc.data.targets import are_whole
from amc.graph.inputs import tensors
from amc.graph.trace_forward import output_tensors, preserve_state
from amc.scoring.chance_level import Predictions, is_near_chance_level
from amc.scoring.metrics import Batches, Metric, find_metric, moved, top_k
from amc.utils.errors import UserError
from amc.utils.option_names import option
from amc.utils.registry import name_of
from amc.utils.text import one_line


@dataclass(frozen=True)
class CheckedScore:
    """The score of a network, beside that of answers at random.

    Attributes:
        metric: The name of the metric.
        value: The score.
        images: The number of images that were scored.
        chance: The score of answers at random, in [0, 1]; None where that is not known, as for a user's own metric.
    """

    metric: str
    value: float
    images: int
    chance: float | None

    @property
    def is_near_chance(self) -> bool:
        """Whether the network hardly does better than answers at random."""
        return self.chance is not None and is_near_chance_level(self.value, self.chance, self.images)


def checked_score(
    network: nn.Module, images: Images, metric: str | Metric, batch_size: int, device: torch.device
) -> CheckedScore:
    """Score a network in evaluation mode, in one pass; global random numbers and its buffers stay as they are.

    Args:
        network: The network, on the device.
        images: The images; all are scored.
        metric: The metric (`amc.scoring.metrics.find_metric`).
        batch_size: The number of images of a forward pass.
        device: Where images are moved.

    Raises:
        UserError: The network fails, inputs or outputs are not finite numbers, targets are no classes of the network,
            or the metric fails or returns no finite number.
    """
    score = find_metric(metric)
    observer = _Observer(top_k(score))
    with preserve_state(network), _observed(network, observer):
        try:
            value = score(network, observer.noted(moved(images.batches(batch_size), device)))
        except UserError:  # outputs that are not finite are why
            observer.check()
            raise
        except RuntimeError as error:
            is_of_gradients = "does not require grad" in str(error)
            why = "; it is run under torch.inference_mode, where none are computed" if is_of_gradients else ""
            raise UserError(f"the network fails on images of the data: {one_line(error)}{why}") from error
    observer.check()
    return CheckedScore(name_of(metric), value, len(images), observer.answers.chance if observer.answers else None)


class _Observer:
    """Notes what a network reads and returns while it is scored.

    Args:
        k: The number of classes that it predicts for each image; None where its outputs are no scores of classes.
    """

    def __init__(self, k: int | None) -> None:
        self._k = k
        self._named: list[Tensor] = []
        self._targets: list[Tensor] = []
        self._classes = 0
        self._finite: dict[str, Tensor] = {}

    def noted(self, batches: Batches) -> Iterator[tuple[Any, Any]]:
        """Pass batches on, and note their targets where they are classes."""
        for inputs, targets in batches:
            if self._k is not None:
                _check_form(targets)
                self._targets.append(targets)
            yield inputs, targets

    def note(self, _: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Note one forward pass, as a forward hook; this waits for no device."""
        self._note_finite("given", tensors(inputs))
        self._note_finite("returned", output_tensors(output))
        if self._k is not None:
            self._classes = output.shape[1]
            self._named.append(output.topk(min(self._k, self._classes), dim=1).indices)

    @property
    def answers(self) -> Predictions | None:
        """The predictions so far; None where they are not known, as of a network that calls itself."""
        named, targets = ([row for part in parts for row in part.tolist()] for parts in (self._named, self._targets))
        return Predictions(named, targets, self._classes) if named and len(named) == len(targets) else None

    def check(self) -> None:
        """Raise a UserError where a number was not finite, or a target is no class of the network."""
        if not self._is_finite("given"):
            raise UserError(
                "the data gives inputs that are not finite (NaN or infinite); mend the images, or what prepares them"
            )
        if not self._is_finite("returned"):
            raise UserError(
                "the network returns numbers that are not finite (NaN or infinite) for images of the data; check its"
                f" {option('weights')} and how images become inputs ({option('mean')}, {option('std')},"
                f" {option('image_size')})"
            )
        if self._targets and self._classes:
            least, most = (int(each) for each in torch.cat(self._targets).aminmax())
            if not 0 <= least <= most < self._classes:
                raise UserError(
                    f"the data has targets from {least} to {most}, and the network gives {self._classes} scores for an"
                    f" image, of classes from 0 to {self._classes - 1}: number the classes from 0, or give"
                    f" {option('metric', 'path/to/file.py:function')} where a score is no class's"
                )

    def _note_finite(self, what: str, found: list[Tensor]) -> None:
        for tensor in found:
            if tensor.is_floating_point() or tensor.is_complex():
                is_finite = torch.isfinite(tensor).all()
                known = self._finite.get(what)
                self._finite[what] = is_finite if known is None else known & is_finite

    def _is_finite(self, what: str) -> bool:
        known = self._finite.get(what)
        return known is None or bool(known)


def _check_form(targets: Any) -> None:
    if not isinstance(targets, Tensor) or targets.ndim != 1 or not are_whole(targets):
        form = type(targets).__name__
        if isinstance(targets, Tensor):
            form = f"tensors of {str(targets.dtype).removeprefix('torch.')} and shape {tuple(targets.shape)}"
        raise UserError(
            f"top1 and top5 compare classes with one whole number for each image, and the data gives {form} for a"
            f" batch; give those numbers (of rows with a single 1: targets.argmax(1)), or"
            f" {option('metric', 'path/to/file.py:function')}"
        )


@contextmanager
def _observed(network: nn.Module, observer: _Observer) -> Iterator[None]:
    hook = network.register_forward_hook(observer.note)
    try:
        yield
    finally:
        hook.remove()
