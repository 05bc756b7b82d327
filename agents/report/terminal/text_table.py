"""The former name of `amc.utils.text_table`, until nothing imports it by this name."""

from amc.utils.text_table import print_table

__all__ = ["print_table"]
