"""Figures as SVG elements of an HTML page."""

from __future__ import annotations

import io
import re
from html import escape

import matplotlib as mpl
from matplotlib.figure import Figure

from agents.report.charts.style import BLUE, GRID, INK


def inline_svg(figure: Figure, name: str, alternative: str) -> str:
    """Render a figure as an SVG element of an HTML page, the same one for the same figure.

    Text takes the page's font and colour, grid lines the page's `--grid`, and what is blue the page's `--accent`.

    Args:
        figure: The figure; nothing of it is changed.
        name: Begins every id, so that figures of one page do not share any.
        alternative: What the figure shows, for who can't see it.
    """
    file = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    text = file.getvalue()
    text = re.sub(r' xmlns(:xlink)?="[^"]*"', "", text[text.index("<svg") :], count=2)  # HTML knows them
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", text)
    text = text.replace(INK, "currentColor").replace(GRID, "var(--grid)").replace(BLUE, "var(--accent)")
    label = f'<svg role="img" aria-label="{escape(alternative)}"'
    return text.replace("<svg", label, 1)
