"""An episode evaluated the straightforward way, as published code for AMC does: what benchmarks/search_speed.py beats.

The network keeps its size and has zeros where channels are cut; all is float32 with the channels first; every
evaluation makes a DataLoader, whose dataset makes pictures into inputs as torchvision's do; consumers are refitted by
scikit-learn from rows that were sampled once.
"""

from __future__ import annotations

import copy
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import Ridge
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import Compose, Normalize, ToTensor

from amc.data.preprocess import Preprocess
from amc.data.resident import ResidentImages
from amc.graph import KeptCounts, Layer, PruningGraph
from amc.recovery.calibration import reconstructable_layers
from amc.recovery.least_squares import RIDGE

BATCH = 128
CALIBRATION_BATCH = 100
InputRows = NDArray[np.float32]
"""The inputs of a consumer at sampled positions, `(n, inputs * kernel)`."""


class Pictures(Dataset[tuple[Tensor, int]]):
    """A dataset of pictures in memory, each made into an input whenever it is read.

    Args:
        images: The inputs that the pictures are made from.
        preprocess: The preprocessing that made the inputs, which is undone.
    """

    def __init__(self, images: ResidentImages, preprocess: Preprocess) -> None:
        mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (preprocess.mean, preprocess.std))
        pixels = ((images.inputs * std + mean) * 255).round().to(torch.uint8)
        self._pictures = pixels.permute(0, 2, 3, 1).contiguous().numpy()
        self._classes = images.targets.tolist()
        self._transform = Compose([ToTensor(), Normalize(preprocess.mean, preprocess.std)])

    def __len__(self) -> int:
        return len(self._classes)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """The input `(c, h, w)` and the class of one picture."""
        return self._transform(Image.fromarray(self._pictures[index])), self._classes[index]


class PaperStyle:
    """Scores policies of a network of plain convolutions and linear layers whose batch norms keep statistics.

    Args:
        model: The network.
        graph: The network's analysis.
        importance: The importance of every unit, `(units,)`, by which channels are chosen.
        rows: What every consumer reads at sampled positions, `(n, inputs * kernel)`, by the name of its weight.
        calibration: The pictures that the statistics of batch norms are taken on.
        reward: The pictures that networks are scored on.

    Attributes:
        seconds: The seconds of each part so far, by its name.
    """

    def __init__(
        self,
        model: nn.Module,
        graph: PruningGraph,
        importance: NDArray[np.float64],
        rows: Mapping[str, InputRows],
        calibration: Pictures,
        reward: Pictures,
    ) -> None:
        self.model = copy.deepcopy(model).eval().to(memory_format=torch.contiguous_format)
        self.graph, self.importance = graph, importance
        self.calibration, self.reward = calibration, reward
        self.seconds: dict[str, float] = defaultdict(float)
        self._rows = rows

    def score(self, kept_counts: KeptCounts) -> float:
        """The accuracy with `kept_counts[g]` units of each group, in [0, 1]."""
        with self._timed("choose"):
            mask = self._choose(kept_counts)
        with self._timed("build"):
            network = copy.deepcopy(self.model)
        with self._timed("reconstruct"), torch.no_grad():
            for layer in reconstructable_layers(self.graph):
                self._refit(network.get_submodule(layer.name), layer, layer.inputs.kept(mask))
        with self._timed("statistics"):
            self._take_statistics(network)
        with self._timed("forward"):
            return self._accuracy(network)

    def _choose(self, kept_counts: KeptCounts) -> NDArray[np.bool_]:
        mask = np.zeros(self.graph.unit_count, dtype=np.bool_)
        for group, keep in zip(self.graph.groups, kept_counts, strict=True):
            ranked = np.argsort(-self.importance[group.slice], kind="stable")
            mask[group.first_unit + ranked[:keep]] = True
        return mask

    def _refit(self, module: nn.Module, layer: Layer, kept: NDArray[np.int64]) -> None:
        """Zero what reads cut channels, and change the rest so that the outputs change least."""
        assert isinstance(module.weight, Tensor)
        cut = np.setdiff1d(np.arange(len(layer.inputs)), kept)
        if not len(cut):
            return
        rows = self._rows[layer.weight or ""].reshape(-1, len(layer.inputs), layer.kernel_size)
        weight = module.weight.detach().reshape(len(layer.out), len(layer.inputs), -1).numpy()
        x = rows[:, kept].reshape(len(rows), -1)
        lost = rows[:, cut].reshape(len(rows), -1) @ weight[:, cut].reshape(len(weight), -1).T
        solver = Ridge(alpha=RIDGE * float(np.square(x).sum() / x.shape[1])).fit(x, lost)
        fresh = np.zeros_like(weight)
        fresh[:, kept] = weight[:, kept] + solver.coef_.reshape(len(weight), len(kept), -1)
        module.weight.copy_(torch.from_numpy(fresh).reshape(module.weight.shape))
        if isinstance(module.bias, Tensor):
            module.bias.add_(torch.from_numpy(solver.intercept_))

    def _take_statistics(self, network: nn.Module) -> None:
        norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain average
            norm.train()
        with torch.no_grad():
            for images, _ in DataLoader(self.calibration, CALIBRATION_BATCH):
                network(images)
        network.eval()

    def _accuracy(self, network: nn.Module) -> float:
        right = 0
        with torch.no_grad():
            for images, classes in DataLoader(self.reward, BATCH):
                right += int((network(images).argmax(1) == classes).sum())
        return right / len(self.reward)

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[part] += time.perf_counter() - start
