"""Whether the original network of a fine-tuning has the weights that the run pruned."""

from __future__ import annotations

from amc.scoring.chance_level import is_near_chance_level
from amc.scoring.checked_score import CheckedScore
from amc.scoring.number_format import score
from amc.utils.errors import UserError
from amc.utils.option_names import option

LEAST_LOSS = 0.05
"""The least fall of an accuracy by which a network is taken for another one."""


def check_original(found: CheckedScore, recorded: float) -> None:
    """Refuse an original that hardly does better than chance, where that of the run did.

    Args:
        found: The score of the original that is given.
        recorded: The score of the run's original on its reward images.

    Raises:
        UserError: It does not know what that of the run knew: it would teach the compact network nonsense.
    """
    if found.chance is None or not found.is_near_chance or recorded - found.value <= LEAST_LOSS:
        return
    if is_near_chance_level(recorded, found.chance, found.images):
        return
    before, now = (score(found.metric, value, digits=1) for value in (recorded, found.value))
    flag = option("weights")
    how = flag if flag.startswith("--") else "model=amc.load_network(spec, weights)"
    raise UserError(f"the original scored {before} in this run, the given one {now}: load its weights into it ({how})")
