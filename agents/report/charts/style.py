"""What all charts share: the size, the colours, the axes, the legend and the colour bar."""

from __future__ import annotations

import io
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure, FigureBase

INK, GRID = "#24292f", "#d0d7de"
"""Colours of text and of grid lines, used for nothing else: a page may put its own in their place."""
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"  # Okabe and Ito (2008): told apart by the colour-blind too
WIDTH = 5.6  # inches
DPI = 120


class Mark(NamedTuple):
    """The form, the size and the colour of a mark that stands out from the points."""

    marker: str
    size: float
    colour: str


STAR, DIAMOND, SQUARE = Mark("*", 16, BLUE), Mark("D", 9, ORANGE), Mark("s", 8, INK)
"""The marks of the kept policy, of the uniform one and of the original."""


class Chart(Figure):
    """A figure that a notebook shows, whether or not pyplot was imported there."""

    def _repr_png_(self) -> bytes:
        return as_png(self)


def as_png(figure: Figure) -> bytes:
    """Render a figure as the content of a PNG file."""
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()


def whole_figure(height: float) -> Chart:
    """An empty figure of that height in inches."""
    return Chart(figsize=(WIDTH, height), dpi=DPI, layout="constrained")


def new_axes(part: FigureBase, title: str) -> Axes:
    """Empty axes with a title, in a figure or in a part of one."""
    with mpl.rc_context({"axes.labelcolor": INK, "text.color": INK}):
        axes = part.add_subplot()
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK, pad=12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GRID)
    axes.tick_params(colors=GRID, labelcolor=INK)
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def new_figure(height: float, title: str) -> tuple[Figure, Axes]:
    """An empty figure of that height in inches with a title, and its axes."""
    figure = whole_figure(height)
    return figure, new_axes(figure, title)


def add_mark(axes: Axes, x: float, y: float, mark: Mark, label: str) -> None:
    """Draw a mark above all else, also where it lies on the edge, and name it in the legend."""
    axes.plot(
        x,
        y,
        mark.marker,
        color=mark.colour,
        markersize=mark.size,
        markeredgecolor=INK,
        zorder=4,
        clip_on=False,
        label=label,
    )


def add_colour_bar(figure: Figure, colours: ScalarMappable, label: str) -> Colorbar:
    """Draw at the right what the colours mean, and return the bar."""
    bar = figure.colorbar(colours, pad=0.02, aspect=30)
    bar.set_label(label, color=INK)
    bar.ax.tick_params(colors=GRID, labelcolor=INK)
    bar.outline.set_visible(False)
    return bar


def add_legend(figure: FigureBase, columns: int = 4) -> None:
    """Name lines and points below the axes, where the legend hides none of them, in that many columns."""
    figure.legend(
        loc="outside lower right", ncols=columns, fontsize=9, frameon=False, labelcolor=INK, columnspacing=1.2
    )
