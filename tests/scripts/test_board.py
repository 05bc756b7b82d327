import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from scripts import train
from tests.command import succeed, summary

EPISODES = 8


@pytest.fixture(scope="module")
def events(finished: Path) -> EventAccumulator:
    accumulator = EventAccumulator(str(finished), size_guidance={"images": 0, "histograms": 0, "scalars": 0})
    accumulator.Reload()
    return accumulator


def curve(events: EventAccumulator, tag: str) -> list[float]:
    points = events.Scalars(tag)
    assert [point.step for point in points] == list(range(len(points)))
    return [point.value for point in points]


@pytest.mark.parametrize(
    "tag",
    [
        "reward/episode",
        "reward/best so far",
        "reward/baseline",
        "accuracy/episode",
        "accuracy/of the best so far",
        "cost/share of MACs",
        "cost/share of parameters",
        "exploration/sigma",
    ],
)
def test_every_curve_has_a_point_for_each_episode(events: EventAccumulator, tag: str) -> None:
    assert np.isfinite(curve(events, tag)).all()
    assert len(curve(events, tag)) == EPISODES


def test_losses_begin_with_the_first_updates(events: EventAccumulator) -> None:
    for tag in ("loss/critic", "loss/actor"):
        steps = [point.step for point in events.Scalars(tag)]
        assert 0 < len(steps) < EPISODES
        assert steps == list(range(steps[0], EPISODES))


def test_the_curves_agree(events: EventAccumulator, finished: Path) -> None:
    rewards, accuracies = curve(events, "reward/episode"), curve(events, "accuracy/episode")
    assert curve(events, "reward/best so far") == list(np.maximum.accumulate(rewards))
    np.testing.assert_allclose(np.array(accuracies) - 1, rewards, atol=1e-6)
    best = int(np.argmax(rewards))
    assert curve(events, "accuracy/of the best so far")[-1] == accuracies[best]
    assert max(curve(events, "cost/share of MACs")) <= 0.25
    assert max(accuracies) == pytest.approx(summary(finished)["policy_accuracy"])


def test_sparsity_of_every_group(events: EventAccumulator, finished: Path) -> None:
    groups = [group["name"] for group in json.loads((finished / "policy.json").read_text())["groups"]]
    tags = [f"sparsity/{index:03d} {name}" for index, name in enumerate(groups)]
    assert [tag for tag in events.Tags()["scalars"] if tag.startswith("sparsity/")] == tags
    for tag in tags:
        assert len(curve(events, tag)) == EPISODES
        assert all(0 <= value <= 0.8 for value in curve(events, tag))
    histograms = events.Histograms("sparsity over groups")
    assert [each.step for each in histograms] == list(range(EPISODES))
    assert all(each.histogram_value.num == len(groups) for each in histograms)
    mean = np.mean([curve(events, tag)[3] for tag in tags])
    assert histograms[3].histogram_value.sum / len(groups) == pytest.approx(mean)


def test_two_pictures(events: EventAccumulator, tmp_path: Path) -> None:
    assert events.Tags()["images"] == ["best policy", "accuracy against cost"]
    for tag in events.Tags()["images"]:
        (picture,) = events.Images(tag)
        (tmp_path / "picture.png").write_bytes(picture.encoded_image_string)
        with Image.open(tmp_path / "picture.png") as image:
            assert min(image.size) >= 300
            assert len(np.unique(np.asarray(image.convert("L")))) > 10


def test_hyperparameters_with_what_they_led_to(events: EventAccumulator, finished: Path) -> None:
    content = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    for text in (b"settings", b"tuned", b"budget", b"macs=0.25", b"episodes", b"strategy", b"ddpg"):
        assert text in content
    found = summary(finished)
    for name in ("policy_accuracy", "test_accuracy_policy", "macs_after", "wall_seconds"):
        (point,) = events.Scalars(f"result/{name}")
        assert point.value == pytest.approx(found[name], rel=1e-6)


def test_the_summary_as_text(events: EventAccumulator, finished: Path) -> None:
    (text,) = events.Tensors("summary/text_summary")
    (content,) = text.tensor_proto.string_val
    shown = content.decode()
    assert shown.startswith("```json\n")
    assert json.loads(shown.removeprefix("```json\n").removesuffix("\n```")) == summary(finished)


def test_a_strategy_without_an_agent_has_no_losses(tmp_path: Path) -> None:
    few = ("--calibration-images", "20", "--reward-split", "20", "--test-images", "20")
    succeed(train, "--strategy", "random", "--episodes", "2", "--run-dir", tmp_path, "--quiet", *few)
    accumulator = EventAccumulator(str(tmp_path))
    accumulator.Reload()
    tags = accumulator.Tags()["scalars"]
    assert "reward/best so far" in tags
    assert not [tag for tag in tags if tag.startswith(("loss/", "exploration/"))]
