"""The evaluation of one network: its score on images, its costs and its time per image."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from amc.artifacts.given_network import NetworkLike, find_network, find_original, preparation_of
from amc.artifacts.policy import OriginalLike
from amc.cost.costs import COSTS, format_cost
from amc.data.find_data import Given
from amc.data.load import Splits, load_for
from amc.graph import trace_graph
from amc.graph.inputs import Example, batch_size, feed, tensors
from amc.pruning.inference_form import for_inference
from amc.scoring.checked_score import CheckedScore, checked_score
from amc.scoring.metric_targets import with_targets
from amc.scoring.metrics import Metric, check_runs, compares_outputs, moved_inputs
from amc.scoring.number_format import COST_NAMES, percent, score
from amc.scoring.original_outputs import has_outputs
from amc.utils.column_widths import Column
from amc.utils.device import DeviceLike, find_device
from amc.utils.option_names import worded
from amc.utils.registry import look_up
from amc.utils.tabular import Table, Tabular

SPLITS = {"reward": "reward (validation) images", "test": "test images"}
"""The splits that a network may be scored on, with the words for their images."""
BATCH = 250
"""The number of images that are scored at once."""
TIMED_BATCHES = (1, 64)
"""The numbers of images whose time is measured."""
TIMED_SECONDS = 1.0
"""The seconds that each of them is measured, at the least."""


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation(Tabular):
    """The score, the costs and the time per image of one network.

    Attributes:
        name: The name of the network.
        found: The score, with the number of images and the score of answers at random.
        split: The split that was scored: `test` or `reward`.
        costs: The costs for one image, by kind.
        milliseconds: The median time per image in ms, by how many images are computed at once. It is rough, in eager
            mode with all threads; `amc.measure_latency` is exact.
        device: The device that the network ran on.
    """

    name: str
    found: CheckedScore
    split: str
    costs: Mapping[str, int]
    milliseconds: Mapping[int, float]
    device: str

    @property
    def score(self) -> float:
        """The score, in [0, 1] for accuracies."""
        return self.found.value

    @property
    def images(self) -> int:
        """The number of images that were scored."""
        return self.found.images

    @property
    def metric(self) -> str:
        """The name of the metric."""
        return self.found.metric

    def __repr__(self) -> str:
        """Return the evaluation in a line."""
        time_alone = next(iter(self.milliseconds.values()))
        return (
            f"<Evaluation of {self.name}: {self.metric} {score(self.metric, self.score)} on {self.images:,}"
            f" {self.split} images, {self.costs['macs']:,} MACs, {time_alone:.3f} ms per image on {self.device}>"
        )

    @property
    def tables(self) -> Sequence[Table]:
        """The table of all numbers."""
        rows = [(f"{self.metric} on {self.images:,} {SPLITS[self.split]}", score(self.metric, self.score))]
        rows += [(COST_NAMES[kind], format_cost(kind, cost)) for kind, cost in self.costs.items()]
        rows += [
            (f"time per image, {images} at once on {self.device}", f"{milliseconds:.3f} ms")
            for images, milliseconds in self.milliseconds.items()
        ]
        return [Table("", [Column("", is_text=True), Column(self.name)], rows, self._notes)]

    @property
    def _notes(self) -> list[str]:
        exact = worded(command="amc latency", python="amc.measure_latency")
        rough = f"The times are rough; {exact} measures them exactly, networks against each other."
        chance = self.found.chance
        if chance is None or not self.found.is_near_chance:
            return [rough]
        return [f"This is near chance, which is {percent(chance)} here.", rough]


def evaluate(
    network: NetworkLike,
    data: Splits | Given,
    metric: str | Metric = "top1",
    split: str = "test",
    *,
    device: DeviceLike = "auto",
    model: OriginalLike | None = None,
    output_kind: str | None = None,
) -> Evaluation:
    """Score a network on images, count its costs and measure its time per image.

    The time is rough; `amc.measure_latency` measures exactly.

    Args:
        network: A network, what `amc.load_network` gives, the result of a search or of a fine-tuning, or the folder of
            a run, whose compact network is scored. It is left as it is.
        data: The images: what `amc.load_data` returned, or what it takes as `data`; for the folder of a run, these are
            made inputs as the run made them. Classes are matched with the network's by name where it has names.
        metric: `top1`, `top5`, `fidelity`, `path/to/file.py:function`, or a function of a network and batches of inputs
            and targets that returns a number, larger being better.
        split: The images that are scored: `test`, or `reward`, the validation images, which `val` names too.
        device: Where the network runs: `cpu`, `cuda`, or `auto` for a GPU if there is one.
        model: The original network, as `amc.load` takes it, which the folder of a run on a network of your own needs.
            With its weights, it is also what `fidelity` compares with; that of a run on a named network is found.
        output_kind: What the original's outputs are where `fidelity` compares them: `scores` (of classes) or `values`,
            for all or by name, as `logits=scores,boxes=values`; values by default.

    Raises:
        UserError: The network does not run on the images, the metric fails, or there is no such split or device.
    """
    split = "reward" if split == "val" else split
    look_up("split", split, SPLITS)
    found = find_network(network, model)
    where = find_device(device)
    scored = found.model.to(where)
    splits = data if isinstance(data, Splits) else load_for(data, **preparation_of(network))
    if not (compares_outputs(metric) and has_outputs(splits)):
        compared = find_original(network, model).to(where) if compares_outputs(metric) else scored
        splits = with_targets(splits, compared, found.class_names, metric, where, output_kind)
    images = splits.test if split == "test" else splits.reward
    example = moved_inputs(images.example(1), where)
    check_runs(scored, example)
    graph = trace_graph(scored, example)
    fast = for_inference(scored, graph)
    result = checked_score(fast, images, metric, BATCH, where)
    batches = {min(size, len(images)): images.example(min(size, len(images))) for size in TIMED_BATCHES}
    return Evaluation(
        name=found.name,
        found=result,
        split=split,
        costs={kind: make(graph)(graph.full) for kind, make in COSTS.items()},
        milliseconds={size: _milliseconds(fast, moved_inputs(batch, where)) for size, batch in batches.items()},
        device=str(where),
    )


def _milliseconds(network: nn.Module, batch: Example) -> float:
    """The median time per image in ms, over at least five runs and one second."""
    times: list[float] = []
    device = tensors(batch)[0].device
    begin = time.perf_counter()
    with torch.inference_mode():
        feed(network, batch)
        while len(times) < 5 or time.perf_counter() - begin < TIMED_SECONDS:
            start = time.perf_counter()
            feed(network, batch)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times) / batch_size(batch)
