"""Names of this tool's packages that a user's own code has too: who imports one of these gets the tool's."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

OURS = ("amc", "agents", "envs", "scripts")
"""The names of this tool's packages at the top of `sys.modules`."""
ROOT = Path(__file__).parents[2]
"""The folder that the packages of this tool lie in."""


def taken(files: Iterable[Path], places: Iterable[Path]) -> Iterator[str]:
    """Yield a sentence for each of a user's packages that files import and that this tool's package stands in for.

    Args:
        files: Files of the user's code, whose imports are read and not executed.
        places: Folders in which the user's packages would be found.
    """
    own = {name: place for place in places if place.resolve() != ROOT for name in OURS if _has(place, name)}
    for file in files:
        for name in sorted(_imported(file) & own.keys()):
            yield (
                f"{file} imports {name}, which is this tool's package of that name and not the one in {own[name]};"
                " give yours another name"
            )


def _has(folder: Path, name: str) -> bool:
    return (folder / name).is_dir() or (folder / f"{name}.py").is_file()


def _imported(file: Path) -> set[str]:
    """The top-level names of the modules that a file imports, inside functions too; none where it can't be read."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return set()
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names |= {node.module for node in froms if node.module and not node.level}
    return {name.partition(".")[0] for name in names}
