"""The files of a training's run folder by name, and how they are read by whoever shows a training.

`metrics.csv` is a table that grows by rows and, now and then, by columns; `events.jsonl` has a JSON object a line
(docs/training.md). A last line that is not written to its end is left out. Knows nothing of training.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

METRICS, EVENTS, VALIDATION, SUMMARY = "metrics.csv", "events.jsonl", "validation", "summary.json"
#: The first columns of metrics.csv; the others are names of metrics, in the order of their first appearance.
FIRST = ("time", "epoch", "step")


def read_metrics(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Columns and rows of a metrics.csv, none where it is not there; a row lacks what was not logged with it."""
    if not path.is_file():
        return [], []
    text = path.read_text(encoding="utf-8")
    reader = csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1]))
    rows = [{name: cell for name, cell in row.items() if cell} for row in reader]
    return list(reader.fieldnames or []), rows


def read_events(path: Path) -> list[dict[str, Any]]:
    """The events in order; a line that is no JSON object is left out."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and "event" in event:
            found.append(event)
    return found


def run_folders(root: Path) -> Iterator[Path]:
    """The run folders at and below a folder, by name: those that have a metrics.csv or events."""
    found = {path.parent for name in (METRICS, EVENTS) for path in root.rglob(name)}
    yield from sorted(found)
