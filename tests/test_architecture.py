"""What holds the house together: which way imports run, and what the packaging files promise."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = ("amc", "envs", "agents", "scripts")  # each may import itself and those before it
FOREIGN = {"amc": {"gymnasium", "stable_baselines3"}, "envs": {"stable_baselines3"}}
SOURCES = [path for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))]


def imported(path: Path) -> Iterator[str]:
    """The top-level packages that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import at line {node.lineno}"
            assert node.module is not None
            yield node.module.split(".")[0]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    layer = path.relative_to(ROOT).parts[0]
    forbidden = {*LAYERS[LAYERS.index(layer) + 1 :], *FOREIGN.get(layer, set()), "tests", "benchmarks"}
    assert not forbidden & set(imported(path))


def test_no_script_hides_a_module_of_python() -> None:
    names = {path.stem for path in (ROOT / "scripts").glob("*.py")} - {"__init__"}
    assert names
    assert not names & sys.stdlib_module_names


def test_every_package_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in SOURCES if path.name == "__init__.py"}
    without_init = {path.parent for path in SOURCES} - {ROOT / name.replace(".", "/") for name in found}
    assert not without_init
    assert set(project["tool"]["setuptools"]["packages"]) == found


def test_every_file_beside_the_code_is_installed() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    installed = {
        path
        for name, patterns in listed.items()
        for each in patterns
        for path in (ROOT / name.replace(".", "/")).glob(each)
    }
    files = {path for layer in LAYERS for path in (ROOT / layer).rglob("*") if path.is_file() and path.suffix != ".py"}
    assert {path for path in files if "__pycache__" not in path.parts} == installed


def test_pins_are_those_of_the_declared_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[<>=]", entry)[0] for entry in project["dependencies"]}
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert set(pins) == declared


def test_every_console_script_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for target in project["scripts"].values():
        module, function = target.split(":")
        tree = ast.parse((ROOT / (module.replace(".", "/") + ".py")).read_text())
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
