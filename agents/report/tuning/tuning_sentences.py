"""What the report of a fine-tuning says in sentences."""

from __future__ import annotations

from agents.report.command_lines import given_options, resume_command
from agents.report.tuning.comparison import ORIGINAL, PRUNED, TUNED, Comparison
from agents.report.tuning.tuning_advice import advice
from agents.report.tuning.tuning_record import TuningRecord
from agents.report.verdict import opposite, verdict, with_interval
from amc.artifacts.run_folder import PYTHON
from amc.scoring.number_format import COST_NAMES, metric_name, score
from amc.utils.option_names import options_as_flags
from amc.utils.text import counted


def headline(record: TuningRecord) -> str:
    """The result of a fine-tuning in a sentence."""
    setup, found = record.tuning, record.comparison
    macs = setup.costs["macs"]
    what = f"{setup.model} at {100 * macs.ratio:.1f} % of its {COST_NAMES['macs']}, fine-tuned"
    if found is None:
        best = score(setup.metric, record.best_score, digits=1)
        return f"{what}: {metric_name(setup.metric)} {best} on reward (validation) images so far"
    scores = {name: score(setup.metric, value, digits=1) for name, value in found.test.items()}
    name = metric_name(setup.metric)
    return f"{what}: {name} {scores[TUNED]} on test images; pruned {scores[PRUNED]}, original {scores[ORIGINAL]}"


def state(record: TuningRecord) -> str:
    """How far a fine-tuning has come."""
    done = f"{len(record.epochs)} of {counted(record.tuning.epochs, 'epoch')}"
    if record.summary is None:
        return f"This fine-tuning has not ended: at its last checkpoint, {done} were over. What follows is so far."
    if record.summary.interrupted:
        return f"This fine-tuning was interrupted: {done} are over. What follows is the best of them."
    return f"This fine-tuning has ended: {done} are over."


def judgement(record: TuningRecord) -> list[str]:
    """What the numbers mean, in sentences."""
    with options_as_flags(flags=record.program != PYTHON):
        interrupted = record.summary is not None and record.summary.interrupted
        setup = record.tuning
        found = [advice(record.before, setup.original, record.epochs, setup.options, interrupted=interrupted)]
    if record.comparison is not None:
        found.append(_against_original(record.comparison))
    return [sentence for sentence in found if sentence]


def _against_original(found: Comparison) -> str:
    drop = found.drops[TUNED]
    if drop is None:
        return ""
    gain = opposite(drop)
    said = f"On unseen (test) images the tuned network is {verdict(gain).value} the original"
    return f"{said}: {with_interval(found.metric, gain.value, gain)}, with the 95 % interval in brackets."


def how_to_resume(record: TuningRecord) -> str | None:
    """The command that goes on with a fine-tuning; None where it has ended, or was begun from Python."""
    if record.summary is not None or not record.words:
        return None
    return resume_command(record.program, record.folder, given_options(record.words))
