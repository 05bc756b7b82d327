import errno
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout  # type: ignore[import-untyped]
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData  # type: ignore[import-untyped]
from tensorboard.summary.writer.record_writer import RecordWriter  # type: ignore[import-untyped]
from torch.utils.tensorboard import SummaryWriter

from agents.checkpoint import latest_checkpoint
from agents.episode import Episode
from agents.report.tensorboard.board import Board
from agents.report.tensorboard.curves import CHARTS, RESULTS
from agents.report.tensorboard.hparams import COLUMNS
from amc.artifacts.snapshots import CHECKPOINT_FOLDER
from amc.graph import PruningGraph
from amc.networks.sources import load_network
from amc.prunable_graph import prunable_graph
from amc.utils.errors import UserError
from envs.rewards import Outcome
from scripts import train
from tests.command import call, succeed, summary
from tests.scripts.interrupting import InterruptingSearch
from tests.small_network import SMALL

EPISODES = 8
FAST = ("--recovery", "none", "--search-recovery", "none")
FEW = (*SMALL, "--calibration-images", "40", "--reward-split", "40", "--test-images", "40", "--quiet", *FAST)
EVERY_EPISODE = [
    "best so far/accuracy",
    "best so far/reward",
    "best so far/score",
    "best so far/share of MACs left",
    "best so far/share of memory left",
    "best so far/share of parameters left",
    "episode/accuracy",
    "episode/reward",
    "episode/score",
    "episode/share of MACs left",
    "episode/share of memory left",
    "episode/share of parameters left",
    "episode/share of the reward images used",
    "learning/reward baseline",
]
LOSSES = ["learning/actor loss", "learning/critic loss"]
SCATTERS = [
    "scatter of accuracy against MACs",
    "scatter of accuracy against memory",
    "scatter of accuracy against parameters",
]
HEAT_MAP, WIDTHS = "sparsity of every group", "widths of every group"


def read(folder: Path) -> EventAccumulator:
    accumulator = EventAccumulator(str(folder), size_guidance={"images": 0, "histograms": 0, "scalars": 0})
    accumulator.Reload()
    return accumulator


@pytest.fixture(scope="module")
def events(finished: Path) -> EventAccumulator:
    return read(finished)


def curve(events: EventAccumulator, tag: str) -> list[float]:
    points = events.Scalars(tag)
    assert [point.step for point in points] == list(range(len(points)))
    return [point.value for point in points]


def hparams(events: EventAccumulator, tag: str) -> Any:
    return HParamsPluginData.FromString(events.summary_metadata[f"_hparams_/{tag}"].plugin_data.content)


def charts_shown(events: EventAccumulator) -> dict[str, dict[str, list[str]]]:
    """Of the Custom Scalars tab."""
    *_, tensor = events.Tensors("custom_scalars__config__")
    layout = Layout.FromString(tensor.tensor_proto.string_val[0])
    return {
        category.title: {chart.title: list(chart.multiline.tag) for chart in category.chart}
        for category in layout.category
    }


def test_every_curve_has_a_point_for_each_episode(events: EventAccumulator) -> None:
    for tag in EVERY_EPISODE:
        assert np.isfinite(curve(events, tag)).all()
        assert len(curve(events, tag)) == EPISODES
    results = [f"result/{name}" for name in RESULTS]
    assert sorted(events.Tags()["scalars"]) == sorted([*EVERY_EPISODE, *LOSSES, *results])


def test_losses_begin_with_the_first_updates(events: EventAccumulator) -> None:
    for tag in LOSSES:
        steps = [point.step for point in events.Scalars(tag)]
        assert 0 < len(steps) < EPISODES
        assert steps == list(range(steps[0], EPISODES))


