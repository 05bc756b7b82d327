"""A figure as a part of an HTML page."""

from __future__ import annotations

import io
import re
from html import escape

import matplotlib as mpl
from matplotlib.figure import Figure

from agents.report.charts import BLUE, GRID, INK


def inline_svg(figure: Figure, name: str, alternative: str) -> str:
    """The same SVG element for the same figure.

    Text takes the page's font and colour, grid lines the page's `--grid`, what is blue its `--accent`.

    Args:
        figure: What is drawn.
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
