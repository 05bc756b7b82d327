"""The description of a network, made by its analysis: what can be pruned, what that costs, what is frozen."""

from __future__ import annotations

from typing import TypedDict, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from amc.artifacts.given_network import ExampleLike, NetworkLike, find_example, find_network
from amc.artifacts.policy import OriginalLike
from amc.cost.costs import COSTS, LATENCY, macs, params
from amc.cost.group_shares import costs_of_groups
from amc.data.image_size import ImageSize
from amc.description import DescribedGroup, Description, GroupCost
from amc.graph import Group, PruningGraph
from amc.graph.group_patterns import Patterns
from amc.graph.inputs import Example
from amc.latency.measuring_device import Device
from amc.latency.network_times import NetworkTimes, measure_network
from amc.latency.target import LOCAL, parse_target
from amc.networks.finite import check_finite
from amc.prunable_graph import prunable_graph
from amc.pruning.materialise_weights import materialise_weights
from amc.scoring.metrics import moved_inputs
from amc.task_options import TaskOptions
from amc.utils.option_names import check_options
from amc.utils.progress_bar import progress_bar


class GroupOptions(TypedDict, total=False):
    """The options of `describe` that say what may be pruned, with the meanings and defaults that `TaskOptions` has."""

    round_to: int | None
    max_sparsity: float
    freeze: Patterns
    only: Patterns


def describe(
    network: NetworkLike,
    example: ExampleLike | None = None,
    *,
    image_size: ImageSize | None = None,
    model: OriginalLike | None = None,
    latency: bool | str = False,
    **options: Unpack[GroupOptions],
) -> Description:
    """Analyse a network: which channels can be cut, what they cost, what is frozen and why; this takes no data.

    Args:
        network: A network, what `amc.load_network` gives, the result of a search or of a fine-tuning, or the folder of
            a run, whose compact network is described. It is left as it is.
        example: An input of the network, all its arguments, its shape such as `3x224x224` or `(3, 224, 224)`, or data;
            None where it is known of the network.
        image_size: Height and width of the input in pixels, in place of an example.
        model: The original network, as `amc.load` takes it, which the folder of a run on a network of your own needs.
        latency: Whether the network and its layers are measured in ONNX Runtime with one thread: True for this machine,
            or `ssh:[user@]host[:port]` for another.
        **options: Any of these:
            round_to: The number of channels that widths are multiples of; what suits each group by default.
            max_sparsity: The largest share of a group that may be cut, in (0, 1); 0.8 by default.
            freeze: Patterns of groups that stay whole, such as `stem` or `layer4.*`; one, or several as a list.
            only: Patterns of the groups that may be cut; all by default.

    Raises:
        UserError: A network that can't be run, or of which nothing can be pruned; a pattern that matches nothing; a
            machine that can't be reached.
    """
    check_options(options, (*GroupOptions.__annotations__, "example", "image_size", "latency"))
    found = find_network(network, model)
    module = found.model.cpu()
    check_finite(module, "the network")
    materialise_weights(module)
    inputs = moved_inputs(find_example(found, example, image_size), torch.device("cpu"))
    graph = prunable_graph(module, inputs, TaskOptions(**options))
    times = _times(module, graph, inputs, LOCAL if latency is True else latency) if latency else None
    costs: dict[str, tuple[float, float]] = {}
    for kind, make in COSTS.items():
        cost = make(graph)
        costs[kind] = cost(graph.full), cost(graph.least)
    if times is not None:
        costs[LATENCY] = times.whole, times.least
    divided = _divided(graph, times)
    return Description(
        name=found.name,
        inputs=graph.inputs,
        groups=tuple(_group(graph, group, cost) for group, cost in zip(graph.groups, divided, strict=False)),
        fixed=divided[-1],
        frozen=graph.frozen,
        costs=costs,
        times=times,
    )


def _times(model: nn.Module, graph: PruningGraph, example: Example, target: str) -> NetworkTimes:
    with Device(parse_target(target)) as device, progress_bar("measuring layers") as bar:
        return measure_network(device, model, graph, example, bar.update)


def _divided(graph: PruningGraph, times: NetworkTimes | None) -> list[GroupCost]:
    """What is due to each group, and last to what no group cuts."""
    of_macs, of_params = macs(graph), params(graph)
    macs_by_layer = costs_of_groups(of_macs, graph.full)
    layers = of_macs.terms(graph.full).astype(np.float64)
    columns = [
        _with_rest(macs_by_layer, layers),
        _with_rest(costs_of_groups(of_params, graph.full), of_params.terms(graph.full)),
    ]
    milliseconds = np.zeros(len(layers)) if times is None else times.layers
    columns.append(_with_rest(macs_by_layer / layers[:, None] * milliseconds[:, None], milliseconds))
    return [GroupCost(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _with_rest(divided: NDArray[np.float64], terms: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
    """The sums over the rows, and last what is left of `terms`, float64 `(groups + 1,)`."""
    sums = divided.sum(axis=0)
    return np.append(sums, max(float(terms.sum() - sums.sum()), 0.0))


def _group(graph: PruningGraph, group: Group, cost: GroupCost) -> DescribedGroup:
    return DescribedGroup(
        name=group.name,
        width=group.width,
        choices=tuple(units * group.channels_per_unit for units in group.choices),
        producers=tuple(graph.layers[index].name for index in group.producers),
        consumers=tuple(graph.layers[index].name for index in group.consumers),
        cost=cost,
    )
