"""Learns a recalibration of lesion scores from an evaluation of validation patients, and keeps it as a file.

Takes a folder that `netlesion evaluate` wrote (its detections.tsv); returns a `Recalibration`. Test and training
patients are refused, as the evaluation's partition or a split file tells. The file names the patients it was learned
on, and an evaluation that holds one of them refuses it. Knows nothing about images.

Source: `statistics.calibration`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from netlesion.errors import CohortError, ConfigError
from netlesion.evaluate.cohort.evaluation_folder import DETECTIONS, SUMMARY
from netlesion.evaluate.cohort.partition import UNKNOWN, partition, read_parts, require_validation
from netlesion.io.table_file import read_table
from netlesion.output.atomic import write_json
from netlesion.output.provenance import hash_file, provenance
from netlesion.statistics.calibration import (
    Recalibration,
    expected_calibration_error,
    learn_isotonic,
    learn_temperature,
)

METHODS: Mapping[str, Callable[..., Recalibration]] = {"temperature": learn_temperature, "isotonic": learn_isotonic}


def calibrate(
    folder: str | Path, out: str | Path, method: str = "temperature", split_file: str | Path | None = None
) -> dict[str, Any]:
    """Learns from `folder` and writes the file `out`; returns what was written.

    split_file: of the training, where the evaluation does not know whose part its patients are; `not_known` of the
    record names those that neither tells of. Raises CohortError for a patient of the test or training part, a folder
    without scores, or lesions that are all real or all false; ConfigError for an
    unknown method; QuantityError for scores that are no probabilities.
    """
    if method not in METHODS:
        raise ConfigError(f"method is {method!r}, expected one of {', '.join(METHODS)}")
    table = Path(folder) / DETECTIONS
    if not table.is_file():
        raise CohortError(
            f"{folder}: holds no {DETECTIONS}; evaluate predictions that have probability maps or ratings"
        )
    rows = read_table(table, ("patient", "score", "is_true")).rows
    patients = [row.cells["patient"] for row in rows]
    everyone = _patients_of(Path(folder), patients)
    not_known = require_validation(_partition(Path(folder), everyone, split_file), str(folder))
    scores, real = [float(row.cells["score"]) for row in rows], [row.cells["is_true"] == "1" for row in rows]
    learned = METHODS[method](scores, real, patients)
    apart = Recalibration(learned.temperature, learned.knots, frozenset())
    record = {
        "method": learned.method,
        "temperature": learned.temperature,
        "knots": [list(knot) for knot in learned.knots],
        "learned_on": sorted(everyone),
        "not_known": list(not_known),
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


def _partition(folder: Path, patients: set[str], split_file: str | Path | None) -> Mapping[str, list[str]]:
    """Part -> patients, by the split file where one is given, else by the evaluation's summary."""
    if split_file is not None:
        parts = read_parts(split_file)
        return partition((patient, parts.get(patient, UNKNOWN)) for patient in patients)
    path = folder / SUMMARY
    told = json.loads(path.read_text(encoding="utf-8")).get("partition", {}) if path.is_file() else {}
    known = {patient: part for part, members in told.items() for patient in members}
    return partition((patient, known.get(patient, UNKNOWN)) for patient in patients)


def _patients_of(folder: Path, patients: list[str]) -> set[str]:
    """Every patient of the evaluation, also those in whom nothing was predicted."""
    return {row.cells["patient"] for row in read_table(folder / "cases.tsv", ("patient",)).rows} | set(patients)


def _ece(scores, real, patients) -> float:
    weights = np.ones((1, len(set(patients))))
    return float(expected_calibration_error(scores, real, patients)(weights)[0])
