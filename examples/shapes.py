"""Images of shapes on textures, drawn from a seed: their classes, masks and boxes are known.

Each image has some discs, squares and triangles. A shape may hide part of another, and a bar hides part of what it
crosses. `python examples/shapes.py FOLDER` writes some of them to look at.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CLASSES = ("disc", "square", "triangle")
"""Names of the classes 1, 2, ...; 0 is the background."""
SIZE = 64
"""Height and width of an image in pixels."""
LEAST_SEEN = 60
"""Pixels of a shape that must be seen, or it counts as hidden."""


class Scene(NamedTuple):
    """An image with all that is known of it.

    Attributes:
        pixels: Colours, uint8 `(SIZE, SIZE, 3)`.
        classes: The class of each pixel, uint8 `(SIZE, SIZE)`.
        labels: The class of each shape that is seen.
        boxes: What is seen of it: left, top, width and height in pixels.
    """

    pixels: NDArray[np.uint8]
    classes: NDArray[np.uint8]
    labels: list[int]
    boxes: list[tuple[int, int, int, int]]


def draw(seed: int) -> Scene:
    """The scene that belongs to a seed."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)

    def texture(strength: float) -> NDArray[Any]:
        """Waves of one direction between two colours, `(3, SIZE, SIZE)`."""
        angle, frequency = rng.uniform(0, math.pi), rng.uniform(0.15, 0.9)
        wave = np.sin(frequency * (rows * math.sin(angle) + columns * math.cos(angle)) + rng.uniform(0, 6))
        return rng.uniform(0.2, 0.8, (3, 1, 1)) + strength * rng.uniform(-1, 1, (3, 1, 1)) * wave

    colours, owner = 0.7 * texture(0.25), np.zeros((SIZE, SIZE), dtype=np.int64)
    kinds = rng.integers(len(CLASSES), size=rng.integers(1, 4)).tolist()
    for number, kind in enumerate(kinds, start=1):
        radius, turn = rng.uniform(10, 17), rng.uniform(0, 2 * math.pi)
        down, right = rows - rng.uniform(5, SIZE - 5), columns - rng.uniform(5, SIZE - 5)
        along, across = down * math.cos(turn) + right * math.sin(turn), right * math.cos(turn) - down * math.sin(turn)
        if CLASSES[kind] == "disc":
            inside = along**2 + across**2 < radius**2
        elif CLASSES[kind] == "square":
            inside = np.maximum(abs(along), abs(across)) < 0.85 * radius
        else:
            slanted = 0.866 * abs(across) - 0.5 * along
            inside = np.maximum(along, slanted) < 0.6 * radius
        patch = texture(0.2)
        patch[kind] += 0.45
        colours, owner = np.where(inside, patch, colours), np.where(inside, number, owner)
    angle = rng.uniform(0, math.pi)
    beside = (rows - SIZE / 2) * math.cos(angle) + (columns - SIZE / 2) * math.sin(angle) - rng.uniform(-20, 20)
    bar = abs(beside) < rng.uniform(1, 4)
    colours, owner = np.where(bar, texture(0.1), colours), np.where(bar, 0, owner)
    noisy = np.clip(colours + rng.normal(0, 0.05, colours.shape), 0, 1)
    seen = [number for number in range(1, len(kinds) + 1) if (owner == number).sum() >= LEAST_SEEN]
    return Scene(
        pixels=(255 * noisy).astype(np.uint8).transpose(1, 2, 0),
        classes=np.array([0, *(kind + 1 for kind in kinds)], dtype=np.uint8)[owner],
        labels=[kinds[number - 1] + 1 for number in seen],
        boxes=[_box(owner == number) for number in seen],
    )


def _box(inside: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    return left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top


def write(folder: Path, counts: dict[str, int]) -> None:
    """Write scenes as `SPLIT/images` and `SPLIT/masks` with a file for each, and `SPLIT.json` with boxes as COCO has.

    Args:
        folder: The folder, which is made.
        counts: The number of scenes of each split; none is in two splits.
    """
    seed = 0
    for split, count in counts.items():
        images, annotations = [], []
        for name in ("images", "masks"):
            (folder / split / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            scene, name = draw(seed + number), f"{number:05}.png"
            Image.fromarray(scene.pixels).save(folder / split / "images" / name)
            Image.fromarray(scene.classes).save(folder / split / "masks" / name)
            images.append({"id": number, "file_name": name, "height": SIZE, "width": SIZE})
            annotations += [
                {
                    "id": len(annotations) + place,
                    "image_id": number,
                    "category_id": label,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                }
                for place, (label, box) in enumerate(zip(scene.labels, scene.boxes, strict=True), start=1)
            ]
        categories = [{"id": place, "name": name} for place, name in enumerate(CLASSES, start=1)]
        content = {"images": images, "annotations": annotations, "categories": categories}
        (folder / f"{split}.json").write_text(json.dumps(content), encoding="utf-8")
        seed += count


if __name__ == "__main__":
    write(Path(sys.argv[1]), {"train": 20, "val": 10, "test": 10})
