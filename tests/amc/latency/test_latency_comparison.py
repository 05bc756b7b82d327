import sys
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import amc
from amc.data.load import Splits
from amc.data.resident import ResidentImages
from amc.latency.latency_comparison import measure_latency
from amc.latency.runtimes import RuntimeOptions
from amc.latency.timing import Estimate, Timing
from amc.utils.errors import UserError

pytestmark = pytest.mark.usefixtures("operators_are_read_once")


class Abacus:
    """A runtime that takes a millisecond for each parameter, and notes what it is given."""

    def __init__(self, options: RuntimeOptions) -> None:
        self.options = options
        self.fingerprint = {"runtime": "abacus", "threads": options.threads, "cpu": "beads"}
        self.is_open = True
        self.shape: tuple[int, ...] = ()
        made.append(self)

    def measure(self, networks: Sequence[nn.Module], example: Any, precision: float, limit: float) -> Timing:
        del precision, limit
        assert isinstance(example, Tensor)
        self.shape = tuple(example.shape)
        counts = [float(sum(each.numel() for each in network.parameters())) for network in networks]
        latencies = [Estimate(count, 0.9 * count, 1.1 * count) for count in counts]
        return Timing(latencies, [Estimate(count / counts[0], 0.2, 0.3) for count in counts], rounds=7)

    def close(self) -> None:
        self.is_open = False


made: list[Abacus] = []
LARGE, SMALL = nn.Conv2d(3, 8, 1, bias=False), nn.Conv2d(3, 2, 1, bias=False)
IMAGES = ResidentImages(torch.zeros(2, 3, 5, 4), torch.zeros(2, dtype=torch.int64))


def test_networks_are_compared_with_the_first() -> None:
    found = measure_latency({"whole": LARGE, "cut": SMALL}, image_size=8, runtime=Abacus, threads=3)
    assert found.milliseconds == {"whole": 24.0, "cut": 6.0}
    assert found.timing.ratios[1].value == 0.25
    assert (made[-1].shape, made[-1].options.threads, made[-1].is_open) == ((1, 3, 8, 8), 3, False)
    assert repr(found) == ("<LatencyComparison: whole 24 ms, cut 6 ms; abacus, 3 thread(s), on local: beads>")
    assert "6 (5.4 to 6.6)" in str(found)
    assert "of whole (95 % interval)" in " ".join(str(found).split())
    assert "0.25 (0.2 to 0.3)" in found._repr_html_()
    assert "The wanted precision of 1.0% was not reached in 7 blocks; give more seconds" in " ".join(str(found).split())


def test_a_network_in_the_place_of_an_input_is_told() -> None:
    second: Any = SMALL
    with pytest.raises(UserError, match="got a network; give several networks as a list"):
        measure_latency(LARGE, second)
    with pytest.raises(UserError, match="unknown option 'treads'; did you mean threads"):
        measure_latency(LARGE, treads=2)  # type: ignore[call-arg]


def test_networks_alike_have_names_of_their_own() -> None:
    found = measure_latency([LARGE, SMALL, nn.Flatten()], "3x8x8", runtime=Abacus)
    assert list(found.milliseconds) == ["Conv2d 1", "Conv2d 2", "Flatten"]


def test_inputs_come_from_data_or_from_what_is_known_of_a_network() -> None:
    measure_latency([LARGE, SMALL], Splits(IMAGES, IMAGES, IMAGES, IMAGES, None, False), runtime=Abacus)
    assert made[-1].shape == (1, 3, 5, 4)
    alone = measure_latency([SMALL, amc.load_network("digits_resnet")], runtime=Abacus)
    assert made[-1].shape == (1, 1, 8, 8)
    assert list(alone.milliseconds) == ["Conv2d", "digits_resnet"]
    assert "of " not in str(measure_latency(amc.load_network("digits_resnet"), runtime=Abacus).tables[0].columns)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"precision": 2.0}, "expected precision between 0 and 1, such as 0.01, got 2.0"),
        ({"seconds": float("nan")}, "expected seconds above 0 and of at most 3600, got nan"),
        ({"threads": 0}, "expected threads of 1 or more, got 0"),
        ({"runtime": "torc"}, "unknown runtime 'torc'; did you mean torch?"),
        (
            {"runtime": "torch", "target": "ssh:pi"},
            "runtime='torch' measures on this machine only, got target='ssh:pi'",
        ),
        ({"example": None}, "the input size of Conv2d is not known; give image_size"),
    ],
)
def test_mistakes_are_told(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        measure_latency([LARGE], **{"example": "3x8x8", **given})
    assert message in str(caught.value)


def test_no_network_is_none() -> None:
    with pytest.raises(UserError, match="expected one network or more, got none"):
        measure_latency([], "3x8x8")


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_the_extra_that_is_missing_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=r"pip install 'amc-pruning\[export\]'$"):
        measure_latency(SMALL, "3x8x8")
