"""What a search that goes on takes from the file of its calibration."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amc.analysis.analyse import analyse
from amc.latency.latency_model import LatencyModel
from amc.latency.layer_latency import GRAIN
from amc.latency.layer_shapes import shapes_of
from amc.latency.onnx_slicing import Exporter
from amc.latency.random_kept_counts import random_kept_counts
from amc.latency.table import LatencyTable
from amc.latency.table_building import build
from amc.utils.errors import UserError
from tests.amc.latency.pretended import FINGERPRINT, PretendedDevice
from tests.architectures import PRUNABLE
from tests.oracles import prepared

pytestmark = pytest.mark.usefixtures("operators_are_read_once")


@pytest.fixture(scope="module")
def calibrated() -> LatencyModel:
    model, _ = prepared("plain")
    example = PRUNABLE["plain"].example()[:1]
    exporter = Exporter(model, analyse(model, example, round_to=GRAIN), example)
    device: Any = PretendedDevice()
    table = LatencyTable(FINGERPRINT)
    build(table, device, exporter.graph, shapes_of(exporter.whole, exporter.graph), exporter.whole, lambda _: None)
    latency_model = LatencyModel(device, exporter, table)
    latency_model.calibrate(seed=0)
    return latency_model


def as_new(latency_model: LatencyModel) -> LatencyModel:
    return LatencyModel(latency_model.device, latency_model.exporter, latency_model.table)


def test_what_was_calibrated_is_read_and_measured_no_more(calibrated: LatencyModel, tmp_path: Path) -> None:
    calibrated.write(tmp_path / "latency.json")
    read = as_new(calibrated)
    read.read(tmp_path / "latency.json")
    graph = calibrated.exporter.graph
    for kept_counts in random_kept_counts(graph, 5, seed=1):
        assert read.cost(graph)(kept_counts) == calibrated.cost(graph)(kept_counts)
    known = [each.kept_counts for each in calibrated.measured]
    assert read.measure_all(known) == calibrated.measure_all(known)
    assert len(read.measured) == len(known)


def test_the_file_is_as_earlier_releases_wrote_it(calibrated: LatencyModel, tmp_path: Path) -> None:
    calibrated.write(tmp_path / "latency.json")
    content = json.loads((tmp_path / "latency.json").read_text())
    assert list(content) == ["original_ms", "factors", "networks"]
    assert list(content["networks"][0]) == ["keeps", "share"]
    np.testing.assert_array_equal(content["networks"][0]["keeps"], calibrated.measured[0].kept_counts)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("original_ms"), "missing required field `original_ms`"),
        (lambda c: c["factors"].append(1.0), r"length 2, got 3 - at `\$\.factors`"),
        (lambda c: c["networks"][1].update(keeps=[1, "2"]), r"`str` - at `\$\.networks\[1\]\.keeps\[1\]`"),
        (lambda c: c["networks"][1]["keeps"].pop(), r"expected `keeps` of \d+ groups, got \d+"),
    ],
)
def test_a_damaged_file_is_one_line_that_names_the_entry(
    calibrated: LatencyModel, tmp_path: Path, change: Callable[[Any], object], message: str
) -> None:
    path = tmp_path / "latency.json"
    calibrated.write(path)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=rf"latency\.json is damaged: .*{message}") as caught:
        as_new(calibrated).read(path)
    assert "\n" not in str(caught.value)
