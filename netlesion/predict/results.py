"""The results folder: one folder per visit, one table, one report, and a provenance file beside each.

<output>/<visit>/<case>_desc-lesions_probseg.nii.gz    lesion probability on the native PET grid
<output>/<visit>/<case>_desc-lesions_dseg.nii.gz       lesion label map
<output>/<visit>/<case>_desc-lesions.tsv (.json)       measurements and their dictionary
<output>/<visit>/<case>_desc-references.tsv (.json)    uptake of the organs that lesions are compared with
<output>/<visit>/<case>_desc-summary.tsv (.json)       what the lesions amount to
<output>/<visit>/<case>_desc-organs_dseg.nii.gz (.tsv)  organ map on the working grid, beside the first PET of a visit
<output>/<visit>/<case>_mip.png                        coronal and sagittal projections
<output>/<visit>/provenance.json                       written last, with the hashes of the others
<output>/lesions.tsv (.json)  reference_organs.tsv (.json)  patients.tsv (.json)  report.html  provenance.json
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from netlesion.errors import OutputError
from netlesion.io.bids.label_maps import ORGANS_DESC, LabelMap
from netlesion.io.bids.masks import LABEL_MAP, PROBABILITY, RECORD
from netlesion.io.files import is_there
from netlesion.io.nifti import write_volume
from netlesion.output.atomic import write_json, write_text
from netlesion.output.provenance import hash_file
from netlesion.output.tables import tsv
from netlesion.predict.visit import TracerResult
from netlesion.quantify.references import ReferenceOrgans, read_references, write_references
from netlesion.quantify.summary import PatientSummary, read_summaries, write_summaries
from netlesion.quantify.table import write_lesions
from netlesion.report.mip import write_mip

REFERENCES, SUMMARY = "_desc-references.tsv", "_desc-summary.tsv"
#: Fields of a visit's record that are read again, with their type; the last two may be absent (audits is the
#: name of agreements in records written before).
FIELDS: tuple[tuple[str, type | tuple[type, ...], bool], ...] = (
    ("outputs", (dict, list), False),
    ("checkpoint_sha256", str, False),
    ("settings", dict, False),
    ("inputs_sha256", dict, False),
    ("cases", dict, False),
    ("channels_present", dict, False),
    ("agreements", dict, True),
    ("audits", dict, True),
)


def write_case(folder: Path, case: str, result: TracerResult) -> None:
    """Everything of one PET but its provenance; the largest file is compressed beside the others."""
    with ThreadPoolExecutor(1) as pool:
        largest = pool.submit(write_volume, folder / (case + PROBABILITY), result.probability)
        write_volume(folder / (case + LABEL_MAP), result.lesions)
        write_lesions(folder / f"{case}_desc-lesions.tsv", {case: result.rows})
        write_references(folder / f"{case}{REFERENCES}", {case: result.references})
        write_summaries(folder / f"{case}{SUMMARY}", {case: result.summary})
        write_mip(folder / f"{case}_mip.png", result.suv, result.lesions)
        largest.result()


def references_in(folder: Path, case: str) -> dict[str, ReferenceOrgans]:
    """Case -> reference organs of a finished visit; nothing where they were not measured yet when it was finished."""
    path = folder / f"{case}{REFERENCES}"
    return read_references(path) if is_there(path) else {}


def summaries_in(folder: Path, case: str) -> dict[str, PatientSummary]:
    """Case -> summary of a finished visit; nothing where there was none yet when it was finished."""
    path = folder / f"{case}{SUMMARY}"
    return read_summaries(path) if is_there(path) else {}


def write_organs(folder: Path, case: str, organs: LabelMap) -> list[str]:
    """The organ map of a visit, in the frame of its first PET, and the table of its labels; the names of the files."""
    stem = f"{case}_desc-{ORGANS_DESC}_dseg"
    write_volume(folder / f"{stem}.nii.gz", organs.volume)
    write_text(folder / f"{stem}.tsv", tsv(("index", "name"), organs.names.items()))
    return [f"{stem}.nii.gz", f"{stem}.tsv"]


def finish_visit(folder: Path, record: Mapping[str, Any], outputs: Sequence[str]) -> None:
    """Marks a visit as done: its record, with size and sha256 of every output, by which it is known again."""
    sealed = {name: {"bytes": (folder / name).stat().st_size, "sha256": hash_file(folder / name)} for name in outputs}
    write_json(folder / RECORD, {**record, "outputs": sealed})


def record_of(folder: Path) -> dict[str, Any] | None:
    """The provenance of a visit; None when it has none, or one that was cut off.

    Raises OutputError for a provenance.json of another shape: the folder is somebody else's.
    """
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    wrong = "a list or a single value" if not isinstance(record, dict) else _wrong_field(record)
    if wrong:
        raise OutputError(
            f"{path}: is no record of an inference ({wrong}); give another output folder, or remove it to have the "
            "visit done again"
        )
    return record


def damaged(folder: Path, record: Mapping[str, Any]) -> str | None:
    """Which output of a finished visit is not the file that was written, and why; None when all are whole.

    Records of before outputs were hashed tell their names only: then an output must be there and not empty.
    """
    outputs = record["outputs"]
    for name in outputs:
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        seal = outputs[name] if isinstance(outputs, Mapping) else None
        found = path.stat().st_size
        if found != seal["bytes"] if seal else found == 0:
            return f"{name} holds {found} bytes" + (f", {seal['bytes']} were written" if seal else "")
        if seal and hash_file(path) != seal["sha256"]:
            return f"{name} was changed after it was written"
    return None


def _wrong_field(record: Mapping[str, Any]) -> str | None:
    """The first field that inference, its report or a rerun would stumble over."""
    for name, kind, optional in FIELDS:
        if name not in record:
            if not optional:
                return f"no field {name!r}"
        elif not isinstance(record[name], kind):
            return f"field {name!r} is a {type(record[name]).__name__}"
    outputs = record["outputs"]
    if isinstance(outputs, dict):
        sound = all(isinstance(seal, dict) and {"bytes", "sha256"} <= seal.keys() for seal in outputs.values())
    else:
        sound = all(isinstance(name, str) for name in outputs)
    return None if sound else "field 'outputs' names no files"


def outputs_of(case: str) -> list[str]:
    """The names of the files that `write_case` leaves."""
    return [
        case + PROBABILITY,
        case + LABEL_MAP,
        f"{case}_desc-lesions.tsv",
        f"{case}_desc-lesions.json",
        *(f"{case}{name}".replace(".tsv", end) for name in (REFERENCES, SUMMARY) for end in (".tsv", ".json")),
        f"{case}_mip.png",
    ]
