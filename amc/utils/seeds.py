"""The check of seeds, which come from users."""

from amc.utils.errors import UserError
from amc.utils.option_names import option
from amc.utils.option_values import as_whole


def check_seed(seed: object) -> int:
    """The seed as an integer.

    Raises:
        UserError: It is no whole number, or one that NumPy's generators do not take.
    """
    seed = as_whole("seed", seed)
    if not 0 <= seed < 2**32:
        raise UserError(f"expected {option('seed')} of 0 or more, and below 2^32, got {seed}")
    return seed
