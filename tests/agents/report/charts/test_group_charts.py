import numpy as np

from agents.report import charts
from tests.made_up_runs import some_episodes


def test_the_heat_map_has_a_row_for_each_group() -> None:
    figure = charts.sparsities(some_episodes(), ["stem", "block"], np.array([8, 4]))
    (image,) = figure.axes[0].get_images()
    np.testing.assert_allclose(np.asarray(image.get_array()), [[50, 75, 25, 0], [50, 50, 75, 75]])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["stem", "block"]


def test_names_of_many_groups_are_left_out_and_long_ones_cut() -> None:
    names = [f"a.long.name.of.a.module.in.a.network.{index}" for index in range(300)]
    axes = charts.widths(names, np.full(300, 8), np.full(300, 4)).axes[0]
    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert len(shown) == 75
    assert shown[-1] == "….of.a.module.in.a.network.296"
