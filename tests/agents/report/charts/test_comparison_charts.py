import numpy as np

from agents.report import charts
from tests.made_up_runs import over_budget, some_episodes


def test_each_run_has_its_own_line_in_all_charts() -> None:
    lines = charts.run_lines([f"run {number}" for number in range(15)])
    assert len({(line.colour, line.style) for line in lines}) == 15
    assert len(charts.run_lines(["run"] * 40)) == 40


def test_the_curves_are_the_best_so_far() -> None:
    one, two = charts.run_lines(["one", "two"])
    first, *others = some_episodes()
    figure = charts.best_so_far_curves({one: some_episodes(), two: [over_budget(first), *others]}, -0.3)
    shown = {str(line.get_label()): np.asarray(line.get_ydata()) for line in figure.axes[0].lines}
    np.testing.assert_allclose(shown["one"], [-0.5, -0.4, -0.1, -0.1])
    np.testing.assert_allclose(shown["two"], [np.nan, -0.4, -0.1, -0.1])
    np.testing.assert_allclose(shown["uniform policy"], [-0.3, -0.3])


def test_widths_are_shares_of_the_original() -> None:
    (one,) = charts.run_lines(["one"])
    figure = charts.kept_shares(["stem", "block"], [8, 4], {one: [4, 1]}, [6, 3], "title")
    shown = {str(line.get_label()): np.asarray(line.get_xdata()) for line in figure.axes[0].lines}
    np.testing.assert_allclose(shown["one"], [50, 25])
    np.testing.assert_allclose(shown["uniform policy"], [75, 75])
