"""The latency table on a pretended device, whose rule is known."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc.analysis.analyse import analyse
from amc.latency.device_rounding import device_rounding
from amc.latency.layer_latency import GRAIN, LayerLatency, corners
from amc.latency.layer_onnx import layer_onnx
from amc.latency.layer_shapes import LayerShape, shapes_of
from amc.latency.onnx_slicing import Exporter
from amc.latency.random_kept_counts import random_kept_counts
from amc.latency.table import LatencyTable, default_path, read_table
from amc.latency.table_building import build, least_widths, missing
from amc.pruning.slicing import choose_units
from amc.utils.errors import UserError
from tests.amc.latency.pretended import FINGERPRINT, PretendedDevice, milliseconds
from tests.architectures import PRUNABLE
from tests.oracles import prepared

pytestmark = pytest.mark.usefixtures("operators_are_read_once")

NETWORKS = ["plain", "depthwise", "grouped_wide", "squeeze_excite", "flattened"]


@pytest.fixture(scope="module", params=NETWORKS)
def exporter(request: pytest.FixtureRequest) -> Exporter:
    model, _ = prepared(request.param)
    example = PRUNABLE[request.param].example()[:1]
    return Exporter(model, analyse(model, example, round_to=GRAIN), example)


def built(exporter: Exporter, device: PretendedDevice, table: LatencyTable | None = None) -> LatencyTable:
    table = table or LatencyTable(device.fingerprint)
    shapes = shapes_of(exporter.whole, exporter.graph)
    build(table, device, exporter.graph, shapes, exporter.whole, lambda _: None)  # type: ignore[arg-type]
    return table


def test_every_layer_of_the_network_has_a_shape(exporter: Exporter) -> None:
    assert sorted(shapes_of(exporter.whole, exporter.graph)) == list(range(len(exporter.graph.layers)))


def test_small_models_compute_what_the_layers_do(exporter: Exporter) -> None:
    for place, shape in shapes_of(exporter.whole, exporter.graph).items():
        layer = exporter.graph.layers[place]
        content = layer_onnx(shape, shape.inputs, shape.outputs, exporter.whole)
        session = onnxruntime.InferenceSession(content)
        (given_to,) = session.get_inputs()
        (out,) = session.run(None, {given_to.name: np.zeros(given_to.shape, dtype=np.float32)})
        assert out.size == layer.positions * len(layer.out), shape
        assert onnx.load_from_string(content).ir_version == exporter.whole.ir_version


def test_the_sum_over_layers_is_that_of_the_compact_network(exporter: Exporter) -> None:
    device = PretendedDevice()
    shapes = shapes_of(exporter.whole, exporter.graph)
    cost = built(exporter, device).cost(exporter.graph, shapes)
    layers, graph = len(exporter.graph.layers), exporter.graph
    for kept_counts in [graph.full, graph.least, *random_kept_counts(graph, 8, seed=0)]:
        wanted = milliseconds(exporter.compact(choose_units(graph, np.zeros(graph.unit_count), kept_counts)))
        wanted += 0.02 * (layers - 1)  # each small model has what a model takes besides its layers
        assert cost(kept_counts) == pytest.approx(wanted, rel=0.04)
        assert cost.terms(kept_counts).sum() == pytest.approx(cost(kept_counts))


def test_more_channels_are_never_predicted_to_take_less_whatever_the_noise(exporter: Exporter) -> None:
    table = built(exporter, PretendedDevice(noise=0.2))
    graph = exporter.graph
    cost = table.cost(graph, shapes_of(exporter.whole, graph))
    for kept_counts in random_kept_counts(graph, 20, seed=1):
        for index in range(len(kept_counts)):
            more = kept_counts.copy()
            more[index] = min(more[index] + 1, graph.full[index])
            assert cost(more) >= cost(kept_counts) - 1e-12


def test_what_was_measured_is_not_measured_again(exporter: Exporter, tmp_path: Path) -> None:
    whole = built(exporter, PretendedDevice())

    class Stops(PretendedDevice):
        def measure(self, models, precision=0.01, limit=1.0):  # type: ignore[no-untyped-def]
            if self.models > 5:
                raise KeyboardInterrupt
            return super().measure(models, precision, limit)

    device, table = Stops(), LatencyTable(FINGERPRINT)
    with pytest.raises(KeyboardInterrupt):
        built(exporter, device, table)
    table.write(tmp_path / "table.json")
    begun = read_table(tmp_path / "table.json", FINGERPRINT)
    before = begun.points
    again = PretendedDevice()
    built(exporter, again, begun)
    assert {shape: times.points for shape, times in begun.layers.items()} == {
        shape: times.points for shape, times in whole.layers.items()
    }
    full_again = sum(len(times.points) > 0 for times in begun.layers.values())  # each request has the whole layer too
    assert again.models - (begun.points - before) <= 6 * full_again
    graph = exporter.graph
    assert not missing(begun, least_widths(graph, shapes_of(exporter.whole, graph), graph.least))


def test_a_table_of_networks_that_were_cut_less_is_measured_further() -> None:
    model, _ = prepared("plain")
    example = PRUNABLE["plain"].example()[:1]
    device, tables = PretendedDevice(), []
    for sparsities in ((0.3, 0.8), (0.8,)):
        table = LatencyTable(device.fingerprint)
        for sparsity in sparsities:
            exporter = Exporter(model, analyse(model, example, GRAIN, sparsity), example)
            built(exporter, device, table)
        tables.append(table)
    graph, shapes = exporter.graph, shapes_of(exporter.whole, exporter.graph)
    further, fresh = (table.cost(graph, shapes) for table in tables)
    assert further(graph.least) == pytest.approx(fresh(graph.least))
    assert further(graph.least) < 0.6 * further(graph.full)
    before = device.models
    built(exporter, device, tables[0])
    assert device.models == before


def test_a_table_is_read_as_it_was_written(exporter: Exporter, tmp_path: Path) -> None:
    table = built(exporter, PretendedDevice(noise=0.02))
    table.write(tmp_path / "table.json")
    read = read_table(tmp_path / "table.json", FINGERPRINT)
    shapes, kept_counts = shapes_of(exporter.whole, exporter.graph), exporter.graph.least
    assert read.cost(exporter.graph, shapes)(kept_counts) == table.cost(exporter.graph, shapes)(kept_counts)
    assert read.points == table.points


@pytest.mark.parametrize(("entry", "value"), [("cpu", "Abacus 2"), ("threads", 2), ("runtime", "onnxruntime 2.0")])
def test_a_table_of_another_device_is_refused(tmp_path: Path, entry: str, value: object) -> None:
    LatencyTable(FINGERPRINT).write(tmp_path / "table.json")
    with pytest.raises(UserError, match=f"of another device: its {entry} is {FINGERPRINT[entry]}, here it is {value}"):
        read_table(tmp_path / "table.json", {**FINGERPRINT, entry: value})
    assert default_path({**FINGERPRINT, entry: value}) != default_path(FINGERPRINT)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"schema": 2}', "expected schema 1, got 2"),
        ("[]", "Expected `object`, got `array`"),
        ('{"schema": 1, "fingerprint": {}, "layers": [{"shape": 3}]}', r"got `int` - at `\$\.layers\[0\]\.shape`"),
        ("no JSON", "malformed"),
    ],
)
def test_a_damaged_table_is_one_line_that_names_the_entry(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "table.json").write_text(content)
    with pytest.raises(UserError, match=rf"table\.json.* {message}") as caught:
        read_table(tmp_path / "table.json", FINGERPRINT)
    assert "\n" not in str(caught.value)


CONV = LayerShape("Conv", "{}", (3, 3), (8, 8), 24, 40, 1, False, ())


@given(seed=st.integers(0, 2**16), noise=st.floats(0, 0.5))
def test_a_surface_never_falls(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    least = (4, 6)
    points = {(i, 40): i / 24 for i in (4, 10, 14)} | {(24, o): o / 40 for o in (6, 23, 30)}
    points |= {(i, o): i * o / 960 for i, o in corners(CONV, least)}
    latency = LayerLatency(CONV, {point: share * (1 + noise * rng.normal()) for point, share in points.items()}, least)
    values = np.array([[latency(i, o) for o in range(6, 41)] for i in range(4, 25)])
    assert (np.diff(values, axis=0) >= -1e-9).all()
    assert (np.diff(values, axis=1) >= -1e-9).all()
    assert values[-1, -1] == pytest.approx(1.0)
    assert (values >= 0).all()


def test_stairs_of_both_axes_are_stairs_everywhere() -> None:
    def share(i: int, o: int) -> float:
        return (-(-i // 8)) * (-(-o // 8)) / 15

    points = {(i, 40): share(i, 40) for i in range(4, 24)} | {(24, o): share(24, o) for o in range(6, 40)}
    points |= {point: share(*point) for point in corners(CONV, (4, 6))}
    latency = LayerLatency(CONV, points, (4, 6))
    for i in range(4, 25):
        for o in range(6, 41):
            assert latency(i, o) == pytest.approx(share(i, o))


def test_rounding_is_learned_from_the_stairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.amc.latency.pretended.BLOCK", 2 * GRAIN)
    model, _ = prepared("plain")
    example = PRUNABLE["plain"].example()[:1]
    graph = analyse(model, example, round_to=GRAIN)
    exporter = Exporter(model, graph, example)
    cost = built(exporter, PretendedDevice()).cost(graph, shapes_of(exporter.whole, graph))
    assert device_rounding(graph, cost) == 2 * GRAIN
    assert device_rounding(graph, lambda kept_counts: float(kept_counts.sum())) == GRAIN


def test_rounding_leaves_something_to_cut_where_all_of_it_is_free() -> None:
    model, graph = prepared("plain")
    step = device_rounding(graph, lambda _: 1.0)
    assert analyse(model, PRUNABLE["plain"].example()[:1], round_to=step).groups
