import re
from pathlib import Path

import pytest

from agents.comparison.comparison_folder import ComparisonFolder
from agents.comparison.grid import Grid
from agents.report.strategies.seed_means import seed_mean
from agents.report.strategies.strategy_comparison import StrategyComparison
from agents.report.strategies.strategy_tables import results_table
from benchmarks import measured
from benchmarks.measured import COMPARISONS
from benchmarks.pages import MEASURED, PAGES, PLACE, Measured, markdown, with_tables
from scripts import compare
from scripts.command.cli import parse
from tests.command import fail
from tests.made_up_cells import cell


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tables_of_a_page_are_those_of_the_cells(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert with_tables(text) == text
    assert len(re.findall(r"^<!-- (?:strategies|found):", text, re.MULTILINE)) == len(PLACE.findall(text))


def test_the_cells_of_every_comparison_that_was_made_can_be_read() -> None:
    folders = [path.name for path in MEASURED.iterdir()]
    assert folders
    assert set(folders) <= set(COMPARISONS)
    for name in folders:
        cells = ComparisonFolder(MEASURED / name).cells()
        assert {each.budget for each in cells} <= set(COMPARISONS[name].budgets)
        assert {each.strategy for each in cells} <= set(COMPARISONS[name].strategies)
        assert Measured.read(name, cells[0].budget).comparison.of(cells[0].budget)


@pytest.mark.parametrize("name", COMPARISONS)
def test_every_comparison_can_be_asked_for(name: str) -> None:
    arguments = measured.Arguments(data="imagefolder:DIR", weights=("resnet20=W20",))
    words = measured.words(arguments, COMPARISONS[name])
    asked = parse(compare.Arguments, [*words])
    Grid(asked.strategies, asked.budgets, asked.seeds, asked.episodes).check()
    assert asked.network.weights == ("W20" if COMPARISONS[name].model == "resnet20" else "default")


def test_mistakes_are_told() -> None:
    assert "unknown comparison 'digit'; did you mean" in fail(measured, "--only", "digit")
    assert "expected --data imagefolder:DIR with CIFAR-10 for resnet20" in fail(measured, "--only", "resnet20")


def test_a_table_in_markdown_has_a_line_for_each_row() -> None:
    cells = [cell("a", seed, 0.8 + 0.01 * seed) for seed in range(3)]
    text = markdown(results_table(StrategyComparison("net", "top1", cells), "macs=0.5"))
    head, rule, original, uniform, found, *_ = text.splitlines()
    assert head.count("|") == rule.count("|") == original.count("|") == uniform.count("|") == 8
    value, half = seed_mean([0.8, 0.81, 0.82])
    assert half is not None
    assert f"| {100 * value:.2f} ± {100 * half:.2f} |" in found
