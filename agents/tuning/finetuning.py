"""The fine-tuning of Python users."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from torch import nn

from agents.search.invocation import Invocation
from agents.tuning.tuning_options import TuningOptions
from agents.tuning.tuning_result import TuningResult
from agents.tuning.tuning_run import TuningRun
from agents.tuning.tuning_sources import Source, problem_of
from amc.artifacts.run_folder import PYTHON, check_free
from amc.data.find_data import Given
from amc.data.load import Splits
from amc.networks.sources import Network
from amc.scoring.metrics import Metric
from amc.utils.device import DeviceLike
from amc.utils.option_names import check_options


def finetune(
    source: Source,
    data: Given | Splits | None = None,
    *,
    model: str | nn.Module | Network | None = None,
    metric: str | Metric | None = None,
    output_kind: str | None = None,
    device: DeviceLike | None = None,
    folder: str | Path | None = None,
    **options: Any,
) -> TuningResult:
    """Train a compact network further, so that it gains back what pruning cost; the best epoch is kept.

    A classifier learns from the training images and from the outputs of the original network, any other network to give
    those outputs, unless it has a `loss` too. The epoch that is best on the reward images (validation) is kept, or the
    pruned network where none is better. A line is printed after each epoch. The same options give the same network as
    the command `amc finetune`.

    Args:
        source: The result of `amc.search` or of an earlier `amc.finetune`, or the folder of a run.
        data: Images in place of those of the source, as `amc.load_data` returns or takes them. They must be given for a
            folder where the run had a function or objects of yours.
        model: The original network with its weights, for a folder whose run had one of your own, as an object or as
            `amc.load_network(spec, weights)` gives it.
        metric: How networks are scored, in place of how the source did: `top1`, `top5`, `fidelity`,
            `path/to/file.py:function`, or a function of a network and batches.
        output_kind: What the original's outputs are where `fidelity` compares them, in place of what they were to the
            source: `scores` or `values`, for all or by name, as `logits=scores,boxes=values`.
        device: The device that networks run on: `cpu`, `cuda`, `auto` or a `torch.device`; that of the result by
            default, for a folder a GPU where there is one.
        folder: A new folder, to which all is written as it is found, with checkpoints and a report; None to write
            nothing (`TuningResult.save`).
        **options: How it is trained: `epochs` (10), `lr` (found by a short test, which is printed), `batch_size` (128),
            `schedule` (`one_cycle` or `cosine`), `weight_decay` (5e-4), `label_smoothing` (0), `crop_padding` (1),
            `flip` (False), `distillation` (0.9), `temperature` (4), `loss` (a function of network, inputs and targets,
            or `path/to/file.py:function`), `accumulate` (1), `ema` (0) and `precision` (`auto`, `float32` or
            `bfloat16`), as in `agents.tuning.tuning_options.TuningOptions`.

    Returns:
        The result. Most useful of it are `network` (the tuned network), `comparison` (scores of original, pruned and
        tuned network on reward and test images), `epochs` (loss and score of each), `plot()` and `save(folder)`.

    Raises:
        UserError: An option that there is not or that is out of its range, a source without its images, an original
            that scores near chance though that of the run did not, a folder that is not free, a loss that is no longer
            finite, or a network that returns nothing to imitate.
    """
    check_options(options, [each.name for each in fields(TuningOptions)])
    training = TuningOptions(**options)
    if folder is not None:
        check_free(folder)
    problem = problem_of(source, data, model, metric, output_kind, device)
    invocation = Invocation(problem.policy.model, problem.policy.strategy, PYTHON, arguments=training.recorded)
    return TuningRun(problem, training, invocation, None if folder is None else Path(folder), quiet=False).run()
