"""TensorBoard's HParams tab: a row for each run, with what was asked for and what was reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2  # type: ignore[import-untyped]

from agents.report.tensorboard.curves import BEST_REWARD, RESULTS

COLUMNS = ("model", "strategy", "budget", "reward", "seed", "settings", "episodes", "reward_images")
"""Options that usually differ between runs. TensorBoard shows the first five until it is asked for more."""


def hyperparameters(arguments: Mapping[str, Any]) -> Iterator[Summary]:
    """The events that describe the columns of the table, and the row of a run with these options."""
    values = {name: _text(arguments, name) for name in COLUMNS}
    # TensorBoard sorts columns by a name that it does not show: that begins with the column's place.
    keys = {name: f"{place} {name}" for place, name in enumerate(COLUMNS)}
    experiment = api_pb2.Experiment(
        hparam_infos=[
            api_pb2.HParamInfo(name=keys[name], display_name=name.replace("_", " "), type=api_pb2.DATA_TYPE_STRING)
            for name in COLUMNS
        ],
        metric_infos=[
            api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag), display_name=name)
            for tag, name in [*((f"result/{name}", name) for name in RESULTS), (BEST_REWARD, "best reward")]
        ],
    )
    start = plugin_data_pb2.SessionStartInfo()
    for name, value in values.items():
        start.hparams[keys[name]].string_value = value
    end = plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS)
    yield _summary(metadata.EXPERIMENT_TAG, plugin_data_pb2.HParamsPluginData(experiment=experiment))
    yield _summary(metadata.SESSION_START_INFO_TAG, plugin_data_pb2.HParamsPluginData(session_start_info=start))
    yield _summary(metadata.SESSION_END_INFO_TAG, plugin_data_pb2.HParamsPluginData(session_end_info=end))


def _text(arguments: Mapping[str, Any], name: str) -> str:
    """An option as text: numbers would be shown with decimals."""
    if name == "strategy" and name not in arguments:  # applied to a network, not searched for
        return "policy" if arguments.get("policy") else "agent"
    value = arguments.get(name)
    if name == "reward_images" and value is None:
        return "all"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _summary(tag: str, content: Any) -> Summary:
    described = metadata.create_summary_metadata(content)
    return Summary(value=[Summary.Value(tag=tag, metadata=described, tensor=metadata.NULL_TENSOR)])
