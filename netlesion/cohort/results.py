"""The results folder: one folder per visit, one table, one report, and a provenance file beside each.

<output>/<visit>/<case>_desc-lesions_probseg.nii.gz    lesion probability on the native PET grid
<output>/<visit>/<case>_desc-lesions_dseg.nii.gz       lesion label map
<output>/<visit>/<case>_desc-lesions.tsv (.json)       measurements and their dictionary
<output>/<visit>/<case>_mip.png                        coronal and sagittal projections
<output>/<visit>/provenance.json                       written last: a visit with it is done
<output>/lesions.tsv (.json)  report.html  provenance.json
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from netlesion.atomic import write_json
from netlesion.io.masks import LABEL_MAP, PROBABILITY, RECORD
from netlesion.io.nifti import write_volume
from netlesion.pipeline import TracerResult
from netlesion.quantify.table import write_lesions
from netlesion.report.mip import write_mip


def write_case(folder: Path, case: str, result: TracerResult) -> None:
    """Everything of one PET but its provenance; the largest file is compressed beside the others."""
    with ThreadPoolExecutor(1) as pool:
        largest = pool.submit(write_volume, folder / (case + PROBABILITY), result.probability)
        write_volume(folder / (case + LABEL_MAP), result.lesions)
        write_lesions(folder / f"{case}_desc-lesions.tsv", {case: result.rows})
        write_mip(folder / f"{case}_mip.png", result.suv, result.lesions)
        largest.result()


def finish_visit(folder: Path, record: dict[str, Any]) -> None:
    """Marks a visit as done."""
    write_json(folder / RECORD, record)


def done_record(folder: Path) -> dict[str, Any] | None:
    """The provenance of a finished visit, or None when it is not finished."""
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    files = [folder / name for name in record.get("outputs", ())]
    return record if record.get("outputs") is not None and all(f.is_file() for f in files) else None


def outputs_of(case: str) -> list[str]:
    """The names of the files that `write_case` leaves."""
    return [
        case + PROBABILITY,
        case + LABEL_MAP,
        f"{case}_desc-lesions.tsv",
        f"{case}_desc-lesions.json",
        f"{case}_mip.png",
    ]
