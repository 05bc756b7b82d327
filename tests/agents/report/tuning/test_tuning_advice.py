from typing import Any

import pytest

from agents.report.tuning.tuning_advice import advice
from amc.training.training_progress import Epoch
from amc.utils.option_names import options_as_flags

OPTIONS: dict[str, Any] = {"lr": 0.05, "epochs": 3, "distillation": 0.9}


def epochs(*scores: float) -> list[Epoch]:
    return [Epoch(1.0, score) for score in scores]


def test_nothing_is_said_where_an_epoch_is_better() -> None:
    assert advice(0.8, 0.9, epochs(0.7, 0.85, 0.6), OPTIONS) == ""


def test_nothing_is_said_before_the_first_epoch() -> None:
    assert advice(0.8, 0.9, (), OPTIONS) == ""


def test_what_stays_below_is_told_a_lower_learning_rate() -> None:
    said = advice(0.8, 0.9, epochs(0.3, 0.5, 0.4), OPTIONS)
    assert said.startswith("No epoch beats the pruned network on the reward images: the pruned network is kept.")
    assert said.endswith("What may help: lr=0.005, epochs=6.")


def test_what_is_no_better_than_before_beats_nothing() -> None:
    assert "the pruned network is kept" in advice(0.8, 0.9, epochs(0.8), OPTIONS)


def test_what_still_rises_is_told_more_epochs_first() -> None:
    said = advice(0.8, 0.9, epochs(0.5, 0.6, 0.7), OPTIONS)
    assert "still rising in the last epoch" in said
    assert said.endswith("What may help: epochs=6, lr=0.005.")


def test_without_soft_targets_they_are_advised() -> None:
    assert "distillation=0.9" in advice(0.8, 0.9, epochs(0.5), {**OPTIONS, "distillation": 0.0})


def test_where_pruning_cost_nothing_only_test_images_tell() -> None:
    said = advice(0.9, 0.9, epochs(0.8), OPTIONS)
    assert "scores no less there than the original; only test images tell" in said


def test_an_interruption_is_said_first() -> None:
    said = advice(0.8, 0.9, epochs(0.5), OPTIONS, interrupted=True)
    assert said.startswith("It was interrupted after 1 of 3 epochs. No epoch beats")
    assert "before its first epoch was over" in advice(0.8, 0.9, (), OPTIONS, interrupted=True)
    assert advice(0.8, 0.9, epochs(0.85), OPTIONS, interrupted=True) == ""


def test_a_low_learning_rate_is_not_lowered_for_ever() -> None:
    assert "lr=0.0001," in advice(0.8, 0.9, epochs(0.5), {**OPTIONS, "lr": 5e-4})
    said = advice(0.8, 0.9, epochs(0.5), {**OPTIONS, "lr": 1e-4})
    assert said.endswith("The learning rate is low already. What may help: epochs=6, more training images.")


def test_a_command_names_flags() -> None:
    with options_as_flags():
        said = advice(0.8, 0.9, epochs(0.3), OPTIONS)
    assert said.endswith("What may help: --lr 0.005, --epochs 6.")


@pytest.mark.parametrize(("rate", "tenth"), [(0.3, "0.03"), (0.07, "0.007"), (0.012, "0.0012")])
def test_rates_are_short_numbers(rate: float, tenth: str) -> None:
    assert f"lr={tenth}," in advice(0.8, 0.9, epochs(0.3), {**OPTIONS, "lr": rate})
