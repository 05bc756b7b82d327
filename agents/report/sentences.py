"""What a report says of a run in sentences."""

from __future__ import annotations

from agents.judgement import ScoreDrop
from agents.report.command_lines import PROGRAMS, given_options, resume_command
from agents.report.run_record import RunRecord
from agents.report.run_result import FOUND, ORIGINAL, UNIFORM, RunResult
from agents.report.verdict import against_uniform, goal_reached, more_calibration_images, recovery_chosen, verdict
from amc.scoring.number_format import COST_NAMES, is_share, metric_name, score


def headline(record: RunRecord, result: RunResult | None) -> str:
    """The result of a run in a sentence."""
    if result is None:
        return f"{record.model}: no policy within the budget has been scored yet"
    asked = [record.minimise] if record.minimise else [limit.partition("=")[0] for limit in record.budget]
    kinds = asked or list(record.whole)
    left = " and ".join(
        f"{100 * result.costs[kind] / record.whole[kind]:.1f} % of its {COST_NAMES[kind]}" for kind in kinds
    )
    scores = {name: score(record.metric, values[-1], digits=1) for name, values in result.scores.items()}
    name, value = metric_name(record.metric), scores[FOUND]
    found = f"{record.model} at {left}: " + (f"{value} {name}" if is_share(record.metric) else f"{name} {value}")
    if record.summary is None:
        return f"{found} so far"
    uniform, original = scores[UNIFORM], scores[ORIGINAL]
    difference = record.summary.difference_to_uniform
    if difference is None or record.keeps_uniform:
        return f"{found} on test images; uniform {uniform}, original {original}"
    return f"{found} on test images, {verdict(difference).value} uniform ({uniform}); original {original}"


def goal_of(record: RunRecord) -> str | None:
    """What the judging images say of the cheapest network that is good enough; None where a budget was to be met."""
    found = record.summary
    if found is None or found.max_drop is None or found.minimise is None or found.drop is None:
        return None
    drop = ScoreDrop(found.drop, found.drop_interval)
    return goal_reached(record.metric, found.minimise, found.max_drop, drop, found.passed_over)


def comparison_with_uniform(record: RunRecord) -> str | None:
    """What the test images say of the found policy against the uniform one; None before they were read."""
    if record.summary is None:
        return None
    summary = record.summary
    return against_uniform(
        record.metric,
        summary.gain_over_uniform,
        summary.difference_to_uniform,
        is_uniform=record.keeps_uniform,
        is_trained=summary.test_accuracy_untrained is not None,
    )


def how_finalists_were_ranked(record: RunRecord) -> str | None:
    """How the policy that is kept was chosen among the best; None where that is not known."""
    summary = record.summary
    if summary is None or not summary.finalists:
        return None
    kept = "" if summary.kept_episode is None else f" That of episode {summary.kept_episode} is kept."
    quick, whole = summary.arguments.search_recovery, summary.recovery_taken or summary.arguments.recovery
    if len(summary.finalists) == 1 and quick == whole:
        return f"The search scored networks just as they are kept, so that its best policy needed no second look.{kept}"
    if len(summary.finalists) == 1:
        return f"There was one policy to choose.{kept}"
    if summary.max_drop is not None:
        return (
            f'The best policies at each budget were made again with the recovery "{whole}" and scored on all reward'
            f" images, and the best of them on the judging images; the cheapest that is good enough is kept.{kept}"
        )
    recovery = "the recovery of what is kept" if whole is None else f'the recovery "{whole}"'
    before = "" if quick in (None, whole) else f' (the search used "{quick}")'
    scaled = "" if summary.latency_after_ms is None else " scaled down where it took longer than predicted,"
    return (
        f"The best policies of the search, its finalists, were made again with {recovery}{before},{scaled} scored on"
        f" all reward images, and ranked again by their reward.{kept}"
    )


def how_recovery_was_chosen(record: RunRecord) -> list[str]:
    """Which closed form networks are kept with and what it was compared with, and what more images would help."""
    summary = record.summary
    if summary is None:
        return []
    chosen = recovery_chosen(record.metric, summary.recovery_taken, summary.recovery_scores)
    return [each for each in (chosen, more_calibration_images(summary.lost)) if each]


def state(record: RunRecord) -> str:
    """How far a run has come, in sentences."""
    done = f"{len(record.episodes)} of {record.asked} episodes"
    if record.summary is None:
        return f"This run has not ended: at its last checkpoint, {done} were scored. What follows is the best so far."
    if not record.summary.interrupted:
        return f"This run has ended: {done} were scored."
    known = record.summary.episodes
    which = "of them" if known == len(record.episodes) else f"of the first {known}"
    return f"This run was interrupted: {done} were scored. What follows is the best {which}."


def how_to_resume(record: RunRecord) -> str | None:
    """The command that goes on with a run; None where it has ended, or was begun from Python."""
    has_ended = record.summary is not None and not record.summary.interrupted
    if has_ended or record.program not in PROGRAMS:
        return None
    return resume_command(record.program, record.folder, given_options(record.words))
