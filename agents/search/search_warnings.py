"""Warnings about what makes the numbers of a search worth less, printed on standard error."""

from __future__ import annotations

import sys

from agents.search.drop_goal import DropGoal
from amc.graph.batch_memory import most_images
from amc.scoring.image_scores import ImageScores
from amc.scoring.metrics import CLASS_METRICS
from amc.task import Task
from amc.utils.defaults import AUTO, BLOCKWISE, CLOSED_FORMS
from amc.utils.option_names import option, worded
from amc.utils.text import shortened

SOLVED_AT_ONCE = (AUTO, CLOSED_FORMS[0], BLOCKWISE)
"""The recoveries that solve layers on all images at once, or may do so."""


def warn_of_reward_images(task: Task) -> None:
    """Warn where reward images are training images, before the search."""
    if task.splits.reward_from_train:
        print(
            "warning: the data has no val/ split, so reward images are taken from the training images; a network that"
            " was trained on them flatters itself",
            file=sys.stderr,
        )


def warn_of_images_left_out(task: Task) -> None:
    """Warn where layers are solved on fewer calibration images than there are, before the search."""
    most, count = most_images(task.graph), len(task.splits.calibration)
    if task.options.recovery in SOLVED_AT_ONCE and most < count:
        print(
            f"warning: layers are solved one after the other on {most:,} of the {count:,} calibration images: the"
            " activations of more at once would take much memory; smaller images help",
            file=sys.stderr,
        )


def warn_of_judging_images(task: Task, goal: DropGoal | None) -> None:
    """Warn where one image of those that judge weighs more than the drop that a search may cost, before the search."""
    if goal is None or task.splits.judging is None or task.metric_name not in CLASS_METRICS:
        return
    count = len(task.splits.judging)
    if 0 < goal.largest(task.metric_name) < 1 / count:
        print(
            f"warning: each of the {count} judging images, half of the validation images, counts"
            f" {100 / count:.3g} points, more than {option('max_drop')} {goal.max_drop:g}: a single one decides; more"
            " validation images help",
            file=sys.stderr,
        )


def warn_of_test_images(scores: ImageScores) -> None:
    """Warn where test images are not finite numbers: they are read last, and what was found is not to be lost."""
    if not scores.are_finite:
        print(
            "warning: the test images have numbers that are not finite (NaN or infinite), so that scores on them mean"
            " nothing; mend the images, or what prepares them",
            file=sys.stderr,
        )


def warn_of_underdetermined_layers(task: Task) -> None:
    """Warn where least squares has more unknowns than calibration images give rows, after the search."""
    if task.underdetermined:
        more = worded(command="--calibration-images", python='sizes={"calibration": ...} in amc.load_data')
        print(
            f"warning: fewer calibration rows than unknowns in {shortened(task.underdetermined, 3)}; least squares"
            f" leans on its ridge there, more calibration images help ({more})",
            file=sys.stderr,
        )
