"""Networks of several inputs, from the analysis to the compact network."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from amc.analysis.analyse import analyse
from amc.compression.compressor import Compressor
from amc.criteria import CRITERIA, Evidence
from amc.data.load import Splits
from amc.data.user_loader import LoaderImages
from amc.graph.inputs import Example, batch_size, take_first, tensors
from amc.pruning.slicing import compact, make_selection
from amc.recovery.blockwise import TrainingLength
from amc.recovery.recoveries import RECOVERIES
from amc.scoring.metrics import check_runs
from amc.task import Task
from amc.task_options import TaskOptions
from amc.utils.errors import UserError
from tests.oracles import distance, random_mask, randomise, run, run_ignoring


class Fused(nn.Module):
    """An image, a coarser map and words, as in networks of several sensors."""

    def __init__(self) -> None:
        super().__init__()
        self.image, self.map = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(1, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.words, self.mix = nn.Embedding(5, 4), nn.Linear(4, 7)
        self.conv = nn.Conv2d(14, 7, 3, padding=1)
        self.fc = nn.Linear(7, 3)

    def forward(self, image: Tensor, coarse: Tensor, words: Tensor) -> Tensor:
        maps = F.interpolate(self.map(coarse), scale_factor=2.0)
        x = self.conv(torch.cat([F.relu(self.norm(self.image(image))), maps], 1).relu())
        told = self.mix(self.words(words).mean(1))
        out: Tensor = self.fc((x * torch.sigmoid(told)[:, :, None, None]).relu().mean((2, 3)))
        return out


def batch(count: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    words = torch.randint(0, 5, (count, 2), generator=generator)
    return (
        torch.randn(count, 3, 8, 8, generator=generator),
        torch.randn(count, 1, 4, 4, generator=generator),
        words,
    )


def network() -> nn.Module:
    torch.manual_seed(0)
    return randomise(Fused())


def test_the_compact_network_computes_what_is_left_when_consumers_ignore_the_rest() -> None:
    model = network()
    graph = analyse(model, batch(2))
    assert [group.name for group in graph.groups] == ["map", "image", "conv"]  # `mix` is tied to `conv`
    assert [frozen.name for frozen in graph.frozen] == ["fc"]
    for seed in range(4):
        mask = random_mask(graph, graph.least, seed)
        small = compact(model, make_selection(graph, model, mask))
        assert distance(run(small, batch(3)), run_ignoring(model, graph, mask, batch(3))) < 1e-4


def test_the_analysis_needs_no_more_than_the_shapes() -> None:
    model = network()
    zeros = (torch.zeros(1, 3, 8, 8), torch.zeros(1, 1, 4, 4), torch.zeros(1, 2, dtype=torch.int64))
    assert analyse(model, zeros).fingerprint == analyse(model, batch(2)).fingerprint


@pytest.mark.backward
def test_every_recovery_and_criterion_takes_several_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amc.recovery.blockwise.LENGTH", TrainingLength(block_steps=2, whole_steps=4))
    model = network()
    graph, calibration = analyse(model, batch(2)), [batch(40, seed) for seed in range(3)]
    error = {}
    compressor = Compressor(model, graph, calibration)
    for recovery in RECOVERIES:
        small, _ = compressor.compact(compressor.mask(graph.least + 2), recovery)
        error[recovery] = float((run(small, batch(50, 9))[0] - run(model, batch(50, 9))[0]).square().mean())
    assert error["both"] < 0.5 * error["none"]
    assert error["asymmetric"] < 0.5 * error["none"]
    for criterion in CRITERIA:
        assert np.isfinite(CRITERIA[criterion](Evidence(model, graph, calibration))).all()


class Triples(Dataset[tuple[tuple[Tensor, ...], Tensor]]):
    def __init__(self, count: int, seed: int) -> None:
        self.inputs = batch(count, seed)
        self.targets = network()(*self.inputs).argmax(1)

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[tuple[Tensor, ...], Tensor]:
        return tuple(tensor[index] for tensor in self.inputs), self.targets[index]


def test_a_task_on_a_loader_of_several_inputs() -> None:
    train, calibration, reward, test = (LoaderImages(DataLoader(Triples(48, seed), batch_size=16)) for seed in range(4))
    splits = Splits(train, calibration, reward, test, class_names=None, reward_from_train=False)
    task = Task(network(), splits, ["macs=0.6"], options=TaskOptions(reward_images=20))
    assert task.accuracy(task.model, task.search_images) == 1.0
    assert 0 <= task.scorer()(task.budgets.scale(task.graph.full / task.graph.full)) <= 1
    assert task.digests["images"] != task.digests["weights"]
    small, _ = task.compact(task.graph.least)
    assert small(*batch(2)).shape == (2, 3)


@pytest.mark.parametrize("inputs", [torch.arange(12.0).reshape(4, 3), (torch.zeros(4, 2), torch.ones(4), 3)])
def test_a_batch_is_split_into_pieces(inputs: Example) -> None:
    assert batch_size(inputs) == 4
    assert [len(tensor) for tensor in tensors(take_first(inputs, 3))] == [3] * len(tensors(inputs))


def test_a_failure_tells_all_shapes() -> None:
    with pytest.raises(
        UserError, match=r"fails on inputs of shapes \(2, 3, 8, 8\), \(2, 1, 4, 4\): TypeError.*check image_size"
    ):
        check_runs(network(), batch(2)[:2])


@pytest.mark.parametrize(
    ("items", "got"),
    [([{"image": torch.zeros(2)}] * 4, "dict"), ([({"image": "words"}, 1)] * 4, "list"), (["words"] * 4, "str")],
)
def test_a_loader_of_something_else_is_told(items: list[object], got: str) -> None:
    with pytest.raises(
        UserError, match=rf"expected batches of \(inputs, targets\) from the DataLoader, .* got .*{got}"
    ):
        LoaderImages(DataLoader(items, batch_size=2)).example()  # type: ignore[arg-type]
