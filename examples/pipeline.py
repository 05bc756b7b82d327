"""What both examples do: train a network, prune it to half of its MACs, tune it with and without labels, compare."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from shapes import SIZE, write
from torch import nn

import amc

BUDGET = "macs=0.5"
BATCH = 16


@dataclass(frozen=True)
class Example:
    """A network and its task.

    Attributes:
        name: What it is called.
        build: Makes the network with random weights.
        loss: The loss of a network on inputs and targets, or several by name.
        metric: The metric.
        data: The text that names the images, from their folder.
        mean: The mean of pixels that is taken from each colour.
        std: The deviation that it is divided by.
        to_export: The part of a network that is exported.
        epochs: The epochs of the original's training.
    """

    name: str
    build: Callable[[], nn.Module]
    loss: Callable[[nn.Module, Any, Any], Any]
    metric: str
    data: Callable[[Path], str]
    mean: float
    std: float
    to_export: Callable[[nn.Module], nn.Module]
    epochs: int


@dataclass
class Times:
    """Seconds by what they were spent on."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Measure what runs while the context is open."""
        begun = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - begun


def main(example: Example) -> None:
    """Run the example as a command, and print its table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("runs") / example.name, help="a new folder for all files")
    parser.add_argument(
        "--images", type=int, default=1500, help="images to train on; a fifth as many for val, and for test"
    )
    parser.add_argument("--epochs", type=int, default=example.epochs, help="epochs of the original's training")
    parser.add_argument("--tuning-epochs", type=int, default=3, help="epochs of each fine-tuning")
    print(run(example, **vars(parser.parse_args())))


def run(example: Example, out: Path, images: int, epochs: int, tuning_epochs: int) -> str:
    """Run the example in a new folder, and return its table."""
    torch.manual_seed(0)
    times, networks = Times(), {}
    write(out / "shapes", {"train": images, "val": images // 5, "test": images // 5})
    data = amc.load_data(example.data(out / "shapes"), image_size=SIZE, mean=[example.mean] * 3, std=[example.std] * 3)
    network = example.build()
    with times.of("original"):
        train(network, example.loss, data.train, epochs)

    def pruned(recovery: str) -> Any:
        return amc.search(network, data, BUDGET, strategy="uniform", metric=example.metric, recovery=recovery)

    def tuned(**options: Any) -> Any:
        return amc.finetune(recovered, epochs=tuning_epochs, batch_size=BATCH, lr=1e-3, flip=True, **options)

    networks["original"] = network
    with times.of("pruned"):
        networks["pruned"] = pruned("none").network
    with times.of("recovered"):
        recovered = pruned("auto")
        networks["recovered"] = recovered.network
    with times.of("tuned without labels"):
        networks["tuned without labels"] = tuned().network
    with times.of("tuned with labels"):
        result = tuned(loss=example.loss, distillation=0.5)
        networks["tuned with labels"] = result.network
    result.save(out / "tuned")
    compact = amc.load(out / "tuned", model=example.build())
    amc.export(example.to_export(compact), out / "compact.pt2", example=f"3x{SIZE}x{SIZE}")
    found = {name: amc.evaluate(each, data, example.metric, device="cpu") for name, each in networks.items()}
    return table(found, times.seconds)


def train(network: nn.Module, loss: Callable[..., Any], images: Any, epochs: int) -> None:
    """Train a network from the start, by AdamW with one cycle of the learning rate."""
    optimizer = torch.optim.AdamW(network.parameters())
    steps = epochs * (-(-len(images) // BATCH))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps)
    for epoch in range(epochs):
        network.train()
        for inputs, targets in images.batches(BATCH, shuffle_seed=epoch):
            found = loss(network, inputs, targets)
            optimizer.zero_grad()
            with amc.safe_backward():
                (sum(found.values()) if isinstance(found, dict) else found).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
            optimizer.step()
            schedule.step()
    network.eval()


def table(found: dict[str, Any], seconds: dict[str, float]) -> str:
    """The networks with their scores on the test images, and how much of the loss is back."""
    first, lowest = found["original"].score, found["pruned"].score
    rows = ["| network | MACs | test | of the loss back | seconds |", "|---|---|---|---|---|"]
    for name, each in found.items():
        has_back = first > lowest and name not in ("original", "pruned")
        back = f"{(each.score - lowest) / (first - lowest):.0%}" if has_back else ""
        share = each.costs["macs"] / found["original"].costs["macs"]
        rows.append(f"| {name} | {share:.0%} | {100 * each.score:.1f} % | {back} | {seconds[name]:.0f} |")
    return "\n".join(rows)
