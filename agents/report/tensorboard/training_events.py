"""The events of a training for TensorBoard: loss, learning rate, and scores on the reward images."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from agents.report.tensorboard.event_file import EventFile


class Point(NamedTuple):
    """A number of a training: its name, its value, and after how many steps it was so."""

    name: str
    value: float
    step: int


class TrainingEvents:
    """Writes the numbers of a training into its folder; a disk that is full ends that, but not the training.

    Args:
        folder: The folder of the training.
        first_step: The first step of this stretch; what the folder has of later ones is dropped.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        self._file = EventFile(folder, first_step)

    def write(self, points: Sequence[Point]) -> None:
        """Write some numbers, which are then on the disk."""

        def add() -> None:
            for point in points:
                self._file.writer.add_scalar(f"tuning/{point.name}", point.value, point.step)

        self._file.write(add)

    def close(self, summary: Mapping[str, Any], step: int) -> None:
        """Write the summary of the training after its last step, and end the file.

        Raises:
            UserError: Some events could not be written.
        """
        text = f"```json\n{json.dumps(summary, indent=2)}\n```"
        self._file.close(lambda: self._file.writer.add_text("summary", text, step))
