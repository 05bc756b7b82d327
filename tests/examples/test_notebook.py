import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "notebook.ipynb"


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The cells of the notebook with code, after a kernel has run them in an empty folder."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    folder = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
        patch.setenv("OMP_NUM_THREADS", "1")
        NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(folder)}}).execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cell: Any, kind: str) -> str:
    """What a cell shows last, in one form."""
    content: str = cell.outputs[-1].data[kind]
    return content


def test_every_object_is_shown_as_a_table_or_a_picture(cells: list[Any]) -> None:
    tables = [
        cell for cell in cells if re.search(r"^(data|amc\.describe.*|result|amc\.evaluate.*)\Z", cell.source, re.M)
    ]
    assert len(tables) == 4
    assert all("</table>" in shown(cell, "text/html") for cell in tables)
    pictures = [cell for cell in cells if cell.source.endswith(".plot()")]
    assert len(pictures) == 2
    assert all(shown(cell, "image/png") for cell in pictures)


def test_a_bar_shows_progress_and_goes_away(cells: list[Any]) -> None:
    (search,) = (cell for cell in cells if "amc.search(" in cell.source)
    assert search.outputs[0].text.startswith("original: top1 ")
    bars = [output for output in search.outputs if output.output_type == "display_data"]
    assert [bar.data["text/html"] for bar in bars] == [""] * len(bars) != []
    assert not any(output.get("name") == "stderr" and "episode" in output.text for output in search.outputs)


def test_the_exported_network_tells_the_shapes(cells: list[Any]) -> None:
    (run,) = (cell for cell in cells if "onnxruntime" in cell.source)
    found = re.match(r"(\d+\.\d)% of the test images", run.outputs[0].text)
    assert found is not None
    assert float(found[1]) > 60


def test_the_tool_takes_few_lines_and_nothing_is_stored() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    lines = [
        line for cell in code for line in cell.source.splitlines() if re.search(r"\b(amc|data|result|tuned)\b", line)
    ]
    assert 0 < len(lines) <= 20
