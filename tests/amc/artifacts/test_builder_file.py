import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amc.analysis.analyse import analyse
from amc.artifacts.builder_file import write_builder
from amc.artifacts.policy import Policy, load, save_compact
from amc.graph import Example
from amc.pruning.materialise_weights import SamePadded, materialise_weights
from amc.pruning.slicing import compact, make_selection
from amc.utils.copying import copy_network
from amc.utils.errors import UserError
from tests.oracles import random_mask, randomise

NETWORKS = '''
import torch
from torch import nn


class Standardised(nn.Conv2d):
    """Computes its weight on every run."""

    def forward(self, x):
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return nn.functional.conv2d(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Attention(nn.Module):
    """Holds its widths under names of its own, as numbers and in a tuple."""

    def __init__(self):
        super().__init__()
        self.num_heads, self.head_dim = 4, 12
        self.qkv, self.out = nn.Linear(32, 144), nn.Linear(48, 32)

    def forward(self, x):
        n, places, _ = x.shape
        q, k, v = self.qkv(x).reshape(n, places, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        x = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.out(x.transpose(1, 2).flatten(2))


class Halves(nn.Module):
    def __init__(self):
        super().__init__()
        self.widths = (16, 24)
        self.both = nn.Conv2d(32, 40, 1)
        self.narrow, self.grouped = nn.Conv2d(16, 10, 3), nn.Conv2d(24, 10, 3, groups=2)

    def forward(self, x):
        first, second = self.both(x).split(self.widths, 1)
        return self.narrow(first) + self.grouped(second.relu())


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.norm = Standardised(3, 32, 3, padding=1), nn.BatchNorm2d(32)
        self.attention, self.halves = Attention(), Halves()
        self.tied = nn.Linear(10, 10)
        self.again = nn.Linear(10, 10)
        self.again.weight = self.tied.weight

    def forward(self, x):
        x = self.norm(self.stem(x)).relu()
        x = x + self.attention(x.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(x.shape)
        return self.again(self.tied(self.halves(x).mean((2, 3))))
'''
RUN = """
import sys
sys.modules["amc"] = None
import torch
from compact import build
from networks import Network

network = build(Network())
assert network.again.weight is network.tied.weight
images, wanted = torch.load("images.pt"), torch.load("wanted.pt")
with torch.no_grad():
    torch.testing.assert_close(network(images), wanted)
assert not network.training
network.train()(images).sum().backward()
"""


def own_network(folder: Path) -> nn.Module:
    (folder / "networks.py").write_text(NETWORKS)
    names: dict[str, type[nn.Module]] = {}
    exec(NETWORKS, names)
    torch.manual_seed(0)
    return randomise(names["Network"]())


