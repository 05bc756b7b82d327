from pathlib import Path
from typing import Any

import pytest

from agents.report.page import render_page
from agents.report.run_record import GroupShape
from tests.html_page import HtmlPage, expect_self_contained
from tests.made_up_runs import record_of


def test_what_files_say_is_escaped() -> None:
    evil = "<script>alert('1')</script>&\"$x$"
    hostile = record_of(
        5,
        folder=Path(evil),
        words=("--model", f"{evil}.py:net"),
        model=evil,
        strategy=evil,
        metric=evil,
        groups=(GroupShape(evil, 16, 8), GroupShape("]]>-->", 16, 8), GroupShape("</text></svg>", 16, 8)),
    )
    content = render_page(hostile)
    expect_self_contained(content)
    assert evil in HtmlPage(content).rows
    assert "&lt;script&gt;" in content


def test_only_what_a_command_began_can_be_gone_on_with() -> None:
    assert "train --resume" in render_page(record_of(3))
    assert "--resume" not in render_page(record_of(3, program="python"))


def test_a_long_search_of_a_large_network_is_a_small_page() -> None:
    expect_self_contained(render_page(record_of(1200, layers=150)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"whole": {"macs": 1000}}, "'whole': expected costs above 0 of macs and params"),
        ({"whole": {"macs": 0, "params": 100, "memory": 400}}, "'whole': expected costs above 0"),
        ({"groups": (GroupShape("one", 16, 8),)}, "zip"),
        ({"groups": (GroupShape("one", 16, 0),) * 3}, "'groups': 'one' has 16 channels in 0 units"),
        ({"budget": ("macs=",)}, "'budget': 'macs=' is none"),
        ({"budget": ("energy=0.5",)}, "'budget': 'energy=0.5' is none"),
    ],
)
def test_a_record_that_no_run_leaves_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        render_page(record_of(4, **changes))
