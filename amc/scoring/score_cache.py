"""Scores of networks on the disk, which the searches on one task share, whatever their strategy and seed."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from amc.graph import KeptCounts
from amc.scoring.score import Answers, Score
from amc.utils.errors import UserError

TABLE = """CREATE TABLE IF NOT EXISTS scores (
    key TEXT NOT NULL, kept BLOB NOT NULL, value REAL NOT NULL, accuracy REAL, "right" BLOB, losses BLOB,
    PRIMARY KEY (key, kept)
) WITHOUT ROWID"""
WAIT = 60.0
"""The seconds to wait for another process that writes."""


class ScoreCache:
    """The scores of the policies of one task in an SQLite file, which may hold those of others and is shared.

    Args:
        path: The file; it is made where there is none.
        about: What scores depend on besides the policy: the network, the images, recovery, metric, number format. A
            function of the user's own counts by its name.

    Raises:
        UserError: The file can't be written, or holds something else.
    """

    def __init__(self, path: Path, about: Mapping[str, str]) -> None:
        self._path = path
        self._key = hashlib.sha256(json.dumps(dict(about), sort_keys=True).encode()).hexdigest()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=WAIT, isolation_level=None)
            self._database.execute(TABLE)
        except (OSError, sqlite3.Error) as error:
            raise UserError(f"scores can't be kept in {path}: {error}") from error

    def get(self, kept_counts: KeptCounts) -> Score | None:
        """The score of the policy `kept_counts` `(groups,)` on all images; None where it is not known."""
        row = self._execute(
            'SELECT value, accuracy, "right", losses FROM scores WHERE key = ? AND kept = ?', _bytes(kept_counts)
        ).fetchone()
        if row is None:
            return None
        value, accuracy, right, losses = row
        return Score(value, 1.0, None if losses is None else _answers(right, losses), accuracy)

    def put(self, kept_counts: KeptCounts, score: Score) -> None:
        """Keep the score of the policy `kept_counts` `(groups,)`, which is of all images."""
        packed: tuple[bytes | None, bytes | None] = (None, None)
        if score.answers is not None:
            packed = np.packbits(score.answers.right).tobytes(), score.answers.losses.astype("<f4").tobytes()
        self._execute(
            "INSERT OR IGNORE INTO scores VALUES (?, ?, ?, ?, ?, ?)",
            _bytes(kept_counts),
            score.value,
            score.accuracy,
            *packed,
        )

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _execute(self, words: str, *values: object) -> sqlite3.Cursor:
        try:
            return self._database.execute(words, (self._key, *values))
        except sqlite3.Error as error:
            raise UserError(f"the scores in {self._path} can't be used: {error}") from error


def _bytes(kept_counts: KeptCounts) -> bytes:
    return kept_counts.astype("<i8").tobytes()


def _answers(right: bytes, losses: bytes) -> Answers:
    found = np.frombuffer(losses, dtype="<f4").astype(np.float32)
    bits = np.unpackbits(np.frombuffer(right, dtype=np.uint8), count=len(found))
    return Answers(bits.astype(np.bool_), found)
