"""The metric of detection: mean average precision as COCO defines it."""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from amc.graph.inputs import feed
from amc.utils.errors import UserError

FOUND, WANTED = ("boxes", "scores", "labels"), ("boxes", "labels")
"""What is read of the detections and of the target of an image."""


@dataclass(frozen=True)
class MeanAveragePrecision:
    """COCO's average precision, a mean over classes and overlaps from 0.5 to 0.95, in [0, 1], by pycocotools.

    The network returns, and targets are, a dictionary for each image as torchvision's detectors have them: `boxes`
    `(k, 4)` by their corners and `labels` `(k,)`, with `scores` `(k,)` of what is found. A target may say `iscrowd`.
    """

    def __call__(self, model: nn.Module, batches: Iterable[tuple[Any, Any]]) -> float:
        """The average precision of a network on batches of images and targets.

        Raises:
            UserError: pycocotools is not installed, outputs or targets are others, or no image has an object.
        """
        tools = _tools()
        found: list[dict[str, Any]] = []
        wanted: list[dict[str, Any]] = []
        images = 0
        with torch.inference_mode():
            for inputs, targets in batches:
                for detected, target in zip(_listed(feed(model, inputs), FOUND), _listed(targets, WANTED), strict=True):
                    images += 1
                    found += _rows(images, detected)
                    wanted += _rows(images, target)
        if not wanted:
            raise UserError("map needs objects to find, and no image has one")
        with contextlib.redirect_stdout(io.StringIO()):  # each step prints
            truth = _index(tools, wanted, images)
            evaluation = tools.cocoeval.COCOeval(truth, _index(tools, found, images), "bbox")
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        return max(0.0, float(evaluation.stats[0]))


def _tools() -> Any:
    try:
        for name in ("coco", "cocoeval"):
            importlib.import_module(f"pycocotools.{name}")
        return importlib.import_module("pycocotools")
    except ImportError as error:
        raise UserError("map needs pycocotools; install it with: pip install 'amc-pruning[detection]'") from error


def _listed(given: Any, names: tuple[str, ...]) -> list[dict[str, Tensor]]:
    parts = list(given) if isinstance(given, list | tuple) else [given]
    for part in parts:
        if not isinstance(part, dict) or not all(isinstance(part.get(name), Tensor) for name in names):
            got = f"a dictionary of {', '.join(map(str, part))}" if isinstance(part, dict) else type(part).__name__
            raise UserError(
                f"map needs a dictionary of {', '.join(names)} for each image, as torchvision's detectors return and"
                f" take them, got {got}; give data as coco:IMAGES,ANNOTATIONS.json, or of a function"
            )
    return parts


def _rows(image: int, given: dict[str, Tensor]) -> list[dict[str, Any]]:
    """The boxes of an image as COCO's annotations have them."""
    corners = given["boxes"].double().cpu()
    sizes = corners[:, 2:] - corners[:, :2]
    columns = {
        "bbox": torch.cat([corners[:, :2], sizes], dim=1).tolist(),
        "area": sizes.prod(dim=1).tolist(),
        "category_id": given["labels"].tolist(),
        "iscrowd": given["iscrowd"].tolist() if "iscrowd" in given else [0] * len(corners),
    }
    if "scores" in given:
        columns["score"] = given["scores"].tolist()
    rows = zip(*columns.values(), strict=True)
    return [{"image_id": image, **dict(zip(columns, row, strict=True))} for row in rows]


def _index(tools: Any, rows: list[dict[str, Any]], images: int) -> Any:
    """The boxes of all images in pycocotools's own form."""
    index = tools.coco.COCO()
    index.dataset = {
        "images": [{"id": number} for number in range(1, images + 1)],
        "annotations": [{"id": number, **row} for number, row in enumerate(rows, start=1)],
        "categories": [{"id": each} for each in sorted({row["category_id"] for row in rows})],
    }
    index.createIndex()
    return index
