import json
import shlex
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from agents.report import write_report
from agents.report.run_record import read_record
from agents.search import search_run
from amc.artifacts.snapshots import CHECKPOINT_FOLDER
from envs import PruningProblem
from scripts import apply, report, train
from scripts.command.cli import parse
from scripts.command.signals import INTERRUPTED
from tests.command import call, fail, succeed, summary
from tests.html_page import HtmlPage, expect_self_contained
from tests.small_network import NAME, SMALL

FAST = ("--recovery", "none", "--search-recovery", "none")
FEW = ("--calibration-images", "40", "--reward-split", "40", "--test-images", "40", "--quiet", *FAST)
HEADINGS = ["Asked and reached", "Accuracy", "The search", "Finalists", "Widths", "Commands", "Circumstances"]
UNKNOWN = [heading for heading in HEADINGS if heading != "Finalists"]
"""The headings before the end of a search."""


def interrupted_run(folder: Path, error: BaseException, at: int, *words: str) -> int:
    """The exit status of a search that `error` hits in episode number `at`."""
    outcome, scored = PruningProblem.outcome, 0

    def failing(problem: PruningProblem, *given: Any) -> Any:
        nonlocal scored
        scored += 1
        if scored == at + 1:
            raise error
        return outcome(problem, *given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PruningProblem, "outcome", failing)
        return call(train, "--episodes", "20", "--run-dir", folder, *words, *FEW).status


