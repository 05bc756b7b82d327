import re
from pathlib import Path

import pytest

from scripts import evaluate, train
from scripts.command import job
from tests.command import Done, call, succeed

FEW = ("--calibration-images", "40", "--reward-split", "60", "--test-images", "20")


@pytest.fixture
def before_the_analysis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches end where their analysis would begin."""

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "Task", stop)


def begin(*words: str | Path) -> Done:
    return call(train, "--run-dir", "nowhere", *words)


@pytest.mark.usefixtures("before_the_analysis")
def test_what_the_original_scores_is_said_first() -> None:
    done = begin(*FEW)
    assert re.fullmatch(r"original: top1 (100\.00|9\d\.\d\d) % on 60 reward images \(validation\)\n", done.out)
    assert done.err == "interrupted\n"
    assert begin(*FEW, "--quiet").out == ""


@pytest.mark.usefixtures("before_the_analysis")
def test_a_network_without_weights_is_warned_of(own_file: Path) -> None:
    own = ("--model", f"{own_file}:build", "--data", f"{own_file}:data")
    warning, _ = begin(*own).err.splitlines()
    assert re.match(r"warning: top1 of \d+\.\d\d % is near chance, which is \d+\.\d\d % here: ", warning)
    assert f"without --weights, they are those that {own_file}:build returned" in warning
    assert "--weights none" in begin(*FEW, "--weights", "none").err
    assert "near chance" not in begin(*own, "--quiet").err


@pytest.mark.usefixtures("before_the_analysis")
def test_a_users_metric_is_a_number_of_which_no_chance_is_known(own_file: Path) -> None:
    own = ("--model", f"{own_file}:build", "--data", f"{own_file}:data", "--metric", f"{own_file}:agreement")
    done = begin(*own)
    assert re.fullmatch(rf"original: {own_file}:agreement -\d+\.\d{{4}} on 32 reward images \(validation\)\n", done.out)
    assert done.err == "interrupted\n"


def test_fidelity_warns_of_random_weights_that_it_does_not_show(own_file: Path) -> None:
    fidelity = (*FEW, "--metric", "fidelity")
    warning = "warning: digits_resnet has random weights (--weights none), which fidelity does not show: "
    assert warning in succeed(evaluate, *fidelity, "--weights", "none").err
    assert "random weights" not in succeed(evaluate, *fidelity).err
    own = ("--model", f"{own_file}:build", "--data", f"{own_file}:data", "--metric", "fidelity", "--weights", "none")
    assert "random weights" not in succeed(evaluate, *own).err


def test_evaluate_warns_of_an_original() -> None:
    assert "is near chance" in succeed(evaluate, *FEW, "--weights", "none").err
    assert "is near chance" not in succeed(evaluate, *FEW).err
