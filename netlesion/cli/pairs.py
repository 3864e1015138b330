"""Options of the form NAME=VALUE."""

from __future__ import annotations

from netlesion.errors import ConfigError


def pairs(option: str, given: list[str] | None) -> dict[str, str]:
    """NAME -> VALUE of every text; raises ConfigError for another form, or a name that is there twice."""
    found = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name or not value or name in found:
            raise ConfigError(f"{option} {text}: expected NAME=VALUE, each name once")
        found[name] = value
    return found
