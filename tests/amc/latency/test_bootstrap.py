import ast
import sys
from pathlib import Path

import pytest

from amc.latency import bootstrap

FOLDER = Path(bootstrap.__file__).parent


@pytest.mark.parametrize("name", bootstrap.MODULES)
def test_what_is_sent_is_python_3_8_and_needs_little(name: str) -> None:
    tree = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"), feature_version=(3, 8))
    before = {f"amc.latency.{each}" for each in bootstrap.MODULES[: bootstrap.MODULES.index(name)]}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.module in before | sys.stdlib_module_names
        elif isinstance(node, ast.Import):
            assert {alias.name for alias in node.names} <= {"numpy", "onnxruntime"} | sys.stdlib_module_names
