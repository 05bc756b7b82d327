import dataclasses
from pathlib import Path

import pytest

from agents.report import compare, report
from agents.report.compared_runs import ComparedRun, distinct_names, grouped
from agents.report.comparison_page import render_comparison
from agents.report.run_comparison import RunComparison
from amc.utils.errors import UserError
from tests.html_page import HtmlPage, expect_self_contained
from tests.made_up_runs import compared_run


def comparison(*runs: ComparedRun) -> RunComparison:
    return RunComparison(grouped(runs))


def rows(runs: RunComparison) -> dict[str, list[str]]:
    return {row[0]: list(row[1:]) for row in runs.tables[1].rows}


def test_each_run_stands_below_the_uniform_policy_that_it_has_to_beat() -> None:
    runs = comparison(compared_run("one", 0.8), compared_run("two", 0.7))
    assert list(rows(runs)) == ["uniform", "one", "two"]
    assert rows(runs)["uniform"][1:] == ["85.00 %", "75.00 %", ""]
    assert rows(runs)["one"] == ["50.0 %", "90.00 %", "80.00 %", "+5.00 (+4.00 to +6.00)"]
    assert rows(runs)["two"][3] == "-5.00 (-6.00 to -4.00)"


def test_there_is_one_uniform_policy_for_each_network_and_budget() -> None:
    runs = comparison(
        compared_run("one"),
        compared_run("other", model="wide"),
        compared_run("two"),
        compared_run("tight", budget=("macs=0.3",)),
    )
    assert list(rows(runs)) == [
        "uniform of net at macs=0.5",
        "one",
        "two",
        "uniform of wide at macs=0.5",
        "other",
        "uniform of net at macs=0.3",
        "tight",
    ]
    assert runs.headline == "4 runs of 2 networks compared"
    assert any("networks differ (net, wide)" in note for note in runs.notes)


def test_runs_are_ranked_by_reward_images() -> None:
    one, two = compared_run("one", 0.7), compared_run("two", 0.9)
    assert two.result is not None
    worse = dataclasses.replace(two.result, scores={**two.result.scores, "found": (0.89, 0.9)})
    runs = comparison(one, ComparedRun("two", two.record, worse))
    assert runs.headline == "2 runs of net at macs=0.5: one is best on reward images with 90.00 %"
    assert comparison(one, two).headline.endswith("one and two are best on reward images with 90.00 %")


def test_a_run_that_has_not_ended_has_no_scores_yet() -> None:
    runs = comparison(compared_run("one"), compared_run("under way", ended=False))
    assert rows(runs)["under way"] == ["50.0 %", "", "", ""]
    assert any("Not ended" in note and "under way" in note for note in runs.notes)
    assert comparison(compared_run("a", ended=False), compared_run("b", ended=False)).headline.endswith(
        "none has ended"
    )


def test_the_terminal_shows_all_at_80_columns() -> None:
    shown = str(comparison(compared_run("one"), compared_run("two", budget=("macs=0.3", "latency=20ms"))))
    assert max(map(len, shown.splitlines())) <= 80
    assert "no room for" not in shown


def test_the_page_has_both_tables_and_a_chart_for_each_network() -> None:
    content = render_comparison(comparison(compared_run("one"), compared_run("<two>"), compared_run("b", model="wide")))
    expect_self_contained(content)
    page = HtmlPage(content)
    assert page.headings[1:] == ["Runs", "Results", "Searches and widths"]
    assert page.rows["<two>"][:2] == ["net", "macs=0.5"]
    assert len(page.labels) == 3


def test_runs_are_named_by_what_tells_them_apart() -> None:
    folders = [Path("/a/x/run"), Path("/a/y/run"), Path("/a/y/other")]
    assert distinct_names(folders) == ["x/run", "y/run", "other"]
    assert distinct_names([Path("/a/run"), Path("/a/run/a/run")]) == ["/a/run", "run/a/run"]


def test_mistakes_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is named twice"):
        compare(tmp_path, tmp_path / ".." / tmp_path.name)
    with pytest.raises(UserError, match=r"expected the folder of a run at .*, there is none"):
        compare(tmp_path / "a", tmp_path / "b")
    trained = tmp_path / "tuned" / "checkpoint" / f"step-000001-{'0' * 16}.safetensors"
    trained.parent.mkdir(parents=True)
    trained.touch()
    with pytest.raises(UserError, match="searches are compared; its own report has the pruned network"):
        compare(tmp_path / "tuned", tmp_path / "b")
    with pytest.raises(UserError, match=r"expected the folder of a run, as save\(\) wrote it, got list"):
        report([tmp_path])  # type: ignore[arg-type]
    with pytest.raises(UserError, match="out is for comparisons"):
        report(tmp_path, out="page.html")
