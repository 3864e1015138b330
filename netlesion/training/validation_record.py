"""What a validation leaves behind beside its figures: tables and pictures, whoever makes and whoever keeps them.

Training gets it from the `Detection` that the entry point gives it, and hands it to the loggers of the trainer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Table:
    """Columns and rows; a cell is a text, a number, or None where nothing is known."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, eq=False)
class Picture:
    """(height, width, 3) uint8; caption without a person's name, facts for the run folder alone."""

    rgb: np.ndarray
    caption: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ValidationRecord:
    """Tables and pictures by name; `worst_1` is the worst case."""

    tables: Mapping[str, Table] = field(default_factory=dict)
    pictures: Mapping[str, Picture] = field(default_factory=dict)
