"""The folder of a comparison: what its searches have in common, and a file for each that has ended."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agents.report.strategies.cell import SCHEMA, Cell, CellKey
from amc.artifacts.checked_json import check_schema, checked, read_object
from amc.artifacts.run_folder import check_place
from amc.utils.errors import UserError
from amc.utils.files import write_json
from amc.utils.option_names import option

SHARED_FILE = "comparison.json"
"""The file with what all searches of a comparison have in common."""
CELL_FOLDER = "cells"
"""The folder with a file for each search."""
DIGESTS = {"architecture": "model", "weights": "weights"}
"""The digests of the network, and the options that they depend on."""


@dataclasses.dataclass(frozen=True)
class Shared:
    """What the searches of a comparison have in common.

    Attributes:
        model: The name of the network.
        metric: The name of the metric of all scores.
        episodes: How many policies each search may score.
        architecture, weights: Digests of the network.
        images: The numbers of images: `calibration`, `reward` (both halves) and `test`.
        options: The options by which networks are made and scored, by name.
        versions: The versions of Python and packages when the comparison was begun.
    """

    model: str
    metric: str
    episodes: int
    architecture: str
    weights: str
    images: Mapping[str, int]
    options: Mapping[str, Any]
    versions: Mapping[str, str]


class ComparisonFolder:
    """The searches of a comparison that have ended, which are never made again.

    Args:
        folder: The folder, new or with a comparison.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        check_place(folder, option("out"))
        if folder.is_dir() and any(folder.iterdir()) and not (folder / SHARED_FILE).is_file():
            raise UserError(f"{folder} holds something else than a comparison; give a new folder as {option('out')}")

    def check(self, shared: Shared) -> None:
        """Record what the searches have in common, or check that it is what the comparison was begun with.

        Raises:
            UserError: An option, the network or the number of images is another one.
        """
        path = self.folder / SHARED_FILE
        if not path.is_file():
            write_json(path, {"schema": SCHEMA, **vars(shared)})
            return
        begun = self.shared
        for name in ("model", "metric", "episodes"):
            self._expect(name, getattr(begun, name), getattr(shared, name))
        for digest, name in DIGESTS.items():
            if getattr(begun, digest) != getattr(shared, digest):
                raise UserError(f"{self.folder} was begun with other {digest} ({option(name)}); {self._remedy}")
        for name, value in shared.options.items():
            self._expect(name, begun.options.get(name), value)
        if dict(begun.images) != dict(shared.images):
            raise UserError(f"{self.folder} was begun with other numbers of images ({option('data')}); {self._remedy}")

    @property
    def shared(self) -> Shared:
        """What the searches have in common.

        Raises:
            UserError: The file is missing or damaged.
        """
        path = self.folder / SHARED_FILE
        content = read_object(path)
        check_schema(content, SCHEMA, path)
        return checked(content, Shared, path)

    def cells(self) -> list[Cell]:
        """The searches that have ended, by the names of their files.

        Raises:
            UserError: A damaged file.
        """
        return [_read(path) for path in sorted((self.folder / CELL_FOLDER).glob("*.json"))]

    def write(self, cell: Cell) -> None:
        """Write the file of a search that has ended."""
        write_json(self.folder / CELL_FOLDER / _file_name(cell.key), {"schema": SCHEMA, **vars(cell)})

    def _expect(self, name: str, begun: object, given: object) -> None:
        if begun != given:
            raise UserError(f"{self.folder} was begun with {_shown(name, begun)}, got {given}; {self._remedy}")

    @property
    def _remedy(self) -> str:
        return f"give the same again, or another {option('out')}"


def _shown(name: str, value: object) -> str:
    return f"no {option(name)}" if value is None else option(name, value)


def _read(path: Path) -> Cell:
    try:
        content = read_object(path)
        check_schema(content, SCHEMA, path)
        return checked(content, Cell, path)
    except UserError as error:
        raise UserError(f"{error}; remove it, and its search is made again") from error


def _file_name(key: CellKey) -> str:
    return re.sub(r"[^\w.=,-]+", "-", f"{key.budget}-{key.strategy}-seed-{key.seed}") + ".json"


def in_order(cells: Sequence[Cell], strategies: Sequence[str], budgets: Sequence[str]) -> list[Cell]:
    """The cells in the order of strategies, budgets and seeds, those that were not asked for last."""

    def place(names: Sequence[str], name: str) -> tuple[int, str]:
        return (names.index(name), "") if name in names else (len(names), name)

    return sorted(cells, key=lambda cell: (place(strategies, cell.strategy), place(budgets, cell.budget), cell.seed))
