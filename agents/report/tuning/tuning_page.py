"""The page of a fine-tuning, made of the template `templates/tuning.html`."""

from __future__ import annotations

from agents.report import charts
from agents.report.rendering import render
from agents.report.tuning import tuning_sentences, tuning_tables
from agents.report.tuning.tuning_record import TuningRecord
from amc.scoring.number_format import metric_name


def render_tuning(record: TuningRecord) -> str:
    """The HTML of a whole page, which refers to nothing that lies outside it."""
    setup, drawn = record.tuning, []
    if record.epochs:
        loss = charts.loss_curve(record.epochs)
        score = charts.score_curve(record.epochs, record.before, setup.original, setup.metric)
        drawn = [
            charts.inline_svg(loss, "loss", "Mean loss of every epoch."),
            charts.inline_svg(
                score, "score", "Score on the reward images after every epoch, original and pruned as lines."
            ),
        ]
    metric = metric_name(setup.metric)
    return render(
        "tuning.html",
        headline=tuning_sentences.headline(record),
        state=tuning_sentences.state(record),
        resume_command=tuning_sentences.how_to_resume(record),
        judgement=tuning_sentences.judgement(record),
        metric=f"{metric[:1].upper()}{metric[1:]}",
        scores=tuning_tables.scores(record),
        charts=drawn,
        costs=tuning_tables.costs(record),
        commands=tuning_tables.commands(record),
        circumstances=tuning_tables.circumstances(record),
    )
