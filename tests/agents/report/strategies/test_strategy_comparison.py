import pytest

from agents.report.strategies.cell import HalfScores
from agents.report.strategies.strategies_page import render_strategies
from agents.report.strategies.strategy_comparison import StrategyComparison
from amc.utils.tabular import Table
from tests.html_page import HtmlPage, expect_self_contained
from tests.made_up_cells import cell, reached


def comparison(*cells: object, metric: str = "top1") -> StrategyComparison:
    return StrategyComparison("net", metric, cells)  # type: ignore[arg-type]


def rows(table: Table) -> dict[str, list[str]]:
    return {row[0]: list(row[1:]) for row in table.rows}


def test_the_best_on_the_judging_half_comes_first_below_what_is_the_same_for_all() -> None:
    found = comparison(cell("a", score=0.7), cell("b", score=0.8), cell("c", score=0.75))
    table, _ = found.tables
    assert list(rows(table)) == ["original", "uniform", "b", "c", "a"]
    assert rows(table)["original"] == ["", "", "", "95.00", "94.00", ""]
    assert rows(table)["b"] == ["1", "8", "8.0 s", "80.00", "79.00", "+10.00"]
    assert found.headline == "3 strategies on net; best on the judging half: b at macs=0.5 (80.00 %)"


def test_uniform_stands_once_where_it_is_a_strategy() -> None:
    table, _ = comparison(cell("a", score=0.7), cell("uniform", score=0.6)).tables
    assert [row[0] for row in table.rows] == ["original", "a", "uniform"]


def test_differences_are_of_equal_seeds() -> None:
    one = [cell("a", seed, judged) for seed, judged in enumerate((0.5, 0.7, 0.9))]
    other = [cell("b", seed, judged) for seed, judged in enumerate((0.52, 0.72, 0.92))]
    found = comparison(*one, *other, cell("b", 7, 0.1))
    difference = found.difference("macs=0.5", "b", lambda each: each.found.judged)
    assert difference == pytest.approx((0.02, 0.0), abs=1e-12)
    table, _ = found.tables
    assert rows(table)["b"][3].startswith("56.50 ± ")
    assert rows(table)["b"][5] == "+2.00 ± 0.00"
    assert "over 4 seeds" in " ".join(table.notes)


def test_there_is_no_difference_to_a_search_that_is_missing() -> None:
    found = comparison(cell("a", 0), cell("b", 1))
    assert found.difference("macs=0.5", "b", lambda each: each.found.judged) is None
    assert rows(found.tables[0])["b"][5] == ""


def test_it_is_told_when_a_strategy_is_as_good_as_the_reference_at_its_end() -> None:
    late = reached((4, 2.0, 0.5), (8, 4.0, 0.9))
    soon = reached((1, 0.5, 0.7), (2, 1.0, 0.85))
    found = comparison(
        *(cell("a", seed, 0.8) for seed in (0, 1)),
        cell("b", 0, 0.9, judged=late),
        cell("b", 1, 0.85, judged=soon, evaluations=2, seconds=1.0),
        cell("c", 0, 0.7),
    )
    assert found.as_good_after("macs=0.5", "a") == (8, 8.0)
    assert found.as_good_after("macs=0.5", "b") == (8, (4.0 + 1.0) / 2)
    assert found.as_good_after("macs=0.5", "c") is None
    table = found.tables[-1]
    assert rows(table) == {"a": ["8 (8.0 s)"], "b": ["8 (2.5 s)"], "c": ["not reached"]}


def test_a_metric_that_is_no_share_is_shown_as_it_is() -> None:
    plain = HalfScores(30.0, 31.0, 32.0)
    table, _ = comparison(cell("a", found=plain, original=plain, uniform=plain), cell("b"), metric="own.py:psnr").tables
    assert rows(table)["a"][3:] == ["31.0000", "32.0000", ""]


def test_the_terminal_shows_all_that_counts_at_80_columns() -> None:
    found = comparison(*(cell(name, seed) for name in ("ddpg", "evolution", "sb3:SAC") for seed in (0, 1, 2)))
    shown = str(found)
    assert max(map(len, shown.splitlines())) <= 80
    assert "│ 80.00 ± 0.00 " in shown
    assert "│ +0.00 ± 0.00 " in shown


def test_the_page_has_the_tables_and_charts_of_every_budget() -> None:
    cells = [
        cell(name, seed, budget=f"macs={share}") for name in ("<a>", "b") for seed in (0, 1) for share in (0.5, 0.3)
    ]
    content = render_strategies(comparison(*cells))
    expect_self_contained(content)
    page = HtmlPage(content)
    assert page.headings[1:] == [
        "Net at macs=0.5",
        "Net at macs=0.3",
        "Evaluations (and time) until as good as <a> at its end",
        "Searches and costs",
    ]
    assert len(page.labels) == 2 * 4 + 1
    assert page.rows["b"][4].endswith(" ± 0.00")
