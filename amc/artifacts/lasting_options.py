"""Options as they are recorded: the paths in them hold from any directory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amc.data.find_data import COCO, FOLDERS
from amc.networks.weight_files import split_key
from amc.utils.user_file import is_user_function

WEIGHTS = "weights"
"""The option whose value is a file, unless it is one of these words."""
NAMED_WEIGHTS = ("default", "none")
RUNS = ("start_from", "with_")
"""The options whose values are run folders or files, unless they are something else."""


def lasting_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, by name, with absolute paths: of files, image folders, and the files of a user's functions."""
    return {name: lasting_value(name, value) for name, value in options.items()}


def lasting_value(name: str, value: Any) -> Any:
    """The value of the option of that name, with an absolute path where it has one."""
    if isinstance(value, Path):
        return absolute(value)
    if isinstance(value, tuple):
        return tuple(lasting_value(name, each) for each in value)
    if not isinstance(value, str):
        return value
    if is_user_function(value):
        file, _, function = value.rpartition(":")
        return f"{absolute(Path(file))}:{function}"
    if value.startswith(COCO):
        return COCO + ",".join(str(absolute(Path(each))) for each in value.removeprefix(COCO).split(","))
    for prefix in FOLDERS:
        if value.startswith(prefix):
            return f"{prefix}{absolute(Path(value.removeprefix(prefix)))}"
    if name in RUNS and Path(value).exists():
        return str(absolute(Path(value)))
    if name == WEIGHTS and value not in NAMED_WEIGHTS:
        file_path, key = split_key(value)
        return f"{absolute(file_path)}" + (f":{key}" if key is not None else "")
    return value


def absolute(path: Path) -> Path:
    """A path from the root, without `..` and with the user's home in place of `~`; links stay as they are."""
    return Path(os.path.abspath(os.path.expanduser(path)))  # noqa: PTH100, PTH111  (resolve() would follow links)
