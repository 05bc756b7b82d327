"""The executor is entered by its own name alone."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[4]
INSIDE = re.compile(r"^\s*(?:from|import) amc\.scoring\.executor\.", flags=re.MULTILINE)


def test_nothing_outside_imports_a_module_of_the_executor() -> None:
    folders = ("amc", "envs", "agents", "scripts", "benchmarks")
    sources = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    users = {str(path.relative_to(ROOT)) for path in sources if INSIDE.search(path.read_text(encoding="utf-8"))}
    assert users
    assert all(user.startswith("amc/scoring/executor/") for user in users)
