from pathlib import Path

import pytest

from agents.comparison.comparison_folder import ComparisonFolder
from amc.utils.errors import UserError


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"schema": 1}'])
def test_a_damaged_search_is_told_with_what_to_do(tmp_path: Path, content: str) -> None:
    (tmp_path / "cells").mkdir()
    (tmp_path / "comparison.json").write_text("{}")
    (tmp_path / "cells" / "one.json").write_text(content)
    with pytest.raises(UserError, match=r"one\.json.*; remove it, and its search is made again$"):
        ComparisonFolder(tmp_path).cells()
