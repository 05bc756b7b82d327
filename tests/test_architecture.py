"""What holds the house together: which way imports run, and what the packaging files promise."""

import ast
import functools
import re
import statistics
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = """
amc.utils              errors, texts, registries, devices, users' files, whole-file writing
amc.graph              which channels must be cut together
amc.pruning            a smaller network from a mask
amc.replay             a network as the list of operators that it runs
amc.recovery           new weights and statistics for what was cut
amc.networks.models    networks of our own
amc.data               images and their splits
amc.networks           where networks and their weights come from
amc.artifacts          what is written and read
amc.scoring.executor   the fast way to run many shapes of one network
amc.cost               costs and budgets
amc.analysis           the graph, proved by running it
amc.criteria           how much each unit matters
amc.compression        from kept counts to a network
amc.scoring            what a candidate network is worth
amc.training           the loop, schedules, distillation
amc.latency            measured and predicted milliseconds
amc                    the task
envs                   the pruning problem, and Gymnasium's view of it
agents                 strategies, and what they return
agents.rules           rules that an agent has to beat
agents.black_box       searches that see nothing but scores
agents.surrogate       a model of what policies are worth
agents.ddpg            the agent
agents.strategies      the strategies by name
agents.report          what a person sees of a run
agents.search          the one search that commands and Python call
agents.comparison      the one comparison of strategies that commands and Python call
agents.tuning          the one fine-tuning that commands and Python call
agents.__init__        the door to the search
amc.__init__           the door to what is public, all lazy
scripts.options        options of the commands
scripts.command        what commands share
scripts.work           the work of each command
scripts                entry points
amc.__main__           the commands, as `python -m amc`
"""
"""One row a room, from the bottom to the top of the house: a room imports itself and the rooms in the rows before it.

A folder below a room belongs to it, unless it has a row of its own; so may a module have.
"""
ORDER = [row.split()[0] for row in ROOMS.strip().splitlines()]
FOREIGN = {"amc": {"gymnasium", "stable_baselines3"}, "envs": {"stable_baselines3"}}
LAYERS = ("amc", "envs", "agents", "scripts")
SOURCES = [path for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def room_of(module: str) -> str:
    """The row of the table that a module belongs to."""
    return max((room for room in ORDER if f"{module}.".startswith(f"{room}.")), key=len)


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, inside functions too."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import at line {node.lineno}"
            assert node.module is not None
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if (ROOT / f"{name.replace('.', '/')}.py").is_file() else node.module


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    module = module_of(path)
    allowed = ORDER[: ORDER.index(room_of(module)) + 1]
    layer = module.partition(".")[0]
    names = set(imported(path))
    assert not {name.partition(".")[0] for name in names} & {*FOREIGN.get(layer, set()), "tests", "benchmarks"}
    ours = {name for name in names if name.partition(".")[0] in LAYERS}
    assert {name for name in ours if room_of(name) not in allowed} == set()


def test_matplotlib_is_not_imported_before_a_chart_is_drawn() -> None:
    charts = "agents.report.charts."
    for path in SOURCES:
        if module_of(path).startswith(charts):
            continue
        for node in parsed(path).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else names
            assert not any(f"{module}.".startswith(("matplotlib.", charts)) for module in modules), path


def test_every_folder_has_a_room() -> None:
    folders = {module_of(path.parent) for path in SOURCES if path.name == "__init__.py"}
    modules = {module_of(path) for path in SOURCES}
    assert set(ORDER) <= folders | modules
    assert {folder for folder in folders if folder.count(".") == 1} - set(ORDER) == set()


def test_the_top_of_amc_is_small() -> None:
    on_top = {path.stem for path in (ROOT / "amc").glob("*.py")} - {"__init__", "__main__"}
    assert 0 < len(on_top) <= 6


def test_no_two_modules_bear_one_name() -> None:
    names = Counter(path.stem for path in SOURCES if path.name != "__init__.py")
    assert [name for name, count in names.items() if count > 1] == []


def test_modules_are_small() -> None:
    lines = sorted(len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES)
    assert statistics.median(lines) <= 120
    assert lines[-1] <= 350


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_take_at_most_eight_parameters(path: Path) -> None:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            assert len(set(names) - {"self", "cls"}) <= 8, f"{node.name} at line {node.lineno}"


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
