"""Notes of many rows, each told once: what holds for all of them above the tables, the others as numbered footnotes.

A note is made of parts joined by semicolons (`statistics.estimate.join_notes`). Knows nothing about what they say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class Footnotes:
    """Numbers parts of notes in the order in which they are asked for.

    Args:
        notes: The notes of every row that will be shown.

    Attributes:
        common: Parts that all rows have; they are told once and never numbered.
        numbered: Parts that have a number, from 1, as far as they were asked for.
    """

    def __init__(self, notes: Iterable[str]) -> None:
        rows = [_parts(note) for note in notes]
        shared = set(rows[0]).intersection(*rows[1:]) if len(rows) > 1 else set()
        self.common = tuple(part for part in (rows[0] if rows else ()) if part in shared)
        self.numbered: list[str] = []

    def table(self, notes: Sequence[str]) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
        """The numbers that hold for all rows of one table, and those of each row beside them."""
        rows = [[part for part in _parts(note) if part not in self.common] for note in notes]
        shared = set(rows[0]).intersection(*rows[1:]) if len(rows) > 1 else set()
        of_all = tuple(self._number(part) for part in (rows[0] if rows else ()) if part in shared)
        return of_all, [tuple(self._number(part) for part in row if part not in shared) for row in rows]

    def _number(self, part: str) -> int:
        if part not in self.numbered:
            self.numbered.append(part)
        return self.numbered.index(part) + 1


def _parts(note: str) -> Sequence[str]:
    return tuple(dict.fromkeys(part.strip() for part in note.split("; ") if part.strip()))
