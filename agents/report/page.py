"""The HTML of a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from agents.report import charts, facts
from agents.report.facts import Result, Table
from agents.report.run_record import Record, read_record
from agents.report.svg import inline_svg
from amc.artifacts.json_validation import entry, number
from amc.artifacts.run_folder import REPORT_FILE
from amc.utils.errors import UserError
from amc.utils.files import write_text

STYLE = """
:root { color-scheme: light dark; --page: #ffffff; --ink: #24292f; --grid: #d0d7de; --soft: #f6f8fa; --faint: #57606a;
  --accent: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --page: #15191e; --ink: #e6edf3; --grid: #3d444d; --soft: #20262d;
  --faint: #9ea7b3; --accent: #56b4e9; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 66rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; border-left: .3rem solid var(--accent);
  padding-left: .8rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .7rem; }
p { margin: .4rem 0; color: var(--faint); max-width: 46rem; }
.state { margin-left: 1.1rem; }
.tables, .charts { display: grid; gap: 1rem 2.5rem; }
.tables { grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), max-content)); }
.charts { grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); align-items: start; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .9rem .3rem 0; text-align: right; border-bottom: 1px solid var(--grid); vertical-align: top; }
th:first-child, td:first-child, .left :is(th, td) { text-align: left; }
thead th { font-weight: 600; color: var(--faint); }
tbody th { font-weight: 400; overflow-wrap: break-word; }
tbody tr.strong :is(th, td) { font-weight: 700; }
figure { margin: 0; }
figure svg { width: 100%; height: auto; display: block; }
figure svg text { font-family: inherit !important; fill: currentColor; }
code { font: .875rem/1.5 ui-monospace, monospace; background: var(--soft); padding: .15rem .4rem; border-radius: .3rem;
  overflow-wrap: anywhere; }
summary { cursor: pointer; color: var(--accent); margin: .8rem 0; }
@media print { :root { --page: #fff; --ink: #000; --grid: #ccc; --soft: #f3f3f3; --faint: #444; --accent: #0072b2;
  font-size: 70%; } body { max-width: none; padding: 0; } figure, tr { break-inside: avoid; } h2 { break-after: avoid; }
  .scroll { overflow: visible; } .charts { grid-template-columns: 1fr 1fr; } }
"""


def page(record: Record) -> str:
    """A whole page without anything that lies outside it.

    Raises:
        ValueError: the files of the run do not go together, or lack an entry, which is named.
    """
    result = facts.result_of(record)
    headline = escape(facts.headline(record, result))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{headline}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<h1>{headline}</h1>\n<p class="state">{escape(facts.state(record))}{_go_on(record)}</p>\n'
        + "\n".join(_sections(record, result))
        + "\n</body>\n</html>\n"
    )


def _go_on(record: Record) -> str:
    command = facts.go_on(record)
    return "" if command is None else f"<br>\nGo on with: <code>{escape(command)}</code>"


def _sections(record: Record, result: Result | None) -> Iterator[str]:
    tables = [_table(facts.asked_and_reached(record, result))]
    if result is not None:
        tables.append(_table(facts.costs(record, result)))
    if stages := facts.stages(record):
        tables.append(_table(stages))
    yield f'<h2>Asked and reached</h2>\n<div class="tables">{"".join(tables)}</div>'
    if result is not None:
        name = facts.metric_name(record)
        yield f"<h2>{escape(name[:1].upper() + name[1:])}</h2>"
        yield _table(facts.scores(record, result), strong=facts.FOUND)
        yield from _search(record)
        yield from _widths(record, result)
    yield f"<h2>Commands</h2>\n{_table(facts.commands(record), code=True)}"
    yield f"<h2>Circumstances</h2>\n{_table(facts.circumstances(record), left=True)}"


def _search(record: Record) -> Iterator[str]:
    """How the search went, in pictures."""
    episodes, units = record.episodes, np.array([group.units for group in record.groups])
    original = None if record.summary is None else entry(record.summary, "original_accuracy", number)
    curve = charts.learning_curve(episodes, record.uniform)
    yield "<h2>The search</h2>\n<p>Each point is an episode: a policy that was pruned, reconstructed and scored.</p>"
    yield '<div class="charts">'
    yield _picture(curve, "reward", "Reward of every episode and of the best so far.")
    for kind, whole in record.whole.items():
        scatter = charts.accuracy_against_cost(episodes, kind, whole, record.metric, record.uniform, original)
        alternative = f"Every scored policy by the {charts.COST_NAMES[kind]} that are left and its score."
        yield _picture(scatter, kind, alternative)
    map_of_all = charts.sparsities(episodes, _names(record), units)
    yield _picture(map_of_all, "sparsity", "Sparsity of every group in every episode.")
    yield "</div>"


def _widths(record: Record, result: Result) -> Iterator[str]:
    """Channels of every group as bars and as a table."""
    bars = charts.widths(_names(record), [group.width for group in record.groups], result.channels, result.uniform)
    yield "<h2>Widths</h2>"
    yield f'<div class="charts">{_picture(bars, "widths", "Channels of every group before and after; see the table.")}'
    yield f"{_table(facts.channels(record, result))}</div>"


def _names(record: Record) -> list[str]:
    return [group.name for group in record.groups]


def _picture(figure: Figure, name: str, alternative: str) -> str:
    return f"<figure>{inline_svg(figure, name, alternative)}</figure>"


def _table(table: Table, *, strong: str = "", code: bool = False, left: bool = False) -> str:
    """A table whose row `strong` stands out, whose last column is code, or whose columns all begin at the left."""

    def cell(text: str, column: int) -> str:
        if column == 0:
            return f'<th scope="row">{escape(text)}</th>'
        return f"<td><code>{escape(text)}</code></td>" if code else f"<td>{escape(text)}</td>"

    def row(cells: Sequence[str]) -> str:
        attribute = ' class="strong"' if cells[0] == strong else ""
        return f"<tr{attribute}>{''.join(cell(text, column) for column, text in enumerate(cells))}</tr>"

    titles = "".join(f'<th scope="col">{escape(text)}</th>' for text in table.head)
    head = f"<thead><tr>{titles}</tr></thead>\n" if titles else ""
    body = "\n".join(map(row, table.rows))
    classes = "scroll left" if code or left else "scroll"
    return f'<div class="{classes}"><table>\n{head}<tbody>\n{body}\n</tbody>\n</table></div>'


def write_report(folder: Path) -> Path:
    """Write the report of the run in `folder` into it, and return its path.

    Raises:
        UserError: no run is there, its files are damaged, or the folder can't be written to.
    """
    record = read_record(folder)
    try:
        content = page(record)
    except ValueError as error:
        raise UserError(f"the results in {folder} are damaged: {error}") from error
    path = folder / REPORT_FILE
    write_text(path, content)
    return path
