"""The examples of segmentation and detection, on few images and for a short time: what they come to is no result."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import amc
from amc.scoring import evaluation
from tests.command import pictures

pytestmark = pytest.mark.usefixtures("operators_are_read_once")

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def beside_the_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setattr(evaluation, "TIMED_SECONDS", 0.0)


@pytest.mark.backward
@pytest.mark.parametrize("name", ["unet", "detector"])
def test_a_network_goes_all_the_way(name: str, tmp_path: Path) -> None:
    module = importlib.import_module(name)
    pipeline: Any = importlib.import_module("pipeline")
    with pictures(drawn=False):
        found = pipeline.run(module.EXAMPLE, tmp_path / "run", images=10, epochs=1, tuning_epochs=1)
    rows = [re.split(r" *\| *", line)[1:-1] for line in found.splitlines()[2:]]
    assert [row[0] for row in rows] == [
        "original",
        "pruned",
        "recovered",
        "tuned without labels",
        "tuned with labels",
    ]
    assert rows[0][1] == "100%"
    assert all(45 <= int(row[1].rstrip("%")) <= 50 for row in rows[1:])
    assert all(re.fullmatch(r"\d+\.\d %", row[2]) for row in rows)
    compact = amc.load(tmp_path / "run" / "tuned", model=module.build())
    exported = torch.export.load(tmp_path / "run" / "compact.pt2").module()
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(exported(images), module.EXAMPLE.to_export(compact)(images), rtol=1e-3, atol=1e-3)


def test_scenes_follow_from_their_seed_and_are_consistent() -> None:
    shapes: Any = importlib.import_module("shapes")
    for seed in range(20):
        scene, again = shapes.draw(seed), shapes.draw(seed)
        assert np.array_equal(scene.pixels, again.pixels)
        assert len(scene.labels) == len(scene.boxes)
        for label, (left, top, width, height) in zip(scene.labels, scene.boxes, strict=True):
            inside = scene.classes[top : top + height, left : left + width] == label
            assert inside.any(axis=0)[[0, -1]].all()
            assert inside.any(axis=1)[[0, -1]].all()
    assert {label for seed in range(20) for label in shapes.draw(seed).labels} == {1, 2, 3}
