"""The records of a cohort's imports: what each wrote, from which files by their hashes; one file for each import.

An import that was killed wrote images and no record. The next one finds which images no record names, and records them
with its own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from netlesion.errors import CohortError
from netlesion.io.bids.cohort import DERIVATIVES
from netlesion.io.files import visible
from netlesion.output.atomic import write_json


def recorded_outputs(cohort: Path) -> frozenset[str]:
    """Every file, below the cohort, that a record names; raises CohortError for a record that is none."""
    named: set[str] = set()
    for path in _records(cohort):
        try:
            named |= set(json.loads(path.read_text(encoding="utf-8"))["outputs"])
        except (ValueError, KeyError, TypeError) as error:
            raise CohortError(f"{path}: is no record of an import; restore it, or remove it") from error
    return frozenset(named)


def write_record(cohort: Path, record: dict[str, Any]) -> None:
    """Writes it as the next number."""
    numbers = [int(path.stem.removeprefix("import-")) for path in _records(cohort)]
    write_json(cohort / DERIVATIVES / f"import-{max(numbers, default=0) + 1:03d}.json", record)


def _records(cohort: Path) -> list[Path]:
    found = visible(cohort / DERIVATIVES, "import-*.json")
    return [path for path in found if path.stem.removeprefix("import-").isdigit()]