NEW = ("recovery_taken", "recovery_scores", "finalists", "test_drop", "test_difference_to_uniform")
"""The entries of a summary that earlier versions did not write."""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds checkpoints alone."""
    folder = tmp_path_factory.mktemp("runs") / "killed"
    with pytest.raises(RuntimeError, match="out of memory"):
        interrupted_run(folder, RuntimeError("out of memory"), 5)
    for events in folder.glob("events*"):
        events.unlink()
    assert [path.name for path in folder.iterdir()] == [CHECKPOINT_FOLDER]
    return folder


def test_a_run_leaves_its_report(finished: Path) -> None:
    content = (finished / "report.html").read_text(encoding="utf-8")
    expect_self_contained(content)
    found, seen = summary(finished), HtmlPage(content)
    left = 100 * found["macs_after"] / found["macs_before"]
    shown = {name: f"{100 * found[f'test_accuracy_{name}']:.1f} %" for name in ("policy", "uniform", "original")}
    gain = found["test_difference_to_uniform"]
    relation = "better than" if gain["low"] > 0 else "worse than" if gain["high"] < 0 else "not told apart from"
    headline = (
        f"digits_resnet at {left:.1f} % of its MACs: {shown['policy']} accuracy on test images,"
        f" {relation} uniform ({shown['uniform']}); original {shown['original']}"
    )
    assert seen.headings == [headline, *HEADINGS]
    assert f"{relation} uniform" in seen.lead
    assert "This run has ended: 8 of 8 episodes were scored." in content
    assert "Go on with" not in content
    assert len(seen.labels) == 6
    assert all(seen.labels)


def test_the_tables_say_what_the_files_say(finished: Path) -> None:
    rows, found = HtmlPage((finished / "report.html").read_text(encoding="utf-8")).rows, summary(finished)
    assert rows["MACs"][:2] == [f"{found['macs_before']:,}", f"{found['macs_after']:,}"]
    assert rows["MACs left, at most"][0] == "25.00 %"
    for row, name in (("original", "original"), ("uniform", "uniform"), ("found", "policy")):
        scores = (found[f"{name}_accuracy"], found[f"test_accuracy_{name}"])
        assert rows[row][:2] == [f"{100 * score:.2f} %" for score in scores]
    groups = json.loads((finished / "policy.json").read_text())["groups"]
    for group in groups:
        original, _, kept, sparsity = rows[group["name"]]
        assert (original, kept) == (str(group["width"]), str(group["width_after"]))
        assert sparsity == f"{100 * group['sparsity']:.0f} %"
    assert rows["seed"] == ["0"]
    assert "torch" in rows
    assert "time in all" in rows


def test_the_page_tells_who_the_finalists_were_and_marks_the_one_that_is_kept(finished: Path) -> None:
    content, found = (finished / "report.html").read_text(encoding="utf-8"), summary(finished)
    rows = HtmlPage(content).rows
    assert len(found["finalists"]) > 1
    for each in found["finalists"]:
        scores = [f"{100 * each[name]:.2f} %" for name in ("search_accuracy", "reward_accuracy")]
        assert rows[str(each["episode"])] == [*scores, "kept" if each["is_kept"] else ""]
    (kept,) = (each for each in found["finalists"] if each["is_kept"])
    assert kept["reward_accuracy"] == found["policy_accuracy"]
    taken, tried = found["recovery_taken"], found["recovery_scores"]
    assert tried[taken] == max(tried.values())
    assert f"made again with the recovery &#34;{taken}&#34;" in content
    tried_in_words = ", ".join(f"{name} {100 * value:.2f} %" for name, value in tried.items())
    assert f"recovery: {tried_in_words} with the best policy" in content
    assert f"That of episode {kept['episode']} is kept." in content


def test_the_folder_of_an_earlier_version_makes_a_page_without_finalists(finished: Path, tmp_path: Path) -> None:
    copy_checkpoints(finished, tmp_path)
    (tmp_path / "policy.json").write_bytes((finished / "policy.json").read_bytes())
    known = {name: value for name, value in summary(finished).items() if name not in NEW}
    (tmp_path / "summary.json").write_text(json.dumps(known))
    seen = HtmlPage(write_report(tmp_path).read_text(encoding="utf-8"))
    assert seen.headings[1:] == UNKNOWN
    assert "; uniform " in seen.headings[0]
    assert "no interval is known" in seen.lead
    assert read_record(tmp_path).kept_episode is not None


def test_the_commands_are_those_that_were_given(finished: Path) -> None:
    rows = HtmlPage((finished / "report.html").read_text(encoding="utf-8")).rows
    assert rows["make it again"] == [
        "python -m amc train --data digits --calibration-images 200 --criterion l1 --episodes 8"
    ]
    steps = {"evaluate the result": "evaluate", "tune it": "finetune", "export it": "export"}
    for what, command in (steps | {"measure its latency": "latency"}).items():
        assert rows[what] == [shlex.join(["python", "-m", "amc", command, str(finished)])]
    (again,) = rows["write this page again"]
    assert parse(report.Arguments, shlex.split(again)[4:]) == report.Arguments((finished,))


def test_the_report_is_the_same_when_made_again(finished: Path) -> None:
    before = (finished / "report.html").read_bytes()
    done = succeed(report, "--run-dir", finished, drawn=True)
    assert done.out == f"{finished / 'report.html'}\n"
    assert (finished / "report.html").read_bytes() == before


def test_a_killed_run_shows_the_best_so_far_and_how_to_go_on(killed: Path) -> None:
    content = write_report(killed).read_text(encoding="utf-8")
    expect_self_contained(content)
    best = max(read_record(killed).episodes, key=lambda each: each.reward)
    seen = HtmlPage(content)
    assert seen.headings[0].endswith(f"{100 * best.outcome.accuracy:.1f} % accuracy so far")
    assert seen.headings[1:] == UNKNOWN
    assert "This run has not ended: at its last checkpoint, 5 of 20 episodes were scored." in content
    command = shlex.join(["python", "-m", "amc", "train", "--resume", str(killed)])
    assert f"Go on with: <code>{command}</code>" in unescape(content)
    assert seen.rows["found"] == [f"{100 * best.outcome.accuracy:.2f} %"]
    assert "evaluate the result" not in seen.rows


def test_an_interrupted_run_shows_its_result_and_how_to_go_on(tmp_path: Path) -> None:
    assert interrupted_run(tmp_path, KeyboardInterrupt(), 4, *SMALL) == INTERRUPTED
    content = (tmp_path / "report.html").read_text(encoding="utf-8")
    expect_self_contained(content)
    assert "This run was interrupted: 4 of 20 episodes were scored. What follows is the best of them." in content
    assert f"amc train --resume {tmp_path}</code>" in content
    assert "evaluate the result" in HtmlPage(content).rows


def test_a_run_that_was_killed_before_its_first_episode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_run, "forget", lambda _: None)  # what is killed tidies nothing up
    with pytest.raises(RuntimeError, match="out of memory"):
        interrupted_run(tmp_path, RuntimeError("out of memory"), 0, *SMALL)
    content = write_report(tmp_path).read_text(encoding="utf-8")
    seen = HtmlPage(content)
    assert seen.headings == [
        f"{NAME}: no policy within the budget has been scored yet",
        *HEADINGS[:1],
        *HEADINGS[5:],
    ]
    assert seen.rows["MACs left, at most"] == ["25.00 %", ""]


def test_an_applied_agent_is_shown_before_it_learned(finished: Path, tmp_path: Path) -> None:
    agent = ("--agent", str(finished / "agent.zip"), "--episodes", "2", "--budget", "macs=0.4", "params=5K")
    succeed(apply, *agent, *SMALL, *FEW, "--run-dir", tmp_path / "run")
    rows, found = HtmlPage((tmp_path / "run" / "report.html").read_text()).rows, summary(tmp_path / "run")
    before = (found["zero_shot_accuracy"], found["test_accuracy_zero_shot"])
    assert rows["agent before learning"][:2] == [f"{100 * score:.2f} %" for score in before]
    assert rows["parameters left, at most"] == ["5K", f"{found['params_after']:,}"]
    assert rows["make it again"][0].startswith("python -m amc apply --")


@pytest.mark.usefixtures("own_file")
def test_a_users_own_metric_is_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    own = ("--model", "own.py:build", "--data", "own.py:data", "--metric", "own.py:agreement")
    succeed(train, *own, "--round-to", "1", "--episodes", "2", "--quiet", "--run-dir", "run")
    content = Path("run", "report.html").read_text(encoding="utf-8")
    seen, found = HtmlPage(content), summary(Path("run"))
    assert f"agreement {found['test_accuracy_policy']:.4f} on test images; uniform" in seen.headings[0]
    assert seen.headings[2] == "Agreement"
    assert seen.rows["original"][:2] == [
        f"{found[name]:.4f}" for name in ("original_accuracy", "test_accuracy_original")
    ]
    assert seen.rows["evaluate the result"][0].endswith(" ".join(own).replace("own.py", f"{tmp_path}/own.py"))


def test_several_runs_are_compared_in_the_terminal_and_in_a_page(
    finished: Path, killed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(path.name for path in finished.iterdir())
    done = succeed(report, finished, killed, drawn=True)
    assert max(map(len, done.out.splitlines())) <= 80
    assert done.out.splitlines()[-1] == "comparison.html"
    content, found = Path("comparison.html").read_text(encoding="utf-8"), summary(finished)
    expect_self_contained(content)
    row = HtmlPage(content).rows["uniform"]
    assert row[1:] == [f"{100 * found[name]:.2f} %" for name in ("uniform_accuracy", "test_accuracy_uniform")] + [""]
    assert "│ uniform " in done.out
    for folder in (finished, killed):
        assert f"│ {folder.name} " in done.out
    assert sorted(path.name for path in finished.iterdir()) == before
    assert "lies in the run" in fail(report, finished, killed, "--out", finished / "compared.html")
    assert "is a folder" in fail(report, finished, killed, "--out", tmp_path)
    assert "--out is for comparisons" in fail(report, finished, "--out", "page.html")
    assert "named twice" in fail(report, finished, finished)


def test_a_damaged_folder_is_told_in_one_line(tmp_path: Path, killed: Path, finished: Path) -> None:
    assert "no checkpoint in" in fail(report, "--run-dir", tmp_path)
    copy_checkpoints(killed, tmp_path / "cut")
    for checkpoint in (tmp_path / "cut" / CHECKPOINT_FOLDER).iterdir():
        checkpoint.write_bytes(checkpoint.read_bytes()[:-9])
    assert "is damaged: its content is not what was written" in fail(report, "--run-dir", tmp_path / "cut")
    copy_checkpoints(finished, tmp_path / "run")
    for name in ("policy.json", "summary.json"):
        (tmp_path / "run" / name).write_bytes((finished / name).read_bytes())
    content = summary(finished)
    del content["test_accuracy_uniform"]
    (tmp_path / "run" / "summary.json").write_text(json.dumps(content))
    message = fail(report, "--run-dir", tmp_path / "run")
    assert "summary.json is damaged: Object missing required field `test_accuracy_uniform`" in message
    (tmp_path / "run" / "policy.json").write_text("{")
    assert "policy.json is damaged" in fail(report, "--run-dir", tmp_path / "run")
    assert not (tmp_path / "run" / "report.html").exists()


def copy_checkpoints(source: Path, target: Path) -> None:
    (target / CHECKPOINT_FOLDER).mkdir(parents=True)
    for path in (source / CHECKPOINT_FOLDER).iterdir():
        (target / CHECKPOINT_FOLDER / path.name).write_bytes(path.read_bytes())
