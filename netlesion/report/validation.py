"""A Validation as lines of text, a table with its dictionary, JSON, and one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from netlesion.output.atomic import write_json, write_text
from netlesion.output.lock import alone
from netlesion.output.provenance import provenance
from netlesion.output.tables import tsv
from netlesion.report.page import page_text
from netlesion.validate.finding import Level
from netlesion.validate.run import Validation

COLUMNS = {
    "level": "error: do not use as it is; warning: a person must look; note: to be known",
    "visit": "Visit, or patient where the finding is about one",
    "image": "Channel of the image; n/a where the finding is about a visit or patient",
    "check": "Name of the check; `checks` in validation.json says what it asks",
    "value": "What was found",
    "expectation": "What was expected",
    "remedy": "What to do",
}


def as_json(validation: Validation) -> dict[str, Any]:
    """Counts, findings and checks as plain values."""
    return {
        "cohort": validation.cohort,
        "num_visits": validation.num_visits,
        "num_patients": validation.num_patients,
        "counts": {level.value: validation.count(level) for level in Level},
        "findings": [asdict(f) | {"level": f.level.value} for f in validation.findings],
        "checks": [asdict(c) for c in validation.checks],
    }


def text_lines(validation: Validation) -> Iterator[str]:
    """One line for each finding; last the counts, and what was not looked at: silence is not health."""
    for f in validation.findings:
        where = f"{f.visit} {f.image}".strip()
        yield f"{f.level.value}: {where}: {f.check}: {f.value}; expected {f.expectation}; {f.remedy}"
    counts = ", ".join(f"{validation.count(level)} {level.value}s" for level in Level)
    missed = [f"{c.check} {c.not_made} times ({c.reason})" for c in validation.checks if c.not_made]
    unseen = f"; not looked at: {', '.join(missed)}" if missed else "; every check was made"
    yield f"{validation.num_visits} visits of {validation.num_patients} patients: {counts}{unseen}"


def write_validation(out: Path, validation: Validation, config: dict[str, Any]) -> Path:
    """Writes validation.tsv with validation_columns.json, validation.json and validation.html; returns the page."""
    with alone(out, depth=0):
        return _write_validation(out, validation, config)


def _write_validation(out: Path, validation: Validation, config: dict[str, Any]) -> Path:
    rows = [asdict(f) | {"level": f.level.value} for f in validation.findings]
    cells = ([" ".join(str(row[name]).split()) or "n/a" for name in COLUMNS] for row in rows)
    write_text(out / "validation.tsv", tsv(COLUMNS, cells))
    write_json(out / "validation_columns.json", {k: {"Description": v} for k, v in COLUMNS.items()})
    write_json(out / "validation.json", as_json(validation) | {"provenance": provenance(config=config)})
    page = out / "validation.html"
    write_text(page, _html(validation))
    return page


def _html(validation: Validation) -> str:
    values = {
        "title": f"Validation of {validation.cohort}",
        "v": validation,
        "counts": {level.value: validation.count(level) for level in Level},
    }
    return page_text("validation.html.j2", values)
