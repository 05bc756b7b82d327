"""The README's Python runs as it stands there."""

import re
from pathlib import Path

import pytest

from scripts import train
from tests.command import succeed

README = Path(__file__).parents[1] / "README.md"
SEARCH, LOAD = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_search_from_python(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(SEARCH.strip().splitlines()) < 10
    exec(SEARCH, {})
    original, compact = map(float, capsys.readouterr().out.split())
    assert original > 0.98
    assert 0.9 < compact <= 1


def test_load_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    succeed(train, "--run-dir", "runs/my-run", "--episodes", "2", "--quiet")
    names: dict[str, object] = {}
    exec(f"import amc\n{LOAD}", names)
    assert sum(parameter.numel() for parameter in names["compact"].parameters()) < 98_782  # type: ignore[attr-defined]
