"""The problem of a fine-tuning, made from what a user of Python has: a result, or the folder of a run."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from agents.recorded_arguments import read_recorded_arguments
from agents.search.one_call import as_network
from agents.search.search_result import SearchResult
from agents.tuning.tuning_problem import TuningProblem
from agents.tuning.tuning_result import TuningResult
from amc.artifacts.policy import POLICY_FILE, load, read_policy
from amc.data.find_data import Given
from amc.data.load import Splits, load_data
from amc.data.splits import SplitSizes
from amc.networks.sources import Network, has_name, load_network
from amc.scoring.metrics import Metric, compares_classes
from amc.scoring.network_classes import in_network_order
from amc.utils.copying import copy_network
from amc.utils.device import DeviceLike, find_device
from amc.utils.errors import UserError
from amc.utils.option_names import option
from amc.utils.user_file import is_user_function

Source = SearchResult | TuningResult | str | Path
"""What a compact network is fine-tuned from."""


def problem_of(
    source: Source,
    data: Given | Splits | None,
    model: str | nn.Module | Network | None,
    metric: str | Metric | None,
    output_kind: str | None,
    device: DeviceLike | None,
) -> TuningProblem:
    """The problem of giving the compact network of a source other weights, as a result or a folder tells it.

    Raises:
        UserError: A source of another kind, or what `problem_of_folder` raises.
    """
    if isinstance(source, str | Path):
        return problem_of_folder(Path(source), data, model, metric, output_kind, device)
    if isinstance(source, SearchResult | TuningResult):
        return problem_of_result(source, data, metric, output_kind, device)
    expected = "expected the result of amc.search or amc.finetune, or the folder of a run"
    raise UserError(f"{expected}, got {type(source).__name__}")


def problem_of_result(
    result: SearchResult | TuningResult,
    data: Given | Splits | None,
    metric: str | Metric | None,
    output_kind: str | None,
    device: DeviceLike | None,
) -> TuningProblem:
    """The problem of tuning the network of a result, which is left as it is.

    Args:
        result: The result of a search or of a fine-tuning.
        data: Images in place of those of the result, loaded already or as `amc.load_data` takes them.
        metric: The metric in place of that of the result.
        output_kind: The kinds of outputs in place of those of the result.
        device: The device in place of that of the result.
    """
    before = result.problem if isinstance(result, TuningResult) else _of_search(result)
    torch.manual_seed(before.seed)
    if data is None or isinstance(data, Splits):
        splits = data or before.splits
    else:
        network = as_network(before.original)
        network.model.cpu()
        splits = _splits(data, network, metric or before.metric, before.arguments)
        _print_notes(splits.notes)
    return dataclasses.replace(
        before,
        original=copy_network(before.original),
        pruned=copy_network(result.network),
        policy=result.policy,
        splits=splits,
        metric=metric or before.metric,
        output_kind=output_kind or before.output_kind,
        device=find_device(device or before.device),
    )


def _of_search(result: SearchResult) -> TuningProblem:
    task = result.task
    return TuningProblem(
        original=task.origin.model,
        pruned=result.network,
        policy=result.policy,
        splits=task.splits,
        metric=task.options.metric,
        output_kind=task.options.output_kind,
        seed=task.options.seed,
        device=task.device,
        arguments=result.checkpoint.run["arguments"],
    )


def problem_of_folder(
    folder: Path,
    data: Given | Splits | None,
    model: str | nn.Module | Network | None,
    metric: str | Metric | None,
    output_kind: str | None,
    device: DeviceLike | None,
) -> TuningProblem:
    """The problem of tuning the compact network in a run folder, with what the run recorded where nothing is given.

    Args:
        folder: The folder of a run that has found a policy.
        data: The images, loaded already or as `amc.load_data` takes them.
        model: The original network with its weights, or its name.
        metric: The metric, as `amc.scoring.metrics.find_metric` takes it.
        output_kind: The kinds of outputs, as `amc.scoring.output_kinds.find_kinds` takes them.
        device: The device; None for a GPU if there is one.

    Raises:
        UserError: No such run, files that are damaged, or a user's own function that has to be given again.
    """
    policy, recorded = read_policy(folder / POLICY_FILE), read_recorded_arguments(folder)
    torch.manual_seed(recorded["seed"])
    asked = _given("model", model, recorded)
    network = load_network(asked, recorded["weights"]) if isinstance(asked, str) else as_network(asked)
    metric = _given("metric", metric, recorded)
    splits = data if isinstance(data, Splits) else _splits(_given("data", data, recorded), network, metric, recorded)
    _print_notes((*(f"note: {each}" for each in network.notes), *splits.notes))
    return TuningProblem(
        original=network.model,
        pruned=load(folder, None if model is None else network.model),
        policy=policy,
        splits=splits,
        metric=metric,
        output_kind=output_kind or recorded["output_kind"],
        seed=recorded["seed"],
        device=find_device(device or "auto"),
        arguments=recorded,
        source=str(folder),
    )


def _print_notes(notes: Iterable[str]) -> None:
    for note in notes:
        print(note, file=sys.stderr)


def _given(name: str, given: Any, recorded: Mapping[str, Any]) -> Any:
    """What a user gave, else what the run recorded, unless that has to be given."""
    if given is not None:
        return given
    value = recorded[name]
    if value == "" or (name == "model" and not has_name(value) and not is_user_function(value)):
        raise UserError(f"the {name} of this run came from Python, and no name finds it; give {option(name)}")
    if is_user_function(value):
        raise UserError(f"the run used {option(name, value)}, which is not imported from a run's files; give it again")
    return value


def _splits(data: Given, network: Network, metric: str | Metric, recorded: Mapping[str, Any]) -> Splits:
    """The images, with labels in the order of the network's classes where the metric compares them."""
    names = ("image_size", "mean", "std", "class_order") if isinstance(data, str | Path) else ()
    preparation = {name: recorded[name] for name in names if recorded[name]}
    sizes = SplitSizes(recorded["calibration_images"], recorded["reward_split"], recorded["test_images"])
    splits = load_data(data, network.preprocess, sizes, recorded["seed"], **preparation)
    return in_network_order(splits, network.model, network.class_names) if compares_classes(metric) else splits
