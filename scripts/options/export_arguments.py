"""The options of `amc export`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from scripts.options.option_types import Name, Run


@dataclass(frozen=True)
class Arguments:
    """Write the compact network of a run in formats that run without this package, into the folder of the run.

    Each file is read back and compared with the network before it gets its name.
    """

    EXAMPLES: ClassVar = (
        ("both files, beside the others of the run", "runs/first"),
        ("a network of your own, as ONNX alone", "runs/first --model net.py:build --format onnx"),
        ("what makes it from your own class", "runs/first --model net.py:build --format state_dict"),
    )

    run_dir: Run
    """Folder of a finished run."""
    format: Name = "both"
    """What is written: onnx (compact.onnx), program (compact.pt2, for torch.export.load), both, or state_dict.

    The last is compact.py, which makes the network from the original's class and compact.safetensors.
    """
    model: Name | None = None
    """Needed where the run was on a path/to/file.py:function: give it again, since a run's files import nothing."""
