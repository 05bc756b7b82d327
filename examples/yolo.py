"""A detector of the `ultralytics` package: pruned, tuned and put back into its `YOLO` object; no labels are needed.

    python examples/yolo.py --weights yolo11n.pt --images photos --out runs/yolo11n

The package is not installed with this one, see docs/yolo.md.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn

import amc


class Heads(nn.Module):
    """What a detector computes before boxes are decoded: the distributions of their sides, and scores of classes.

    Args:
        network: The detector, `YOLO(...).model`.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return `boxes` `(n, 4 * bins, anchors)` and `scores` `(n, classes, anchors)` of `images` `(n, 3, h, w)`."""
        found = self.network(images)
        heads = found if isinstance(found, dict) else found[1]  # in evaluation mode, decoded boxes come first
        return {name: heads[name] for name in ("boxes", "scores")}


def take_out(yolo: Any) -> Heads:
    """A copy of the detector inside a `YOLO` object, which stays as it is, ready to be pruned and tuned."""
    network = copy.deepcopy(yolo.model).float()
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(".dfl." not in name)  # files of weights leave all fixed; bins are constants
    return Heads(network).eval()


def put_back(yolo: Any, heads: Heads) -> Any:
    """Give a `YOLO` object the detector inside `heads`, and return it."""
    yolo.model = copy.deepcopy(heads.network)
    return yolo


def mean_average_precision(weights: str, images: str, size: int) -> Callable[[Heads, Any], float]:
    """A metric: the mAP at 50 to 95 % that the package's `val` finds, on the images of one of its data files.

    Args:
        weights: The original detector's file.
        images: The data file, such as `coco128.yaml`.
        size: Height and width in pixels.
    """
    from ultralytics import YOLO

    def metric(heads: Heads, batches: Any) -> float:
        del batches
        found = put_back(YOLO(weights), heads).val(data=images, imgsz=size, plots=False, verbose=False)
        return float(found.box.map)

    return metric


def run(yolo: Any, data: Any, out: Path, *, metric: Any = "fidelity", epochs: int = 3, **options: Any) -> None:
    """Prune the detector of a `YOLO` object and tune it on its own outputs; the object holds the smaller one then.

    Args:
        yolo: The object.
        data: The images, as `amc.load_data` returns them.
        out: A new folder for the result.
        metric: What the search compares networks by.
        epochs: Epochs of tuning.
        **options: Options of the search (`amc.search`).
    """
    heads = take_out(yolo)
    pruned = amc.search(heads, data, metric=metric, **options)
    tuned = amc.finetune(pruned, epochs=epochs, batch_size=16, metric="fidelity")
    tuned.save(out)
    put_back(yolo, amc.load(out, model=heads))  # type: ignore[arg-type]


def main() -> None:
    """Run the example as a command, and show that the package works with the smaller detector."""
    from ultralytics import YOLO

    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", default="yolo11n.pt", help="file of the detector")
    parser.add_argument("--images", required=True, help="folder of images; no labels are needed")
    parser.add_argument("--image-size", type=int, default=640, help="height and width in pixels")
    parser.add_argument("--map", help="a data file of the package, such as coco128.yaml: search by mAP on it")
    parser.add_argument("--budget", default="macs=0.5", help="what may be left")
    parser.add_argument("--strategy", default="uniform", help="how the policy is found, such as ddpg")
    parser.add_argument("--episodes", type=int, default=100, help="policies that are scored, at the most")
    parser.add_argument("--epochs", type=int, default=3, help="epochs of tuning")
    parser.add_argument("--out", type=Path, default=Path("runs/yolo"), help="a new folder for the result")
    given = parser.parse_args()
    size = given.image_size
    data = amc.load_data(f"images:{given.images}", image_size=size, mean=[0.0] * 3, std=[1.0] * 3)
    metric = mean_average_precision(given.weights, given.map, size) if given.map else "fidelity"
    yolo = YOLO(given.weights)
    options = {"budget": given.budget, "strategy": given.strategy, "episodes": given.episodes}
    run(yolo, data, given.out, metric=metric, epochs=given.epochs, **options)
    yolo.save(given.out / "compact.pt")
    YOLO(given.out / "compact.pt").export(format="onnx", imgsz=size)
    yolo.predict(given.images, imgsz=size, save=True)
    if given.map:
        yolo.val(data=given.map, imgsz=size)


if __name__ == "__main__":
    main()
