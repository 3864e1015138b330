"""One or several predictions against one reference: a folder of output for each, and a table to compare them.

A prediction is a folder of masks or a table of marks; a table may hold several readers, and each of them is a
prediction of its own. One prediction is written into the output folder itself, several into one folder each, with
`readers.tsv` and `agreement.json` beside them. Knows nothing about how a prediction is scored (`evaluate.cohort`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netlesion.errors import ConfigError
from netlesion.evaluate.case.marks import ReaderList, is_reader_table, read_marks
from netlesion.evaluate.cohort.interval import Resampling
from netlesion.evaluate.cohort.score import EvaluationSettings
from netlesion.evaluate.readers.agreement import reader_agreement
from netlesion.output.atomic import write_json
from netlesion.output.tables import write_table
from netlesion.report.evaluation_folder import evaluate_folders

#: Columns of readers.tsv -> the estimate of the summary that they show.
SHOWN: Mapping[str, tuple[str, ...]] = {
    "dice": ("mean", "dice"),
    "sensitivity": ("pooled_lesion_sensitivity",),
    "ppv": ("pooled_lesion_ppv",),
    "false_positives_per_patient": ("false_positives_per_patient",),
    "froc_score": ("froc", "froc_score"),
    "jafroc": ("froc", "jafroc"),
}
#: Ends of those columns -> the key of the estimate, and what it is.
PARTS: Mapping[str, tuple[str, str]] = {
    "": ("value", ""),
    "_low": ("low", ", lower end of its 95 % interval"),
    "_high": ("high", ", upper end"),
    "_n": ("n", ", patients it rests on"),
    "_note": ("note", ", what a reader of it must know"),
}
READER_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "reader": {"Description": "Reader or model: the name in its table, or of its folder", "Units": "n/a"},
    "num_cases": {"Description": "Cases that it was scored on", "Units": "1"},
    "num_cases_without_prediction": {"Description": "Reference cases that it did not read", "Units": "1"},
    **{
        f"{name}{part}": {"Description": f"{'.'.join(place)} of its summary.json{text}", "Units": "1"}
        for name, place in SHOWN.items()
        for part, (_, text) in PARTS.items()
    },
}


@dataclass(frozen=True)
class Evaluated:
    """One prediction's summary and where it was written; the name is empty when there is only one."""

    name: str
    folder: Path
    summary: Mapping[str, Any]


def evaluate_predictions(
    reference: str | Path, predictions: Sequence[str | Path], out: str | Path, settings: EvaluationSettings, seed: int
) -> tuple[Evaluated, ...]:
    """Evaluates every prediction under the same settings; raises ConfigError for two of one name, or a
    calibration and more than one prediction.
    """
    out = Path(out)
    named: list[tuple[str, Path | ReaderList]] = []
    for prediction in predictions:
        if is_reader_table(prediction) and settings.tasks != ("categories",):
            named += [(readers.reader, readers) for readers in read_marks(prediction)]
        else:
            named.append((Path(prediction).resolve().name, Path(prediction)))
    name, times = Counter(name for name, _ in named).most_common(1)[0]
    if times > 1:
        raise ConfigError(f"{times} predictions are called {name}; rename one, each needs a folder of its own")
    if len(named) > 1 and settings.calibration is not None:
        raise ConfigError(f"a calibration is of one model, and there are {len(named)} predictions; evaluate it alone")
    if len(named) == 1:
        return (Evaluated("", out, evaluate_folders(reference, named[0][1], out, seed=seed, settings=settings)),)
    found = tuple(
        Evaluated(name, out / name, evaluate_folders(reference, prediction, out / name, seed=seed, settings=settings))
        for name, prediction in named
    )
    write_table(out / "readers.tsv", tuple(READER_COLUMNS), map(_row, found), READER_COLUMNS)
    if "detection" in settings.tasks:
        folders = {evaluated.name: evaluated.folder for evaluated in found}
        write_json(out / "agreement.json", reader_agreement(folders, Resampling(seed)))
    return found


def _row(evaluated: Evaluated) -> dict[str, Any]:
    summary = evaluated.summary
    row: dict[str, Any] = {
        "reader": evaluated.name,
        "num_cases": summary["num_cases"],
        "num_cases_without_prediction": len(summary["cases_without_prediction"]),
    }
    for name, place in SHOWN.items():
        found: Any = summary
        for key in place:
            found = found.get(key) if isinstance(found, Mapping) else None
        row |= {f"{name}{part}": (found or {}).get(key) for part, (key, _) in PARTS.items()}
    return row
