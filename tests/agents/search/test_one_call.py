import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import amc
from agents.report.charts.style import Chart
from agents.search.one_call import search
from agents.search.search_result import SearchResult
from amc.data.load import load_data
from amc.networks.sources import load_network
from amc.utils.errors import UserError
from scripts import train
from tests.command import succeed

SIZES = {"calibration": 30, "reward": 40, "test": 20}
CHEAP = ("--calibration-images", "30", "--reward-split", "40", "--test-images", "20", "--recovery", "statistics")
AS_CUT = ("--search-recovery", "none")


class Shapes(nn.Sequential):
    """A network of a user's own, as a notebook defines it."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )
        self.extend([nn.Flatten(), nn.Linear(8, 2)])


def images(count: int) -> TensorDataset:
    """Dark and bright images."""
    targets = torch.arange(count) % 2
    return TensorDataset(torch.rand(count, 1, 6, 6) + targets.reshape(-1, 1, 1, 1), targets)


@pytest.fixture(scope="module")
def found() -> SearchResult:
    network, data = load_network("digits_resnet"), load_data("digits", sizes=SIZES, seed=3)
    return search(network, data, "macs=0.25", episodes=3, seed=3, recovery="statistics", search_recovery="none")


def test_the_same_seed_gives_the_same_policy_as_the_command(found: SearchResult, tmp_path: Path) -> None:
    asked = ("--budget", "macs=0.25", "--episodes", "3", "--seed", "3", "--run-dir", tmp_path / "command")
    succeed(train, *CHEAP, *AS_CUT, *asked)
    found.save(tmp_path / "python")
    one, other = ((tmp_path / name / "policy.json").read_bytes() for name in ("command", "python"))
    assert one == other
    names = [{path.name.partition(".")[0] for path in (tmp_path / name).iterdir()} for name in ("command", "python")]
    assert names[0] == names[1]


def test_a_result_says_in_short_what_was_found(found: SearchResult) -> None:
    text = repr(found)
    assert re.match(r"<SearchResult of digits_resnet at macs=0.25: \d\d\.\d % of MACs, ", text)
    assert f"original {100 * found.original.test:.2f} %, uniform {100 * found.uniform.test:.2f} %, found" in text
    assert "; 3 episodes in" in text
    assert found.costs["macs"].after <= 0.25 * found.costs["macs"].before
    assert (found.found.reward, found.original.reward) == (found.policy.accuracy, found.policy.accuracy_before)
    assert repr(found.final).startswith(
        f"<FinalResult on reward images: original {found.original.reward:.4f}, uniform "
    )
    assert len(repr(found.final.policy)) < 100
    tables = ElementTree.fromstring(f"<div>{found._repr_html_()}</div>").findall("table")
    assert [cell.text for cell in tables[-1].iter("td")][3::3] == ["uniform", "found"]


def test_the_plot_has_the_rewards_and_the_widths(found: SearchResult) -> None:
    figure = found.plot()
    above, below = (part.axes[0] for part in figure.subfigs)
    assert (above.get_ylabel(), below.get_xlabel()) == ("reward", "channels")
    assert np.shape(above.collections[0].get_offsets()) == (3, 2)
    kept = [bar.get_width() for bar in below.containers[1]]
    assert kept == [group.width_after for group in found.policy.groups]
    assert isinstance(figure, Chart)
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_a_task_a_policy_and_a_graph_say_in_short_what_they_are(found: SearchResult) -> None:
    task = found.task
    assert repr(task).startswith("<Task of digits_resnet at macs=0.25: 9 groups, images: <Splits of digits")
    assert repr(found.policy).startswith("<Policy for digits_resnet: 9 groups, left: macs 2")
    assert repr(task.graph) == "<PruningGraph for inputs of 1x8x8: 16 layers, 9 groups of 252 channels, 1 frozen>"
    assert repr(load_network("digits_resnet")) == "<Network digits_resnet: 98,782 parameters, inputs of 1x8x8>"
    for each in (task, found.policy, task.graph):
        assert "<td" in each._repr_html_()


def test_objects_alone_lead_to_a_folder_that_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    network = Shapes().train()
    data = {"train": images(40), "test": images(20)}
    result = search(network, data, ["macs=0.6", "params=0.9"], episodes=2, strategy="random", recovery="none")
    out, err = capsys.readouterr()
    assert re.match(r"original: top1 \d+\.\d\d % on 4 reward images \(validation\)\n", out)
    assert "near chance" in err
    assert "the order of the network's classes and of the data's (class_order)" in err
    assert "reward images are taken from the training images" in err
    assert "episode 2/2" in err
    assert network.training
    result.save(tmp_path / "run")
    inputs = torch.rand(3, 1, 6, 6)
    with pytest.raises(UserError, match="a network that was given in Python, Shapes; give that network as model"):
        amc.load(tmp_path / "run")
    torch.testing.assert_close(amc.load(tmp_path / "run", Shapes())(inputs), result.network(inputs))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "resnet20"}, r"expected a torch.nn.Module or what amc.load_network returns as a network, got str"),
        ({"budget": "latency=0.5"}, "search by the command amc train --budget latency=0.5"),
        ({"budget": 0.5}, r'got 0.5; write "macs=0.5"'),
        ({"budget": {"macs": 0.5, "params": "1M"}}, r'; write \["macs=0.5", "params=1M"\]'),
        ({"freze": "0"}, r"unknown option 'freze'; did you mean freeze\?"),
        ({"episods": 3}, r"unknown option 'episods'; did you mean episodes\?"),
        ({"device": "tpu"}, "expected a device that PyTorch can use"),
        ({"seed": -1}, "expected seed of 0 or more"),
        ({"seed": None}, "expected seed as a whole number, got None"),
        ({"episodes": "3"}, "expected episodes as a whole number, got '3'"),
        ({"round_to": "auto"}, "expected round_to as a whole number, got 'auto'"),
        ({"minimise": "params"}, "minimise goes with max_drop"),
        ({"budget": (), "max_drop": "1"}, "expected max_drop as a number, got '1'"),
        ({"budget": torch.tensor(0.5)}, r'got tensor\(0.5000\); write "macs=0.5"'),
        ({"reward": "eror"}, "unknown reward 'eror'; did you mean error"),
        ({"metric": "top2"}, "unknown metric 'top2'"),
        ({"data": "imagefolder:photos"}, r"give data=amc.load_data\('imagefolder:photos', image_size"),
    ],
)
def test_mistakes_are_one_line(changes: dict[str, object], message: str) -> None:
    arguments = {"model": Shapes(), "data": {"train": images(8), "val": images(4)}, "budget": "macs=0.5"} | changes
    with pytest.raises(UserError, match=message):
        search(**arguments)  # type: ignore[arg-type]


def test_an_unknown_option_is_named_before_anything_is_read() -> None:
    with pytest.raises(UserError, match="unknown option 'metrics'; did you mean metric"):
        search(Shapes(), "nothing", "macs=0.5", metrics="top5")  # type: ignore[call-arg]


def test_help_names_the_accepted_values() -> None:
    for name in ("ddpg", "sb3:SAC", "sensitivity", "top5", "asymmetric", "closed_form", "taylor", "mnasnet"):
        assert f"`{name}`" in (search.__doc__ or "")
    for function in (amc.search, amc.finetune):
        assert "Returns:" in (function.__doc__ or "")


def test_a_network_whose_copies_would_use_its_own_weights_is_refused() -> None:
    class Held(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.rest = nn.Conv2d(1, 1, 3, padding=1), Shapes()
            self.read = lambda x: self.first(x)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.rest(self.read(x))
            return out

    with pytest.raises(UserError, match="a hook or a function in it holds one of its modules"):
        search(Held(), {"train": images(20), "val": images(20)}, episodes=1)
