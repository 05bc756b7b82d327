"""The seconds from the last episode of a search to its last file, beside those of another version of this project.

Both versions search the same way, one after the other, each as a process of its own in its own checkout. The end begins
when the checkpoint after the last episode is written, and is over when the report is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from amc.artifacts.policy import POLICY_FILE
from amc.artifacts.run_folder import REPORT_FILE, SUMMARY_FILE
from amc.artifacts.snapshots import CHECKPOINT_FOLDER
from benchmarks.runs import machine
from scripts.command.cli import run

CLASSES = 10
BUILDERS = """
from torchvision import models

def densenet121():
    return models.densenet121(num_classes=10)

def resnet50():
    return models.resnet50(num_classes=10)
"""
"""Networks with random weights, whose ends take as long as those of trained ones."""


@dataclass(frozen=True)
class Arguments:
    """Compare the end of searches of two checkouts, and whether they come to the same policy."""

    other: Path
    """Checkout of the other version."""
    cases: tuple[str, ...] = ("densenet121", "resnet50")
    """Searches: densenet121 (at 64 x 64), resnet50 (at 224 x 224), resnet56 (with --cifar10 and --weights)."""
    cifar10: Path | None = None
    """Image folder of CIFAR-10 for resnet56."""
    weights: Path | None = None
    """Weights of resnet56."""
    repeats: int = 1
    """How often each search is made; medians are shown."""
    folder: Path = Path("runs/search-end")
    """New folder for images and runs."""


@dataclass(frozen=True)
class End:
    """The end of one search in seconds, the seconds of one of its episodes, and its policy."""

    seconds: float
    episode: float
    policy: bytes


def search_end(arguments: Arguments) -> None:
    """Search by turns with both versions, and print a row of the table for each search."""
    folder = arguments.folder.absolute()
    folder.mkdir(parents=True)
    (folder / "builders.py").write_text(BUILDERS, encoding="utf-8")
    checkouts = {"before": arguments.other.absolute(), "now": Path.cwd()}
    print(f"{machine()}, {os.cpu_count()} cores", flush=True)
    print("| search | before | now | ratio | evaluations, before | now | same policy |", flush=True)
    print("|---|---|---|---|---|---|---|", flush=True)
    for case in arguments.cases:
        words = _words(case, arguments, folder)
        ends: dict[str, list[End]] = {name: [] for name in checkouts}
        for number in range(arguments.repeats):
            for name, checkout in checkouts.items():
                ends[name].append(_end(checkout, words, folder / f"{case}-{name}-{number}"))
        before, now = (median(end.seconds for end in ends[name]) for name in checkouts)
        evaluations = [median(end.seconds / end.episode for end in ends[name]) for name in checkouts]
        same = len({end.policy for each in ends.values() for end in each}) == 1
        print(
            f"| {case} | {before:.1f} s | {now:.1f} s | {now / before:.2f} | {evaluations[0]:.0f} |"
            f" {evaluations[1]:.0f} | {'yes' if same else 'no'} |",
            flush=True,
        )


def _words(case: str, arguments: Arguments, folder: Path) -> list[str]:
    """The options of a search."""
    if case == "resnet56":
        words = ["--model", "resnet56", "--weights", str(arguments.weights and arguments.weights.absolute())]
        data = arguments.cifar10 and arguments.cifar10.absolute()
        return [
            *words,
            "--data",
            f"imagefolder:{data}",
            "--image-size",
            "32",
            "--budget",
            "macs=0.5",
            "--episodes",
            "60",
        ]
    size, calibration, reward = {"densenet121": (64, 1000, 400), "resnet50": (224, 300, 400)}[case]
    data = _images(folder / f"images-{size}", size, {"train": calibration, "val": reward, "test": reward})
    words = ["--model", f"{folder / 'builders.py'}:{case}", "--data", f"imagefolder:{data}", "--image-size", str(size)]
    return [*words, "--calibration-images", str(calibration), "--budget", "macs=0.5", "--episodes", "2"]


def _images(folder: Path, size: int, counts: dict[str, int]) -> Path:
    """An image folder of smooth random pictures."""
    pixels = np.random.default_rng(0)
    for split, count in counts.items():
        for number in range(count):
            path = folder / split / str(number % CLASSES)
            path.mkdir(parents=True, exist_ok=True)
            coarse = Image.fromarray(pixels.integers(0, 256, (8, 8, 3), dtype=np.uint8))
            coarse.resize((size, size), Image.Resampling.BICUBIC).save(path / f"{number}.png")
    return folder


def _end(checkout: Path, words: Sequence[str], folder: Path) -> End:
    """The end of a search by a version of this project."""
    command = [sys.executable, "-m", "scripts.train", *words, "--run-dir", str(folder), "--quiet"]
    subprocess.run(command, cwd=checkout, check=True)
    summary = json.loads((folder / SUMMARY_FILE).read_text(encoding="utf-8"))
    begun = max(path.stat().st_mtime for path in (folder / CHECKPOINT_FOLDER).glob("*.safetensors"))
    return End(
        (folder / REPORT_FILE).stat().st_mtime - begun,
        summary["search_seconds"] / summary["episodes"],
        (folder / POLICY_FILE).read_bytes(),
    )


def main() -> None:
    """Run as a command."""
    run(search_end, Arguments)


if __name__ == "__main__":
    main()
