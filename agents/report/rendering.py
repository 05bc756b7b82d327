"""The templates of pages, which lie in `templates/`: all share the frame in `page.html`, one style and one table."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

TEMPLATES = Environment(
    loader=PackageLoader("agents.report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def render(template: str, **values: Any) -> str:
    """The HTML of a page, which refers to nothing that lies outside it.

    Args:
        template: The name of a file in `templates/`.
        **values: What the template shows.
    """
    return TEMPLATES.get_template(template).render(values)
