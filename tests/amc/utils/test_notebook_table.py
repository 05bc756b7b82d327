from xml.etree import ElementTree

from amc.utils.notebook_table import html_table


def test_cells_are_escaped_and_in_their_places() -> None:
    page = html_table(["layer", "channels"], [["<b>&", "8"], ["fc", "10"]], title="a < b", note="1 > 0")
    table = ElementTree.fromstring(f"<div>{page}</div>")
    assert [cell.text for cell in table.iter("th")] == ["layer", "channels"]
    assert [[cell.text for cell in row] for row in table.iter("tr")][1:] == [["<b>&", "8"], ["fc", "10"]]
    assert [cell.text for cell in (*table.iter("caption"), *table.iter("p"))] == ["a < b", "1 > 0"]


def test_a_table_may_have_rows_alone() -> None:
    table = ElementTree.fromstring(html_table([], [["budget", "macs=0.5"]]))
    assert [child.tag for child in table] == ["tbody"]
