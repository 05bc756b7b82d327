"""The check of seeds, which come from users."""

from amc.utils.errors import UserError
from amc.utils.option_names import option


def check_seed(seed: int) -> None:
    """Raise a UserError for a seed that NumPy's generators do not take."""
    if not 0 <= seed < 2**32:
        raise UserError(f"expected {option('seed')} of 0 or more, and below 2^32, got {seed}")
