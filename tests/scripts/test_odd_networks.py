"""Networks of less common kinds, from the command line to the compact network that a run leaves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

import amc
from amc.graph.input_spec import zero_inputs
from amc.graph.inputs import Example, feed
from amc.utils.user_file import call_function
from scripts import evaluate, train
from tests.command import call, succeed

FILE = '''
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.enter, self.norm, self.deep = nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.Conv2d(16, 12, 3, 2, 1)
        self.leave = nn.Linear(12, 2)

    def features(self, x):
        return F.relu(self.deep(F.relu(self.norm(self.enter(x)))))

    def forward(self, x):
        return self.leave(self.features(x).mean((2, 3)))


class InPlace(Net):
    """Writes into its input, and into its answer in evaluation mode."""

    def forward(self, x):
        y = super().forward(x.mul_(0.5))
        if not self.training:
            y = y.softmax(1)
            y[:, 0] *= 0.9
        return y


class Counted(nn.Module):
    """Splits by numbers of channels that it holds, in other attributes than PyTorch's layers have."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.half, self.parts, self.table = 8, (4, 12), [1.0, 2.0]
        self.enter, self.deep = nn.Conv2d(3, 16, 3, 2, 1), nn.Conv2d(16, 16, 3, 2, 1)
        self.norm, self.leave = nn.LayerNorm(16), nn.Linear(16, 2)

    def forward(self, x):
        p, q = torch.split(self.enter(x).relu(), self.half, 1)
        p, q = torch.split(self.deep(torch.cat([p * 2, q], 1)).relu(), self.parts, 1)
        return self.leave(self.norm(torch.cat([p, q], 1).mean((2, 3))))


class Viewed(Net):
    """Takes views of maps and of a parameter with as many axes as maps have, which must be contiguous for that."""

    def __init__(self):
        super().__init__()
        self.waves, self.leave = nn.Parameter(torch.ones(1, 4, 4, 2)), nn.Linear(48, 2)

    def forward(self, x):
        x = self.norm(self.enter(x)) * torch.view_as_complex(self.waves).real[:, None]
        return self.leave(self.deep(x.relu()).relu().view(len(x), -1))


class Tied(Net):
    """Goes back from the hidden features by the weights that it came by."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(12, 24)

    def forward(self, x):
        hidden = self.hidden(self.features(x).mean((2, 3))).relu()
        return self.leave(F.linear(hidden, self.hidden.weight.t()))


class Recurrent(Net):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(12, 8, batch_first=True)
        self.leave = nn.Linear(8, 2)

    def forward(self, x):
        rows, _ = self.lstm(self.features(x).mean(2).transpose(1, 2))
        return self.leave(rows[:, -1])


class Signal(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.enter, self.norm, self.deep = nn.Conv1d(1, 16, 5), nn.BatchNorm1d(16), nn.Conv1d(16, 12, 3)
        self.leave = nn.Linear(12, 2)

    def forward(self, x):
        return self.leave(self.deep(self.norm(self.enter(x)).relu()).relu().mean(2))


class Vector(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.enter, self.norm = nn.Linear(5, 16), nn.BatchNorm1d(16)
        self.deep, self.leave = nn.Linear(16, 12), nn.Linear(12, 2)

    def forward(self, x):
        return self.leave(self.deep(self.norm(self.enter(x)).relu()).relu())


class Named(Net):
    def forward(self, *, image, weight):
        return super().forward(image) * weight


class Keeping(Net):
    """Holds what it computed, and was trained a little before."""

    def forward(self, x):
        self.seen = [self.features(x)]
        return self.leave(self.seen[0].mean((2, 3)))


def keeping():
    net = Keeping()
    net(torch.ones(2, 3, 8, 8)).sum().backward()
    return net


def half():
    return Net().half()


def normed():
    net = Net()
    net.deep = nn.utils.parametrizations.weight_norm(net.deep)
    return net


def wrapped():
    return nn.DataParallel(Net())


def scripted():
    return torch.jit.script(Net().eval())


class Random(Net):
    def forward(self, x):
        return super().forward(x + torch.randn_like(x))


def _splits(*shape):
    made = {}
    for seed, (name, count) in enumerate((("train", 48), ("val", 24), ("test", 24))):
        classes = torch.arange(count) % 2
        x = torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed))
        made[name] = TensorDataset(x + classes.reshape(-1, *[1] * len(shape)), classes)
    return made


def images():
    return _splits(3, 8, 8)


def signals():
    return _splits(1, 24)


def vectors():
    return _splits(5)


def _by_name(items):
    x, y = zip(*items)
    return {"image": torch.stack(x), "weight": torch.ones(len(x), 1).double()}, torch.stack(y)


def named():
    return {name: DataLoader(part, 12, collate_fn=_by_name) for name, part in images().items()}
'''
SHAPES = {"images": "3x8x8", "signals": "1x24", "vectors": "5", "named": "image=3x8x8,weight=1"}
"""What the network reads, by its data."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("users") / "odd_networks.py"
    path.write_text(FILE)
    return path


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("InPlace", "images"),
        ("Counted", "images"),
        ("Viewed", "images"),
        ("Tied", "images"),
        ("Recurrent", "images"),
        ("Signal", "signals"),
        ("Vector", "vectors"),
        ("Named", "named"),
        ("keeping", "images"),
        ("half", "images"),
        ("normed", "images"),
        ("wrapped", "images"),
    ],
)
def test_it_is_pruned_scored_and_loaded(file: Path, tmp_path: Path, name: str, data: str) -> None:
    given = ("--model", f"{file}:{name}", "--data", f"{file}:{data}")
    few = ("--episodes", "2", "--strategy", "random", "--budget", "macs=0.6", "--quiet")
    succeed(train, *given, *few, "--run-dir", tmp_path / "run")
    succeed(evaluate, *given, "--run-dir", tmp_path / "run")
    compact = amc.load(tmp_path / "run", model=call_function(f"{file}:{name}"))
    before = sum(parameter.numel() for parameter in call_function(f"{file}:{name}").parameters())
    assert sum(parameter.numel() for parameter in compact.parameters()) < 0.9 * before
    inputs: Example = zero_inputs(SHAPES[data], batch=2)
    assert feed(compact, inputs).shape == (2, 2)
    assert {tensor.dtype for tensor in compact.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("name", "message"),
    [("scripted", "give the module from before"), ("Random", "take random numbers .* out of its forward")],
)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_what_can_not_be_pruned_is_told_before_a_search(file: Path, tmp_path: Path, name: str, message: str) -> None:
    done = call(train, "--model", f"{file}:{name}", "--data", f"{file}:images", "--run-dir", tmp_path / "run")
    assert done.status == 2
    assert re.match(f"error: .*{message}", done.err.splitlines()[-1])
    assert not (tmp_path / "run").exists()
