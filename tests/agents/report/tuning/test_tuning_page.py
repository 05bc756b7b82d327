import dataclasses
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from agents.report.run_summary import Interval, RunSources
from agents.report.tuning.tuning_page import render_tuning
from agents.report.tuning.tuning_record import OPTIONS, TuningRecord, TuningSetup, TuningSummary
from amc.artifacts.policy import CostReached, LatencyReached
from amc.training.training_progress import Epoch
from tests.html_page import HtmlPage, expect_self_contained

SETUP = TuningSetup(
    model="net",
    metric="top1",
    source="runs/net",
    seed=3,
    original=0.9,
    options=dict.fromkeys(OPTIONS, "as given") | {"epochs": 3, "lr": 0.05, "distillation": 0.9, "flip": True},
    costs={"macs": CostReached(1000, 500, 0.5), "params": CostReached(100, 40, 0.4)},
)
SUMMARY = TuningSummary(
    original_accuracy=0.9,
    pruned_accuracy=0.7,
    tuned_accuracy=0.85,
    test_accuracy_original=0.88,
    test_accuracy_pruned=0.68,
    test_accuracy_tuned=0.87,
    test_drop_pruned=Interval(0.2, 0.17, 0.23),
    test_drop_tuned=Interval(0.01, -0.01, 0.03),
    wall_seconds=100.0,
    arguments=RunSources(model="net", data="digits", metric="top1"),
)


def record(**changes: Any) -> TuningRecord:
    """A fine-tuning of three epochs that was made up."""
    whole = TuningRecord(
        program="finetune",
        words=("--run-dir", "runs/net", "--epochs", "3"),
        before=0.7,
        epochs=(Epoch(1.5, 0.8), Epoch(1.2, 0.85), Epoch(1.1, 0.84)),
        seconds=80.0,
        versions={"torch": "2"},
        tuning=SETUP,
        folder=Path("runs/net-tuned"),
        summary=SUMMARY,
    )
    return dataclasses.replace(whole, **changes)


def setup(**changes: Any) -> TuningSetup:
    return dataclasses.replace(SETUP, **changes)


def test_it_shows_before_and_after() -> None:
    content = render_tuning(record())
    expect_self_contained(content)
    page = HtmlPage(content)
    assert page.headings[0] == (
        "net at 50.0 % of its MACs, fine-tuned: accuracy 87.0 % on test images; pruned 68.0 %, original 88.0 %"
    )
    assert "This fine-tuning has ended: 3 of 3 epochs are over." in content
    assert page.rows["original"] == ["90.00 %", "88.00 %", ""]
    assert page.rows["pruned"] == ["70.00 %", "68.00 %", "20.00 points (17.00 to 23.00)"]
    assert page.rows["tuned"] == ["85.00 %", "87.00 %", "1.00 points (-1.00 to 3.00)"]
    assert page.rows["MACs"] == ["1,000", "500", "50.00 %"]
    assert page.rows["made from"] == ["runs/net"]
    assert page.rows["flip"] == ["yes"]
    assert page.rows["time in all"] == ["1 min 40 s"]
    assert len(page.labels) == 2


@pytest.mark.parametrize(
    ("drop", "said"),
    [
        (Interval(0.01, -0.01, 0.03), "is not told apart from the original: -1.00 points (-3.00 to +1.00)"),
        (Interval(0.03, 0.01, 0.05), "is worse than the original: -3.00 points (-5.00 to -1.00)"),
        (Interval(-0.03, -0.05, -0.01), "is better than the original: +3.00 points (+1.00 to +5.00)"),
    ],
)
def test_it_says_plainly_what_the_test_images_say(drop: Interval, said: str) -> None:
    content = render_tuning(record(summary=dataclasses.replace(SUMMARY, test_drop_tuned=drop)))
    assert f"On unseen (test) images the tuned network {said}" in content


def test_it_says_that_no_epoch_was_better_and_what_to_try() -> None:
    content = unescape(render_tuning(record(before=0.86)))
    assert "No epoch beats the pruned network on the reward images: the pruned network is kept." in content
    assert "What may help: --lr 0.005, --epochs 6." in content
    assert "No epoch beats" not in render_tuning(record())


def test_what_has_not_ended_shows_the_best_so_far_and_how_to_go_on() -> None:
    content = render_tuning(record(summary=None, epochs=SUMMARY_OF_TWO))
    page = HtmlPage(content)
    assert page.headings[0].endswith("fine-tuned: accuracy 85.0 % on reward (validation) images so far")
    assert "at its last checkpoint, 2 of 3 epochs were over" in content
    assert f"--resume {Path('runs/net-tuned').absolute()}</code>" in content
    assert page.rows["tuned, so far"] == ["85.00 %"]
    assert len(page.labels) == 2


SUMMARY_OF_TWO = (Epoch(1.5, 0.8), Epoch(1.2, 0.85))


def test_before_the_first_epoch_there_are_no_curves() -> None:
    page = HtmlPage(render_tuning(record(summary=None, epochs=())))
    assert page.labels == []
    assert page.rows["pruned"] == ["70.00 %"]
    assert "tuned, so far" not in page.rows


def test_what_was_begun_from_python_has_no_command_to_make_it_again() -> None:
    content = render_tuning(record(words=(), program="python", tuning=setup(source=""), summary=None))
    assert "Go on with" not in content
    page = HtmlPage(content)
    assert "make it again" not in page.rows
    assert page.rows["made from"] == ["a result in Python"]


def test_what_was_begun_from_python_goes_on_in_python() -> None:
    sources = dataclasses.replace(SUMMARY.arguments, model="Net", data="")
    summary = dataclasses.replace(SUMMARY, arguments=sources)
    worse = (Epoch(1.5, 0.5),)
    made = record(words=(), program="python", tuning=setup(source=""), summary=summary, epochs=worse)
    content = render_tuning(made)
    rows, run = HtmlPage(content).rows, str(Path("runs/net-tuned").absolute())
    assert rows["evaluate the result"] == [f"amc.evaluate({run!r}, data, model=model)"]
    assert rows["export it"] == [f"amc.export({run!r}, model=model)"]
    assert rows["write this page again"] == [f"amc.report({run!r})"]
    assert "tune it" not in rows
    assert "lr=" in content
    assert "--lr" not in content


def test_a_users_metric_is_a_plain_number_without_an_interval() -> None:
    summary = dataclasses.replace(SUMMARY, test_drop_pruned=None, test_drop_tuned=None)
    content = render_tuning(record(tuning=setup(metric="own.py:agreement"), summary=summary))
    page = HtmlPage(content)
    assert "agreement 0.8700 on test images" in page.headings[0]
    assert page.rows["tuned"] == ["0.8500", "0.8700", ""]
    assert "On unseen" not in content


def test_latency_is_shown_where_it_is_known() -> None:
    latency = LatencyReached(4.0, 3.0, 3.1, "local", "onnxruntime 1, 2 threads")
    rows = HtmlPage(render_tuning(record(tuning=setup(latency=latency)))).rows
    assert rows["latency"][-1] == "75.00 %"


def test_what_files_say_is_escaped() -> None:
    evil = "<script>alert('1')</script>&\"$x$"
    hostile = record(folder=Path(evil), words=("--run-dir", evil), tuning=setup(model=evil, source=evil, metric=evil))
    content = render_tuning(hostile)
    expect_self_contained(content)
    assert "&lt;script&gt;" in content