def test_the_curves_agree(events: EventAccumulator) -> None:
    rewards, scores = curve(events, "episode/reward"), curve(events, "episode/score")
    assert curve(events, "best so far/reward") == list(np.maximum.accumulate(rewards))
    np.testing.assert_allclose(np.array(scores) - 1, rewards, atol=1e-6)
    best = int(np.argmax(rewards))
    for name in ("accuracy", "score", "share of MACs left", "share of parameters left"):
        assert curve(events, f"best so far/{name}")[-1] == curve(events, f"episode/{name}")[best]
    assert max(curve(events, "episode/share of MACs left")) <= 0.25


def test_the_layout_names_curves_that_exist(events: EventAccumulator) -> None:
    shown = charts_shown(events)
    assert list(shown) == [*CHARTS, "Share of the cost that is left"]
    assert list(shown["Share of the cost that is left"]) == [
        "MACs, of the best so far",
        "MACs, of every episode",
        "parameters, of the best so far",
        "parameters, of every episode",
        "memory, of the best so far",
        "memory, of every episode",
    ]
    tags = events.Tags()["scalars"]
    for charts in shown.values():
        for patterns in charts.values():
            for pattern in patterns:
                assert len([tag for tag in tags if re.match(pattern, tag)]) == 1, pattern


def test_the_sparsities_of_an_episode(events: EventAccumulator, finished: Path) -> None:
    episodes = latest_checkpoint(finished)[0].past.episodes
    groups = json.loads((finished / "policy.json").read_text())["groups"]
    units = np.array([group["units"] for group in groups])
    histograms = events.Histograms("episode/sparsity of the groups")
    assert [each.step for each in histograms] == list(range(EPISODES))
    for each, episode in zip(histograms, episodes, strict=True):
        assert each.histogram_value.num == len(groups)
        assert each.histogram_value.sum == pytest.approx(np.sum(1 - episode.kept_counts / units))


def test_pictures_of_the_whole_search(events: EventAccumulator, tmp_path: Path) -> None:
    assert sorted(events.Tags()["images"]) == [*SCATTERS, HEAT_MAP, WIDTHS]
    for tag in events.Tags()["images"]:
        (picture,) = events.Images(tag)
        assert picture.step == EPISODES
        (tmp_path / "picture.png").write_bytes(picture.encoded_image_string)
        with Image.open(tmp_path / "picture.png") as image:
            assert min(image.size) >= 300
            assert len(np.unique(np.asarray(image.convert("L")))) > 10


def test_hyperparameters_with_what_they_led_to(events: EventAccumulator, finished: Path) -> None:
    experiment = hparams(events, "experiment").experiment
    assert [column.display_name for column in experiment.hparam_infos] == [name.replace("_", " ") for name in COLUMNS]
    tags = [metric.name.tag for metric in experiment.metric_infos]
    assert set(tags) <= set(events.Tags()["scalars"])
    values = hparams(events, "session_start_info").session_start_info.hparams
    assert [values[column.name].string_value for column in experiment.hparam_infos] == [
        *("digits_resnet", "ddpg", "macs=0.25", "error", "0", "tuned", "8", "all"),
    ]
    found = summary(finished)
    expected = {
        "test accuracy": found["test_accuracy_policy"],
        "reward-image accuracy, uniform": found["uniform_accuracy"],
        "share of MACs left": found["macs_after"] / found["macs_before"],
    }
    for name, value in expected.items():
        (point,) = events.Scalars(f"result/{name}")
        assert point.value == pytest.approx(value, rel=1e-6)


def test_the_summary_as_text(events: EventAccumulator, finished: Path) -> None:
    (text,) = events.Tensors("summary/text_summary")
    (content,) = text.tensor_proto.string_val
    shown = content.decode()
    assert shown.startswith("```json\n")
    assert json.loads(shown.removeprefix("```json\n").removesuffix("\n```")) == summary(finished)


