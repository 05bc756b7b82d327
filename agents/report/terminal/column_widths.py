"""The former name of `amc.utils.column_widths`, until nothing imports it by this name."""

from amc.utils.column_widths import Column

__all__ = ["Column"]
