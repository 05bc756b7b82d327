"""The options of `amc export`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from scripts.options.option_types import Name, Run


@dataclass(frozen=True)
class Arguments:
    """Write the compact network of a run as ONNX and as a torch.export program, into the folder of the run.

    Each file is read back and compared with the network before it gets its name.
    """

    EXAMPLES: ClassVar = (
        ("both files, beside the others of the run", "runs/first"),
        ("a network of your own, as ONNX alone", "runs/first --model net.py:build --format onnx"),
    )

    run_dir: Run
    """Folder of a finished run."""
    format: Name = "both"
    """What is written: onnx (compact.onnx), program (compact.pt2, for torch.export.load) or both."""
    model: Name | None = None
    """Needed where the run was on a path/to/file.py:function: give it again, since a run's files import nothing."""
