"""HTML pages taken apart: whether they are whole, and what they say."""

from __future__ import annotations

import re
from html.parser import HTMLParser


class HtmlPage(HTMLParser):
    """The rows of tables, headings, lead and labels of charts of a page, whose elements must be closed in place."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.rows: dict[str, list[str]] = {}
        self.headings: list[str] = []
        self.labels: list[str] = []
        self.lead = ""
        self._in_lead = False
        self._open: list[str] = []
        self._texts: list[str] = []
        self.feed(content)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "svg":
            self.labels.append(given["aria-label"] or "")
        self._in_lead = given.get("class") == "lead"
        if tag in ("tr", "h1", "h2"):
            self._texts = []
        if tag in ("th", "td"):
            self._texts.append("")
        if tag not in ("meta", "br"):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        self._in_lead = False
        if tag == "tr":
            self.rows.setdefault(self._texts[0], self._texts[1:])
        elif tag in ("h1", "h2"):
            self.headings.append("".join(self._texts))

    def handle_data(self, data: str) -> None:
        if self._in_lead:
            self.lead += data
        elif self._open and self._open[-1] in ("h1", "h2"):
            self._texts.append(data)
        elif self._open and self._open[-1] in ("th", "td", "code", "span") and self._texts:
            self._texts[-1] += data


def expect_self_contained(content: str) -> None:
    """The page must refer to nothing that lies outside it, have each id once, and be small."""
    for absent in ("http", "<script", "<link", "<iframe", "<img", "@import", "javascript:"):
        assert absent not in content
    references = re.findall(r'(?:href|src)="([^"]*)"', content) + re.findall(r"url\(([^)]*)\)", content)
    assert all(each.startswith(("#", "data:image/png;base64,")) for each in references)
    ids = re.findall(r'\bid="([^"]*)"', content)
    assert len(ids) == len(set(ids))
    assert {each[1:] for each in references if each.startswith("#")} <= set(ids)
    assert len(content) < 1_000_000