def cut(original: nn.Module, example: Example) -> tuple[Policy, nn.Module]:
    """The compact network of `original` with half of each group, and its policy."""
    whole = copy_network(original)
    materialise_weights(whole)
    graph = analyse(whole, example)
    kept_counts = np.array([group.choices[len(group.choices) // 2] for group in graph.groups])
    selection = make_selection(graph, whole, random_mask(graph, kept_counts, 0))
    policy = Policy(
        model="networks.py:Network",
        inputs="3x6x6",
        fingerprint="",
        strategy="uniform",
        seed=0,
        budget=(),
        costs={},
        accuracy_before=0.0,
        accuracy=0.0,
        groups=(),
        selection=selection,
        versions={},
    )
    return policy, compact(whole, selection)


@pytest.mark.backward
def test_the_users_class_becomes_the_compact_network_without_this_package(tmp_path: Path) -> None:
    original, images = own_network(tmp_path), torch.randn(4, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    policy, network = cut(original, images)
    assert {"num_heads", "head_dim"} & policy.selection.attributes["attention"].keys()
    assert policy.selection.attributes["halves"].keys() == {"widths"}
    assert len(network.get_parameter("stem.weight")) < 32
    with torch.no_grad():
        wanted = network(images)
    save_compact(tmp_path, policy, network)
    before = (tmp_path / "compact.safetensors").read_bytes()
    assert write_builder(original, policy, network, images, tmp_path / "compact.py") < 1e-5
    assert (tmp_path / "compact.safetensors").read_bytes() == before
    torch.save(images, tmp_path / "images.pt")
    torch.save(wanted, tmp_path / "wanted.pt")
    done = subprocess.run([sys.executable, "-c", RUN], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    with torch.no_grad():
        torch.testing.assert_close(load(tmp_path, model=own_network(tmp_path))(images), wanted)


@pytest.mark.parametrize("extra", [{"version": 1}, torch.ones(2)], ids=["object", "tensor"])
def test_what_no_state_dict_of_tensors_has_is_the_originals(tmp_path: Path, extra: object) -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.narrow, self.wide = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 3)
            self.register_buffer("scale", torch.arange(1.0, 9).reshape(8, 1, 1), persistent=False)

        def forward(self, x: Tensor) -> Tensor:
            wide: Tensor = self.wide(self.narrow(x) * self.scale)
            return wide.mean((2, 3))

        def get_extra_state(self) -> object:
            return extra

        def set_extra_state(self, state: object) -> None:
            pass

    original, images = Scaled(), torch.randn(2, 3, 6, 6)
    policy, network = cut(original, images)
    assert len(network.get_buffer("scale")) < 8
    assert write_builder(original, policy, network, images, tmp_path / "compact.py") < 1e-6


def test_what_it_was_not_pruned_from_is_refused(tmp_path: Path) -> None:
    original, images = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 3)), torch.randn(2, 3, 6, 6)
    policy, network = cut(original, images)
    with pytest.raises(UserError, match=r"expected the network that was pruned, networks\.py:Network, got one with"):
        write_builder(nn.Sequential(nn.Conv2d(3, 8, 3)), policy, network, images, tmp_path / "compact.py")
    assert list(tmp_path.iterdir()) == []


def test_the_weights_of_another_run_are_not_lost(tmp_path: Path) -> None:
    original, images = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 3)), torch.randn(2, 3, 6, 6)
    policy, network = cut(original, images)
    save_compact(tmp_path, policy, nn.Sequential(nn.Conv2d(3, 2, 1)))
    before = (tmp_path / "compact.safetensors").read_bytes()
    with pytest.raises(UserError, match="are the weights of another run; choose another folder or name"):
        write_builder(original, policy, network, images, tmp_path / "compact.py")
    assert (tmp_path / "compact.safetensors").read_bytes() == before
    assert write_builder(original, policy, network, images, tmp_path / "small.py") < 1e-6


def test_a_name_in_a_policy_is_never_run(tmp_path: Path) -> None:
    original, images = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 3)), torch.randn(2, 3, 6, 6)
    policy, network = cut(original, images)
    mark = tmp_path / "ran"
    name = f'""" + open({str(mark)!r}, "w") + """\'\n{{'
    vars(policy)["model"] = name
    write_builder(original, policy, network, images, tmp_path / "compact.py")
    names: dict[str, object] = {"__file__": "compact.py"}
    exec((tmp_path / "compact.py").read_text(), names)
    assert names["ORIGINAL"] == name
    assert not mark.exists()


def test_padding_of_no_class_of_pytorch_is_refused(tmp_path: Path) -> None:
    class Same(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            padded = SamePadded(3, 8, 3, stride=2, bias=False)
            padded.weight = nn.Parameter(self.weight - self.weight.mean())
            out: Tensor = padded(x)
            return out

    original, images = nn.Sequential(Same(3, 8, 3, stride=2, bias=False), nn.Conv2d(8, 4, 1)), torch.randn(2, 3, 6, 6)
    policy, network = cut(original, images)
    with pytest.raises(UserError, match="0 pads by the size of its input, which no class of PyTorch does"):
        write_builder(original, policy, network, images, tmp_path / "compact.py")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore:.*weight_norm.*deprecated:FutureWarning")
@pytest.mark.parametrize("norm", [nn.utils.weight_norm, nn.utils.parametrizations.weight_norm])
def test_a_normed_weight_becomes_a_plain_one(tmp_path: Path, norm: Callable[[nn.Module], nn.Module]) -> None:
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), norm(nn.Linear(8, 6)), nn.ReLU(), nn.Linear(6, 2)).eval()
    images = torch.randn(4, 5)
    policy, network = cut(model, images)
    save_compact(tmp_path, policy, network)
    assert write_builder(model, policy, network, images, tmp_path / "compact.py") < 1e-5
    built = runpy.run_path(str(tmp_path / "compact.py"))["build"](model)
    with torch.no_grad():
        torch.testing.assert_close(built(images), network(images))
    assert built.state_dict().keys() == network.state_dict().keys()
