import pytest
import torch
from torch import nn

import amc
from amc import describe_network
from amc.cost.costs import macs, params
from amc.describe_network import describe
from amc.description import Description
from amc.utils.errors import UserError
from tests.amc.latency.pretended import PretendedDevice
from tests.architectures import Plain

pytestmark = pytest.mark.usefixtures("operators_are_read_once")


@pytest.fixture(scope="module")
def plain() -> Description:
    """3 colours -> conv1 (8) -> conv2 (12, stride 2) -> 5 classes, on images of 8 x 8."""
    return describe(Plain(), image_size=8)


def test_groups_have_widths_layers_and_costs(plain: Description) -> None:
    first, second = plain.groups
    assert (first.name, first.width, first.least, first.step, first.widths) == ("conv1", 8, 2, 1, "8 to 2 by 1")
    assert (first.producers, first.consumers) == (("conv1",), ("conv2",))
    of_conv1, of_conv2, of_fc = 64 * 9 * 3 * 8, 16 * 9 * 8 * 12, 12 * 5
    assert (first.cost.macs, second.cost.macs) == (of_conv1 + of_conv2 / 2, of_conv2 / 2 + of_fc)
    assert first.cost.params == 8 * 27 + 2 * 8 + 8 * 12 * 9 / 2
    assert (plain.fixed.macs, plain.fixed.params) == (0, 5)


def test_costs_are_those_of_the_graph(plain: Description) -> None:
    graph = amc.analyse(Plain(), torch.zeros(1, 3, 8, 8))
    for kind, cost in (("macs", macs(graph)), ("params", params(graph))):
        assert plain.costs[kind] == (cost(graph.full), cost(graph.least))
        assert sum(getattr(each.cost, kind) for each in plain.groups) == cost(graph.full) - getattr(plain.fixed, kind)


def test_tables_are_what_a_description_is_shown_as(plain: Description, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, str(plain).splitlines())) <= 80
    assert repr(plain) == str(plain)
    assert "of time" not in str(plain)
    title, (first, *_), notes = plain.tables[0].title, plain.tables[0].rows, plain.tables[0].notes
    assert title == "channel groups of Plain, for inputs of 3x8x8"
    shares = [f"{100 * 20_736 / 27_708:.1f} %", f"{100 * 664 / 1_185:.1f} %"]
    assert list(first[:5]) == ["conv1", "8 to 2 by 1", shares[0], "██████", shares[1]]
    assert "counts half for each" in notes[0]
    assert plain._repr_html_().count("<table>") == 3


class Numbered(nn.Module):
    """Several layers whose outputs can't be cut, and one that can."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.heads = nn.ModuleList(nn.Conv2d(8, size, 1) for size in (2, 2, 4))
        self.last = nn.Conv2d(8, 5, 1)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        x = self.stem(x)
        return [layer(x) for layer in (*self.heads, self.last)]


def test_frozen_layers_that_differ_in_numbers_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = describe(Numbered(), image_size=8).tables[1]
    assert [tuple(row) for row in frozen.rows] == [("heads.* (3), last", "2 to 5", "output of the network")]
    monkeypatch.setenv("COLUMNS", "60")
    names = "a_module_with_a_name_that_is_too_long_for_a_line.and_another_one_of_them"
    model = nn.Sequential()
    model.add_module("first", nn.Conv2d(3, 8, 1))
    inner = nn.Sequential()
    outer, last = names.split(".")
    inner.add_module(last, nn.Conv2d(8, 4, 1))
    model.add_module(outer, inner)
    shown = str(describe(model, image_size=4).tables[1])
    assert names in "".join(line.split("│")[1].strip() for line in shown.splitlines() if line.startswith("│"))


def test_what_is_asked_for_is_kept_to() -> None:
    network = amc.load_network("digits_resnet")
    found = describe(network, round_to=8, max_sparsity=0.5, freeze=["stages.5"], only=["*conv1"])
    assert [group.widths for group in found.groups][-1] == "48 to 24 by 8"
    assert {group.name.rpartition(".")[2] for group in found.groups} == {"conv1"}
    assert "stages.5.conv1" in [each.name for each in found.frozen]
    one = describe(network, round_to=8, max_sparsity=0.5, freeze="stages.5", only="*conv1")
    assert one.groups == found.groups


def test_the_time_of_layers_is_divided_as_their_macs_are(monkeypatch: pytest.MonkeyPatch) -> None:
    device = PretendedDevice()
    monkeypatch.setattr(describe_network, "Device", lambda *_: device)
    found = describe(Plain(), image_size=8, latency=True)
    assert found.times is not None
    parts = [group.cost.milliseconds for group in found.groups]
    conv1, conv2, fc = found.times.layers
    assert parts == pytest.approx([conv1 + conv2 / 2, conv2 / 2 + fc])
    whole, least = found.costs["latency"]
    assert 0 < least < whole == found.times.whole
    assert [column.header for column in found.tables[0].columns][2:5] == ["of time", "bar", "of MACs"]
    assert "together" in found.tables[0].notes[0]
    assert "onnxruntime 1.0" in found.tables[0].notes[0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "the input size of Plain is not known; give image_size, or an example of its inputs"),
        ({"image_size": 8, "freeze": ["x"]}, "freeze='x' matches no layer"),
        ({"image_size": 8, "latency": "pi"}, "expected target local or ssh:"),
        ({"example": torch.zeros(1, 1, 8, 8)}, "the network fails on an input of shape (1, 1, 8, 8)"),
    ],
)
def test_mistakes_are_told(given: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as caught:
        describe(Plain(), **given)  # type: ignore[arg-type]
    assert message in str(caught.value)
