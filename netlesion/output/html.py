"""Pages from templates: the one place that sets up jinja2.

Everything put into a page is escaped, and a name that the template asks for and nobody gave is an error, not a blank.
Knows nothing about what a page shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
