import multiprocessing
import operator
import sys
from pathlib import Path

import pytest

from amc.utils.errors import UserError
from amc.utils.user_file import call_function, is_user_function, load_function


def test_the_form_is_recognised() -> None:
    assert is_user_function("a/b.py:build")
    assert not is_user_function("torchvision:resnet18")
    assert not is_user_function("resnet20")


def test_a_function_is_loaded_and_called(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def build(width=3):\n    return width\n")
    spec = f"{tmp_path}/mine.py:build"
    assert load_function(spec)(5) == 5
    assert call_function(spec) == 3


def test_a_file_runs_once_however_many_functions_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "twice.py").write_text(
        "from pathlib import Path\n"
        "log = Path(__file__).with_suffix('.log')\n"
        "log.write_text(log.read_text() + 'x' if log.exists() else 'x')\n"
        "def model(): ...\n"
        "def data(): ...\n"
    )
    load_function(f"{tmp_path}/twice.py:model")
    load_function(f"{tmp_path}/twice.py:data")
    assert (tmp_path / "twice.log").read_text() == "x"


def test_files_of_the_same_name_are_kept_apart(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.py").write_text(f"def which(): return '{folder}'\n")
    assert [call_function(f"{tmp_path}/{folder}/same.py:which") for folder in ("a", "b", "a")] == ["a", "b", "a"]


def test_a_file_named_like_a_module_of_python_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("def which(): return 'mine'\n")
    assert call_function(f"{tmp_path}/json.py:which") == "mine"
    assert not hasattr(sys.modules["json"], "which")


def test_neighbours_can_be_imported(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_mine.py").write_text("VALUE = 7\n")
    (tmp_path / "main_file.py").write_text("def value():\n    import neighbour_of_mine as n\n    return n.VALUE\n")
    assert call_function(f"{tmp_path}/main_file.py:value") == 7


def test_objects_of_the_file_reach_a_spawned_process(tmp_path: Path) -> None:
    (tmp_path / "shapes.py").write_text("class Shape:\n    side = 4\ndef make(): return Shape()\n")
    shape = call_function(f"{tmp_path}/shapes.py:make")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(operator.attrgetter("side"), (shape,)) == 4


@pytest.mark.parametrize(
    ("source", "name", "message"),
    [
        (None, "build", r"expected a Python file at .*user.py, there is none"),
        ("def built(): ...", "build", r"has no function 'build'; did you mean built\?"),
        ("build = 3", "build", r"has no function 'build'; there is none"),
        ("import no_such_module", "build", "failed to import: ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit(3)", "build", "failed to import: SystemExit: 3"),
        ("def build(:", "build", "failed to import: SyntaxError"),
        ("def build(): ...", "", "expected path/to/file.py:function, got"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, source: str | None, name: str, message: str) -> None:
    if source is not None:
        (tmp_path / "user.py").write_text(source)
    with pytest.raises(UserError, match=message) as caught:
        load_function(f"{tmp_path}/user.py:{name}")
    assert "\n" not in str(caught.value)


def test_a_failed_import_can_be_repaired(tmp_path: Path) -> None:
    (tmp_path / "repaired.py").write_text("raise ValueError('broken')")
    with pytest.raises(UserError, match="ValueError: broken"):
        load_function(f"{tmp_path}/repaired.py:build")
    (tmp_path / "repaired.py").write_text("def build(): return 'mended now'\n")
    assert call_function(f"{tmp_path}/repaired.py:build") == "mended now"


def test_a_function_that_fails_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text("def build(): raise KeyError('no\\nweights')\n")
    with pytest.raises(UserError, match=r"fails.py:build failed when called without arguments: KeyError: "):
        call_function(f"{tmp_path}/fails.py:build")


def test_a_class_that_needs_arguments_is_told_from_one_that_fails(tmp_path: Path) -> None:
    (tmp_path / "needs.py").write_text("class Net:\n    def __init__(self, classes, width=8, *more, **others): pass\n")
    spec = f"{tmp_path}/needs.py:Net"
    with pytest.raises(
        UserError, match=r"needs arguments \(classes\), .* return Net\(classes=...\), .*needs.py:build$"
    ):
        call_function(spec)
    (tmp_path / "needs_none.py").write_text("def build(width=8, *more, **others): return width\n")
    assert call_function(f"{tmp_path}/needs_none.py:build") == 8


def test_a_package_of_the_users_that_bears_a_name_of_ours_is_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "agents.py").write_text("VALUE = 1\n")
    (tmp_path / "builds.py").write_text("import agents\ndef build(): return agents.__name__\n")
    assert call_function(f"{tmp_path}/builds.py:build") == "agents"
    noted = capsys.readouterr().err
    assert noted.startswith(f"note: {tmp_path}/builds.py imports agents, which is this tool's package of that name")
    assert noted.count("\n") == 1


def test_a_neighbour_that_fails_on_a_package_of_ours_is_told_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "shared.py").write_text("")
    (tmp_path / "code" / "needs_scripts.py").write_text("from scripts.shared import size\n")
    (tmp_path / "code" / "indirect.py").write_text("import needs_scripts\ndef build(): ...\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        UserError, match=r"No module named 'scripts.shared'; .*/needs_scripts.py imports scripts, which"
    ):
        load_function(f"{tmp_path}/code/indirect.py:build")


def test_our_packages_are_imported_without_a_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "uses_ours.py").write_text("import amc, envs\ndef build(): return amc.UserError\n")
    assert call_function(f"{tmp_path}/uses_ours.py:build") is UserError
    assert capsys.readouterr().err == ""
