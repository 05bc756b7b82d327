import numpy as np
import pytest

from amc.scoring.chance_level import Predictions, is_near_chance_level


def answers(named: np.ndarray, targets: np.ndarray, classes: int) -> Predictions:
    return Predictions(named.tolist(), targets.tolist(), classes)


@pytest.mark.parametrize("k", [1, 5])
def test_chance_is_what_the_same_answers_score_in_random_order(k: int) -> None:
    rng = np.random.default_rng(0)
    targets = rng.choice(12, 300, p=np.arange(1, 13) / 78)
    named = np.stack([rng.permutation(12)[:k] for _ in targets])
    named[:150, 0] = 11
    scores = [(rng.permutation(named) == targets[:, None]).any(axis=1).mean() for _ in range(2000)]
    distinct = np.array([len(set(row)) == k for row in named])
    chance = answers(named[distinct], targets[distinct], 12).chance
    assert chance == pytest.approx(np.mean(scores), abs=0.02)


def test_a_constant_answer_is_chance() -> None:
    targets = np.array([0] * 90 + [1] * 10)
    assert answers(np.zeros((100, 1), dtype=int), targets, 2).chance == pytest.approx(0.9)
    assert answers(np.ones((100, 1), dtype=int), targets, 2).chance == pytest.approx(0.1)


def test_where_all_images_are_of_one_class_answers_come_from_all_classes() -> None:
    assert answers(np.full((10, 1), 3), np.full(10, 3), 8).chance == 1 / 8


def test_where_every_class_is_named_chance_says_nothing() -> None:
    assert answers(np.tile(np.arange(4), (6, 1)), np.zeros(6, dtype=int), 4).chance is None
    assert Predictions([], [], 4).chance is None


@pytest.mark.parametrize(
    ("score", "chance", "images", "is_low"),
    [
        (0.1, 0.1, 10_000, True),
        (0.02, 0.1, 10_000, True),  # below it
        (2 / 12, 1 / 12, 600, True),  # twelve classes in the order of text: 0, 1, 10, 11, 2, ... agree in two
        (0.12, 0.01, 5000, True),  # a hundred classes likewise agree in twelve
        (0.5, 0.1, 10_000, False),
        (0.7, 0.001, 50_000, False),
        (0.93, 0.9, 1000, False),  # few images are of the rare class
        (0.9, 0.9, 1000, True),
        (0.3, 0.1, 20, True),  # by luck
        (0.9, 0.5, 12, False),
        (1.0, 0.5, 4, False),
    ],
)
def test_what_is_near(score: float, chance: float, images: int, is_low: bool) -> None:
    assert is_near_chance_level(score, chance, images) == is_low


def test_a_network_that_guesses_is_found() -> None:
    rng = np.random.default_rng(1)
    missed = 0
    for _ in range(300):
        targets, named = rng.integers(0, 4, 60), rng.integers(0, 4, 60)
        chance = answers(named[:, None], targets, 4).chance
        assert chance is not None
        missed += not is_near_chance_level(float((named == targets).mean()), chance, 60)
    assert missed <= 3
