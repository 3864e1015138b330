"""One look for every page: a template with the shared style, and the one script, which alone the page allows to run.

Everything that a template shows is escaped (`output.html`). The page's content security policy names the script by its
hash and forbids the network, so that even a name that slipped through unescaped could run nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from netlesion.output.html import render
from netlesion.output.version import __version__

TEMPLATES = Path(__file__).parent / "templates"


def page_text(template: str, values: Mapping[str, Any], filters: Mapping[str, Callable[..., str]] | None = None) -> str:
    """The page of a template of this folder, which extends `base.html.j2`."""
    script, style = (_text(name) for name in ("page.js", "page.css"))
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{_hash(script)}'"
    shared = {"version": __version__, "script": script, "style": style, "policy": policy}
    return render(TEMPLATES / template, {**shared, **values}, filters)


@lru_cache
def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
