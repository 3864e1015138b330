"""Learns a recalibration of lesion scores from an evaluation of validation patients, and keeps it as a file.

Takes a folder that `netlesion evaluate` wrote (its detections.tsv); returns a `Recalibration`. The file names the
patients it was learned on, and an evaluation that holds one of them refuses it. Knows nothing about images.

Source: `statistics.calibration`.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from netlesion.atomic import write_json
from netlesion.errors import CohortError, ConfigError
from netlesion.evaluate.evaluation_folder import DETECTIONS
from netlesion.evaluate.statistics.calibration import (
    Recalibration,
    expected_calibration_error,
    learn_isotonic,
    learn_temperature,
)
from netlesion.provenance import hash_file, provenance

METHODS: Mapping[str, Callable[..., Recalibration]] = {"temperature": learn_temperature, "isotonic": learn_isotonic}


def calibrate(folder: str | Path, out: str | Path, method: str = "temperature") -> dict[str, Any]:
    """Learns from `folder` and writes the file `out`; returns what was written.

    Raises CohortError for a folder without scores, or lesions that are all real or all false; ConfigError for an
    unknown method; QuantityError for scores that are no probabilities.
    """
    if method not in METHODS:
        raise ConfigError(f"method is {method!r}, expected one of {', '.join(METHODS)}")
    table = Path(folder) / DETECTIONS
    if not table.is_file():
        raise CohortError(
            f"{folder}: holds no {DETECTIONS}; evaluate predictions that have probability maps or ratings"
        )
    with table.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    scores, real = [float(row["score"]) for row in rows], [row["is_true"] == "1" for row in rows]
    patients = [row["patient"] for row in rows]
    learned = METHODS[method](scores, real, patients)
    everyone = _patients_of(Path(folder), patients)
    apart = Recalibration(learned.temperature, learned.knots, frozenset())
    record = {
        "method": learned.method,
        "temperature": learned.temperature,
        "knots": [list(knot) for knot in learned.knots],
        "learned_on": sorted(everyone),
        "num_detections": len(rows),
        "num_true": sum(real),
        "ece_of_these_patients": {
            "before": _ece(scores, real, patients),
            "after": _ece(apart.apply(scores, patients), real, patients),
            "note": "on the patients it was learned on: the next ones will have a larger error",
        },
        "provenance": provenance(config={"method": method}, inputs={DETECTIONS: hash_file(table)}),
    }
    write_json(Path(out), record)
    return record


def read_recalibration(path: str | Path) -> Recalibration:
    """What `calibrate` wrote; raises CohortError for anything else."""
    path = Path(path)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        temperature = record["temperature"]
        knots = tuple((float(x), float(y)) for x, y in record["knots"])
        patients = frozenset(map(str, record["learned_on"]))
        if temperature is None:
            sound = len(knots) > 0 and all(0 <= v <= 1 for knot in knots for v in knot)
            sound &= all(a[0] < b[0] and a[1] <= b[1] for a, b in zip(knots, knots[1:], strict=False))
        else:
            sound = not knots and math.isfinite(temperature) and temperature > 0
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise CohortError(f"{path}: is no file of `netlesion calibrate` ({error})") from error
    if not sound or not patients:
        raise CohortError(f"{path}: holds no rising curve, or no patients; learn it again with `netlesion calibrate`")
    return Recalibration(temperature, knots, patients)


def _patients_of(folder: Path, patients: list[str]) -> set[str]:
    """Every patient of the evaluation, also those in whom nothing was predicted."""
    with (folder / "cases.tsv").open(encoding="utf-8", newline="") as lines:
        return {row["patient"] for row in csv.DictReader(lines, delimiter="\t")} | set(patients)


def _ece(scores, real, patients) -> float:
    weights = np.ones((1, len(set(patients))))
    return float(expected_calibration_error(scores, real, patients)(weights)[0])
