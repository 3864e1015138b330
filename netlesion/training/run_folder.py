"""What a training writes into its run folder while it runs: numbers, events, tables and pictures of a stated schema.

`metrics.csv` has a row for every time something was logged, `events.jsonl` an object a line for everything else that
happened, `validation/` tables and pictures (docs/training.md, "What a run writes"). Everything is appended and flushed,
so that a reader sees a training live and a killed one loses nothing; a row of the table is written whole. A training
that goes on from a step forgets what was logged after it, as the training itself does.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from pytorch_lightning.loggers.logger import Logger

from netlesion.output.atomic import atomic_path, write_text
from netlesion.output.run_files import EVENTS, FIRST, METRICS, VALIDATION, read_events, read_metrics


def now() -> str:
    """The time in UTC to the second, as ISO 8601 writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class RunFolderLogger(Logger):
    """Lightning's logger that writes the files of a run folder."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = Path(folder)
        self._columns: list[str] = []

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def version(self) -> str:
        return ""

    @property
    def experiment(self) -> RunFolderLogger:
        return self

    def log_hyperparams(self, params: Any, *_: Any, **__: Any) -> None:
        """Nothing: the settings are in config.json and in the event `start`."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Adds a row, and columns where a metric is logged for the first time."""
        epoch = metrics.get("epoch")
        values = {name: float(value) for name, value in metrics.items() if name != "epoch"}
        if not values:
            return
        row = {"time": now(), "epoch": "" if epoch is None else int(epoch), "step": "" if step is None else int(step)}
        path = self.folder / METRICS
        if not self._columns:
            self._columns = read_metrics(path)[0] or list(FIRST)
        new = [name for name in values if name not in self._columns]
        if new:
            rows = read_metrics(path)[1]
            self._columns += new
            self._rewrite(rows)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(_line([_text((row | values).get(name, "")) for name in self._columns]))

    def event(self, event: str, **facts: Any) -> None:
        """Adds a line to events.jsonl: `time`, `event` and the facts."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / EVENTS).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"time": now(), "event": event, **facts}, allow_nan=False) + "\n")

    def table(self, place: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
        """Writes `validation/<place>.csv`; an empty cell is a value that is not known."""
        path = self.folder / VALIDATION / f"{place}.csv"
        write_text(path, "".join(_line([_text(cell) for cell in row]) for row in (columns, *rows)))
        return path

    def picture(self, place: str, rgb: np.ndarray) -> Path:
        """Writes `validation/<place>.png` from (height, width, 3) uint8."""
        from PIL import Image

        path = self.folder / VALIDATION / f"{place}.png"
        with atomic_path(path) as part:
            Image.fromarray(rgb).save(part, format="PNG", optimize=True)
        return path

    def go_on_from(self, step: int) -> None:
        """Forgets rows and validations of this step and later ones, which will be logged again."""
        path = self.folder / METRICS
        if path.is_file():
            self._columns, rows = read_metrics(path)
            self._rewrite([row for row in rows if int(row.get("step", -1)) < step])
        kept = [e for e in read_events(self.folder / EVENTS) if e["event"] != "validation" or e["step"] < step]
        write_text(self.folder / EVENTS, "".join(json.dumps(event, allow_nan=False) + "\n" for event in kept))

    def _rewrite(self, rows: Sequence[Mapping[str, str]]) -> None:
        lines = [_line(self._columns), *(_line([row.get(name, "") for name in self._columns]) for row in rows)]
        write_text(self.folder / METRICS, "".join(lines))


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _text(value: Any) -> str:
    """A number to six digits, nothing for what is not finite or not known."""
    if isinstance(value, (float, np.floating)):
        return f"{value:.6g}" if np.isfinite(value) else ""
    return "" if value is None else str(value)
