import numpy as np
import pytest

from agents.report import charts
from agents.report.charts import inline_svg
from agents.report.charts.style import BLUE, GRID, INK
from tests.made_up_runs import episode, some_episodes

UNITS = np.array([8, 4])
NAMES = ["stem", "block"]


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
    for absent in (INK, GRID, BLUE, "http", "<script", "<metadata", "<?xml"):
        assert absent not in one
