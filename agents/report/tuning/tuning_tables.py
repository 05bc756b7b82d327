"""What the report of a fine-tuning says in tables."""

from __future__ import annotations

from agents.report.command_lines import steps
from agents.report.page_tables import Table
from agents.report.tuning.comparison import ORIGINAL, PRUNED
from agents.report.tuning.tuning_record import OPTIONS, TuningRecord
from amc.cost.costs import LATENCY, format_cost
from amc.scoring.number_format import COST_NAMES, duration, percent, score


def scores(record: TuningRecord) -> Table:
    """The scores of the networks, on the reward images alone before the fine-tuning has ended."""
    if record.comparison is not None:
        table = record.comparison.table
        return Table([column.header for column in table.columns], table.rows)
    known = {ORIGINAL: record.tuning.original, PRUNED: record.before}
    if record.epochs:
        known["tuned, so far"] = record.best_score
    return Table(
        ("network", "reward images"), [(name, score(record.tuning.metric, value)) for name, value in known.items()]
    )


def costs(record: TuningRecord) -> Table:
    """The costs of one image before and after pruning, which fine-tuning leaves as they are."""
    reached = {kind: (cost.before, cost.after) for kind, cost in record.tuning.costs.items()}
    latency: dict[str, tuple[float, float]] = {}
    if record.tuning.latency is not None:
        latency[LATENCY] = (record.tuning.latency.latency_before_ms, record.tuning.latency.latency_after_ms)
    rows = [
        (COST_NAMES[kind], format_cost(kind, before), format_cost(kind, after), percent(after / before))
        for kind, (before, after) in (reached | latency).items()
    ]
    return Table(("cost of one image", "original", "pruned", "left"), rows)


def commands(record: TuningRecord) -> Table:
    """The commands that make the fine-tuning and its report again, and those that go on from its result."""
    arguments = vars(record.summary.arguments) if record.summary else None
    return Table(("to", "run"), steps(record.program, record.words, record.folder, arguments, tuned=True))


def circumstances(record: TuningRecord) -> Table:
    """The circumstances of the fine-tuning: its source, options, seed, metric, times and versions."""
    setup = record.tuning
    rows = [("made from", setup.source or "a result in Python")]
    known = {name: setup.options[name] for name in OPTIONS if setup.options.get(name) is not None}
    rows += [(name.replace("_", " "), _written(value)) for name, value in known.items()]
    rows += [("seed", str(setup.seed)), ("metric", setup.metric), ("time of the training", duration(record.seconds))]
    if record.summary is not None:
        rows.append(("time in all", duration(record.summary.wall_seconds)))
    return Table((), [*rows, *record.versions.items()])


def _written(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