def test_a_strategy_without_an_agent_has_no_losses(tmp_path: Path) -> None:
    succeed(train, "--strategy", "random", "--episodes", "2", "--run-dir", tmp_path, *FEW)
    tags = read(tmp_path).Tags()["scalars"]
    assert "best so far/reward" in tags
    assert not [tag for tag in tags if tag.startswith("learning/")]


def test_what_a_killed_run_wrote_after_its_checkpoint_disappears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        InterruptingSearch(patch, 6, RuntimeError("out of memory"))
        with pytest.raises(RuntimeError, match="out of memory"):
            call(train, "--episodes", "8", "--checkpoint-every", "3", "--run-dir", tmp_path, *FEW)
    assert len(curve(read(tmp_path), "episode/reward")) == 5
    (newest,) = (tmp_path / CHECKPOINT_FOLDER).glob("episode-000005-*")
    newest.unlink()  # as if there had been no time to write it
    succeed(train, "--resume", tmp_path, "--quiet")
    assert len(list(tmp_path.glob("events*"))) == 2
    events = read(tmp_path)
    expected = [episode.reward for episode in latest_checkpoint(tmp_path)[0].past.episodes]
    np.testing.assert_allclose(curve(events, "episode/reward"), expected, rtol=1e-6)
    assert list(charts_shown(events)) == [*CHARTS, "Share of the cost that is left"]


@pytest.fixture(scope="module")
def graph() -> PruningGraph:
    return prunable_graph(load_network("digits_resnet").model, torch.zeros(1, 1, 8, 8))


def scored(graph: PruningGraph, index: int) -> Episode:
    return Episode(index, graph.full, 0.1 * index, Outcome(0.1 * index, 500, 50, 1.0))


def make_board(folder: Path, graph: PruningGraph, episodes: int) -> Board:
    return Board(folder, graph, {"macs": 1000, "params": 100}, episodes, (), metric="top1", uniform=())


def test_a_short_search_draws_at_its_end_only(tmp_path: Path, graph: PruningGraph) -> None:
    board = make_board(tmp_path, graph, 4)
    for index in range(4):
        board.episode(scored(graph, index))
    assert read(tmp_path).Tags()["images"] == []


def test_what_exceeds_the_budget_is_not_the_best_so_far(tmp_path: Path, graph: PruningGraph) -> None:
    board = make_board(tmp_path, graph, 3)
    for index, within in enumerate((False, True, False)):
        episode = scored(graph, index)
        board.episode(replace(episode, outcome=replace(episode.outcome, within_budget=within)))
    events = read(tmp_path)
    assert len(events.Scalars("episode/reward")) == 3
    assert [(point.step, point.value) for point in events.Scalars("best so far/accuracy")] == [
        (1, pytest.approx(0.1)),
        (2, pytest.approx(0.1)),
    ]


def test_a_long_search_draws_ten_times(tmp_path: Path, graph: PruningGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[str, int]] = []
    monkeypatch.setattr(SummaryWriter, "add_figure", lambda _, tag, __, step: drawn.append((tag, step)))
    monkeypatch.setattr("agents.report.tensorboard.board.DRAWING_SHARE", float("inf"))
    board = make_board(tmp_path, graph, 20)
    for index in range(20):
        board.episode(scored(graph, index))
    assert [step for tag, step in drawn if tag == HEAT_MAP] == list(range(1, 20, 2))


def test_a_full_disk_ends_the_events_and_nothing_else(
    tmp_path: Path, graph: PruningGraph, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    board = make_board(tmp_path, graph, 4)
    board.episode(scored(graph, 0))

    def full(_: RecordWriter, __: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(RecordWriter, "write", full)
        board.episode(scored(graph, 1))
    board.episode(scored(graph, 2))
    with pytest.raises(UserError, match=r"could be written into .*: No space left on device; the other results"):
        board.close([scored(graph, index) for index in range(3)], graph.full, {})
    assert curve(read(tmp_path), "episode/reward") == [0.0]
    assert "Traceback" not in capfd.readouterr().err
