from typing import Any

import numpy as np
from matplotlib.figure import Figure

from agents.report import charts
from agents.report.charts.episode_charts import metric_label, metric_value
from tests.made_up_runs import episode, over_budget, some_episodes


def lines(figure: Figure) -> dict[str, Any]:
    """The points of each line with a label, `(2, points)`."""
    return {
        str(line.get_label()): np.array(line.get_data(orig=True), dtype=float)
        for line in figure.axes[0].get_lines()
        if not str(line.get_label()).startswith("_")
    }


def test_a_users_metric_is_no_percentage() -> None:
    assert (metric_label("top5"), metric_value(0.5, "top5")) == ("accuracy (%)", 50)
    assert (metric_label("own.py:score"), metric_value(-3.5, "own.py:score")) == ("metric", -3.5)


def test_the_learning_curve_shows_the_best_so_far_and_the_uniform_policy() -> None:
    figure = charts.learning_curve(some_episodes(), uniform=[4, 2])
    shown = lines(figure)
    np.testing.assert_allclose(shown["best so far"], [[0.0, 1.0, 2.0, 3.0], [-0.5, -0.4, -0.1, -0.1]])
    np.testing.assert_allclose(shown["uniform policy"][1], -0.5)
    assert "uniform policy" not in lines(charts.learning_curve(some_episodes(), uniform=[1, 1]))


def test_the_episode_that_is_kept_is_marked_where_another_scored_more() -> None:
    shown = lines(charts.learning_curve(some_episodes(), kept=1))
    np.testing.assert_allclose(shown["kept policy"], np.array([[1], [-0.4]]))
    scatter = charts.accuracy_against_cost(some_episodes(), "macs", 1000, "top1", kept=1)
    np.testing.assert_allclose(lines(scatter)["kept policy"], [[30], [60]])
    best = charts.accuracy_against_cost(some_episodes(), "macs", 1000, "top1")
    np.testing.assert_allclose(lines(best)["best so far"], [[50], [90]])


def test_what_exceeds_the_budget_is_shown_but_is_not_the_best_so_far() -> None:
    episodes = [over_budget(episode(0, 900, 0.95)), *some_episodes()[1:3], over_budget(episode(3, 900, 0.95))]
    figure = charts.learning_curve(episodes)
    np.testing.assert_allclose(lines(figure)["best so far"][1], [np.nan, -0.4, -0.1, -0.1])
    figure = charts.accuracy_against_cost(episodes, "macs", 1000, "top1")
    np.testing.assert_allclose(lines(figure)["best so far"][:, 0], [50, 90])


def test_accuracy_against_cost_shows_shares_in_percent() -> None:
    figure = charts.accuracy_against_cost(some_episodes(), "params", 2000, "top1", uniform=[4, 2], original=0.95)
    shown = lines(figure)
    np.testing.assert_allclose(shown["frontier"], [[30, 50], [60, 90]])
    np.testing.assert_allclose(shown["best so far"], [[50], [90]])
    np.testing.assert_allclose(shown["uniform policy"], [[40], [50]])
    assert "original" not in shown  # it would leave no room for the others
    whole = [*some_episodes(), episode(4, 1000, 0.94)]
    shown = lines(charts.accuracy_against_cost(whole, "params", 2000, "top1", original=0.95))
    np.testing.assert_allclose(shown["original"], [[100], [95]])


def test_far_worse_episodes_are_counted_rather_than_shown() -> None:
    rewards = [-9.0, -8.0, -0.5, -0.4, -0.3]
    episodes = [episode(index, 100, reward + 1) for index, reward in enumerate(rewards)]
    axes = charts.learning_curve(episodes).axes[0]
    assert axes.get_ylim()[0] > -2
    assert [text.get_text() for text in axes.texts] == ["2 below"]
