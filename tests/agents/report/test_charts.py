import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from agents.report import charts
from agents.report.svg import inline_svg
from agents.result import Episode
from envs.rewards import Outcome

UNITS = np.array([8, 4])
NAMES = ["stem", "block"]


def episode(index: int, macs: int, accuracy: float, kept_counts: Sequence[int] = (8, 4)) -> Episode:
    return Episode(index, np.array(kept_counts), accuracy - 1, Outcome(accuracy, macs, 2 * macs, 1.0))


def over_budget(episode: Episode) -> Episode:
    return dataclasses.replace(episode, outcome=dataclasses.replace(episode.outcome, within_budget=False))


def some_episodes() -> list[Episode]:
    return [
        episode(0, 400, 0.5, (4, 2)),
        episode(1, 300, 0.6, (2, 2)),
        episode(2, 500, 0.9, (6, 1)),
        episode(3, 300, 0.4, (8, 1)),
    ]


def lines(figure: Figure) -> dict[str, Any]:
    """The points of each line with a label, `(2, points)`."""
    return {
        str(line.get_label()): np.array(line.get_data(orig=True), dtype=float)
        for line in figure.axes[0].get_lines()
        if not str(line.get_label()).startswith("_")
    }


outcomes = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6)), max_size=12)


@given(outcomes, st.sampled_from(["macs", "params"]))
def test_the_frontier_is_what_no_other_episode_beats(pairs: list[tuple[int, int]], kind: str) -> None:
    episodes = [episode(index, macs, accuracy / 6) for index, (macs, accuracy) in enumerate(pairs)]

    def beats(one: Episode, other: Episode) -> bool:
        ours, theirs = ((getattr(each.outcome, kind), -each.outcome.accuracy) for each in (one, other))
        no_worse = ours[0] <= theirs[0] and ours[1] <= theirs[1]
        return no_worse and (ours != theirs or one.index < other.index)

    expected = [each for each in episodes if not any(beats(other, each) for other in episodes)]
    expected.sort(key=lambda each: each.outcome.macs)
    assert charts.frontier(episodes, kind) == expected


def test_a_policy_is_found_among_the_episodes() -> None:
    episodes = some_episodes()
    assert charts.of_policy(episodes, [2, 2]) is episodes[1]
    assert charts.of_policy(episodes, [1, 1]) is None
    assert charts.of_policy(episodes, ()) is None


def test_a_users_metric_is_no_percentage() -> None:
    assert (charts.accuracy_name("top5"), charts.accuracy_value(0.5, "top5")) == ("accuracy (%)", 50)
    assert (charts.accuracy_name("own.py:score"), charts.accuracy_value(-3.5, "own.py:score")) == ("metric", -3.5)


def test_the_learning_curve_shows_the_best_so_far_and_the_uniform_policy() -> None:
    figure = charts.learning_curve(some_episodes(), uniform=[4, 2])
    shown = lines(figure)
    np.testing.assert_allclose(shown["best so far"], [[0.0, 1.0, 2.0, 3.0], [-0.5, -0.4, -0.1, -0.1]])
    np.testing.assert_allclose(shown["uniform policy"][1], -0.5)
    assert "uniform policy" not in lines(charts.learning_curve(some_episodes(), uniform=[1, 1]))


def test_what_exceeds_the_budget_is_shown_but_is_not_the_best_so_far() -> None:
    episodes = [over_budget(episode(0, 900, 0.95)), *some_episodes()[1:3], over_budget(episode(3, 900, 0.95))]
    figure = charts.learning_curve(episodes)
    np.testing.assert_allclose(lines(figure)["best so far"][1], [np.nan, -0.4, -0.1, -0.1])
    figure = charts.accuracy_against_cost(episodes, "macs", 1000, "top1")
    np.testing.assert_allclose(lines(figure)["best by reward"][:, 0], [50, 90])


def test_accuracy_against_cost_shows_shares_in_percent() -> None:
    figure = charts.accuracy_against_cost(some_episodes(), "params", 2000, "top1", uniform=[4, 2], original=0.95)
    shown = lines(figure)
    np.testing.assert_allclose(shown["frontier"], [[30, 50], [60, 90]])
    np.testing.assert_allclose(shown["best by reward"], [[50], [90]])
    np.testing.assert_allclose(shown["uniform policy"], [[40], [50]])
    assert "original" not in shown  # it would leave no room for the others
    whole = [*some_episodes(), episode(4, 1000, 0.94)]
    shown = lines(charts.accuracy_against_cost(whole, "params", 2000, "top1", original=0.95))
    np.testing.assert_allclose(shown["original"], [[100], [95]])


def test_the_heat_map_has_a_row_for_each_group() -> None:
    figure = charts.sparsities(some_episodes(), NAMES, UNITS)
    (image,) = figure.axes[0].get_images()
    np.testing.assert_allclose(np.asarray(image.get_array()), [[50, 75, 25, 0], [50, 50, 75, 75]])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == NAMES


def test_names_of_many_groups_are_left_out_and_long_ones_cut() -> None:
    names = [f"a.long.name.of.a.module.in.a.network.{index}" for index in range(300)]
    axes = charts.widths(names, np.full(300, 8), np.full(300, 4)).axes[0]
    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert len(shown) == 75
    assert shown[-1] == "….of.a.module.in.a.network.296"


def test_far_worse_episodes_are_counted_rather_than_shown() -> None:
    rewards = [-9.0, -8.0, -0.5, -0.4, -0.3]
    episodes = [episode(index, 100, reward + 1) for index, reward in enumerate(rewards)]
    axes = charts.learning_curve(episodes).axes[0]
    assert axes.get_ylim()[0] > -2
    assert [text.get_text() for text in axes.texts] == ["2 below"]


@pytest.mark.parametrize("count", [1, 3])
def test_episodes_that_are_all_the_same_can_be_drawn(count: int) -> None:
    episodes = [episode(index, 500, 0.5) for index in range(count)]
    for figure in (
        charts.learning_curve(episodes, uniform=[8, 4]),
        charts.accuracy_against_cost(episodes, "macs", 1000, "top1", [8, 4], 0.9),
        charts.sparsities(episodes, NAMES, UNITS),
        charts.widths(NAMES, UNITS, UNITS),
    ):
        assert "<svg" in inline_svg(figure, "name", "what it shows")


def test_a_figure_in_a_page_takes_the_colours_of_the_page() -> None:
    one, again = (
        inline_svg(charts.accuracy_against_cost(some_episodes(), "macs", 1000, "top1"), "scatter", '"<all>"')
        for _ in range(2)
    )
    assert one == again
    assert one.startswith('<svg role="img" aria-label="&quot;&lt;all&gt;&quot;"')
    assert "currentColor" in one
    assert "var(--grid)" in one
    for absent in (charts.INK, charts.GRID, charts.BLUE, "http", "<script", "<metadata", "<?xml"):
        assert absent not in one
