"""Pages from templates, the one place that sets up jinja2, and small tables for notebooks.

Everything put into a page is escaped, and a name that the template asks for and nobody gave is an error, not a blank.
Knows nothing about what a page shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any


def render(template: Path, values: Mapping[str, Any], filters: Mapping[str, Callable[..., str]] | None = None) -> str:
    """The page of this template (it may include others of its folder) with these values and further filters."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= dict(filters or {})
    return environment.get_template(template.name).render(**values)


def fact_table(title: str, facts: Mapping[str, object]) -> str:
    """A table of names and values for a notebook, as HTML; every text is escaped."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th><td style='text-align:left'>{escape(str(value))}</td></tr>"
        for name, value in facts.items()
    )
    return f"<table><caption><b>{escape(title)}</b></caption>{rows}</table>"


def row_table(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table with a header for a notebook, as HTML; every text is escaped."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    caption = f"<caption><b>{escape(title)}</b></caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
