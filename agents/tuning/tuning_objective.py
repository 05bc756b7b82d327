"""What a compact network is trained for, from its problem and the user's options."""

from __future__ import annotations

from torch import Tensor

from agents.tuning.tuning_options import TuningOptions
from agents.tuning.tuning_problem import TuningProblem
from amc.graph.raw_heads import find_heads
from amc.scoring.metrics import check_runs, compares_classes, compares_outputs, find_metric
from amc.scoring.output_kinds import trained_kinds
from amc.training.distillation import Distillation
from amc.training.objectives import ClassObjective, Imitation, Objective, UserObjective, find_loss
from amc.utils.errors import UserError
from amc.utils.option_names import option


def objective_of(problem: TuningProblem, options: TuningOptions) -> Objective:
    """The objective of a fine-tuning.

    A classifier learns its classes, and the original's soft targets. Any other network imitates the original, unless
    the user gives a loss, which has its share beside that.

    Raises:
        UserError: The network returns no numbers that could be imitated, and no loss is given.
    """
    teacher = problem.scoring.ready(problem.original)
    if options.loss is None and is_classification(problem):
        soft = Distillation(teacher, options.temperature, options.distillation)
        return ClassObjective(options.label_smoothing, soft if options.distillation else None)
    loss = None if options.loss is None else find_loss(options.loss)
    if loss is not None and not options.distillation:
        return UserObjective(loss)
    example = problem.scoring.example
    heads = find_heads(problem.original, example)
    kinds = trained_kinds(
        problem.output_kind, check_runs(problem.original, example, heads), find_metric(problem.metric)
    )
    if not kinds:
        raise UserError(
            "the network returns no floating-point numbers that could be imitated; give"
            f" {option('loss', 'path/to/file.py:function')} and {option('distillation', 0)}"
        )
    imitation = Imitation(teacher, kinds, heads)
    return imitation if loss is None else UserObjective(loss, imitation, options.distillation)


def is_classification(problem: TuningProblem) -> bool:
    """Whether images have one class each, and the network returns one row of class scores for each.

    A metric of a user's own may be one of classifiers.
    """
    if compares_classes(problem.metric):
        return True
    if compares_outputs(problem.metric) or not problem.splits.is_labelled:
        return False
    outputs = check_runs(problem.original, problem.scoring.example)
    _, targets = next(iter(problem.splits.calibration.batches(1)))
    are_scores = isinstance(outputs, Tensor) and outputs.ndim == 2 and outputs.shape[1] > 1
    return are_scores and isinstance(targets, Tensor) and targets.ndim == 1 and not targets.is_floating_point()
