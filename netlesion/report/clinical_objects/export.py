"""A folder of results -> a DICOM SEG, SR and RTSTRUCT for every case, beside the series that it was made of.

    <out>/<visit>/<case>_seg.dcm  <case>_sr.dcm  <case>_rtstruct.dcm

They name the patient as the source does, so they go beside the results, not into them. UIDs follow from what is
written: a second run makes the same files. A case that cannot be written is a line of its own, and the rest goes on.
"""

from __future__ import annotations

import hashlib
import json
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netlesion.datasets.key import Key
from netlesion.errors import CohortError, NetlesionError, OutputError
from netlesion.image.volume import Quantity
from netlesion.io.bids.masks import RECORD, MaskFile, open_masks
from netlesion.io.bids.pet import entity
from netlesion.io.dicom.index import scan
from netlesion.io.dicom.objects.maker import highdicom, save
from netlesion.io.dicom.objects.measures import LEFT_OUT, MEASURES, TOTALS
from netlesion.io.dicom.objects.reported import ReportedCase, ReportedLesion, Site
from netlesion.io.dicom.objects.segmentation import segmentation
from netlesion.io.dicom.objects.sites import OF_REGION, OF_STATION, site
from netlesion.io.dicom.objects.source_images import SourceImages, pseudonymised
from netlesion.io.dicom.objects.structure_set import structure_set
from netlesion.io.dicom.objects.structured_report import structured_report
from netlesion.io.nifti import read_volume
from netlesion.quantify.region_map import organ_of
from netlesion.quantify.row import LesionRow
from netlesion.quantify.summary import PatientSummary, read_summaries, summarise
from netlesion.quantify.table import read_lesions
from netlesion.report.clinical_objects.source_series import Candidate, Wanted, candidates_of, find_source
from netlesion.report.clinical_objects.tracking import tracked, words_of

#: Root of every identifier that is made here.
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "netlesion.clinical-objects")


@dataclass(frozen=True)
class Exported:
    """Files by case, and one line for each case that could not be written."""

    files: Mapping[str, tuple[Path, ...]]
    failures: Mapping[str, str]


def export_clinical_objects(
    results: str | Path,
    source: str | Path,
    out: str | Path | None = None,
    key_file: str | Path | None = None,
    *,
    patients: Sequence[str] = (),
    pseudonymise: bool = False,
) -> Exported:
    """Writes the objects of every case.

    Args:
        results: Folder of `infer.py`.
        source: Folder of the DICOM that the cohort was imported from.
        out: Where to write; None: RESULTS.dicom, beside the results.
        key_file: Key of the cohort; without it a series is known by its grid, tracer and SUVs.
        patients: Only these; none: all.
        pseudonymise: Nothing of the source's identity is written: research names, no date, identifiers of our own.

    Raises:
        CohortError: for a folder that holds no results, or a patient who is not in it.
        DicomError: for a source that is no folder.
        ConfigError: where highdicom is not installed.
    """
    from tqdm import tqdm

    highdicom()
    results = Path(results)
    folder = open_masks(results)
    if folder.kind != "results":
        raise CohortError(f"{results}: holds no record of an inference; expected results of infer.py")
    key = None if key_file is None else _key(Path(key_file))
    wanted = [p.removeprefix("sub-") for p in patients]
    unknown = sorted(set(wanted) - {m.patient for m in folder.masks.values()})
    if unknown:
        raise CohortError(f"{results}: holds no patient {unknown[0]}")
    masks = {case: m for case, m in sorted(folder.masks.items()) if not wanted or m.patient in wanted}
    candidates = candidates_of(scan(source))
    out = results.with_name(results.name + ".dicom") if out is None else Path(out)
    files: dict[str, tuple[Path, ...]] = {}
    failures: dict[str, str] = {}
    every = list(folder.masks.values())
    with tqdm(total=len(masks), desc="DICOM objects", unit="case", file=sys.stderr) as bar:
        for patient in dict.fromkeys(m.patient for m in masks.values()):
            told = _Told.of(results, [m for m in every if m.patient == patient])
            for mask in (m for m in masks.values() if m.patient == patient):
                try:
                    files[mask.case] = _write(mask, told, candidates, key, out, pseudonymise)
                except OutputError:
                    raise
                except NetlesionError as error:
                    failures[mask.case] = str(error)
                bar.update(1)
    return Exported(files, failures)


@dataclass(frozen=True)
class _Told:
    """What results say of one patient: rows by case, the names of his lesions, and what answers say of them."""

    rows: Mapping[str, tuple[LesionRow, ...]]
    records: Mapping[str, Mapping[str, Any]]
    names: Mapping[str, str]
    summaries: Mapping[str, PatientSummary]
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, results: Path, masks: Sequence[MaskFile]) -> _Told:
        rows, records = {}, {}
        for mask in sorted(masks, key=lambda m: m.case):
            rows[mask.case] = read_lesions(mask.path.parent / f"{mask.case}_desc-lesions.tsv").get(mask.case, ())
            records[mask.case] = json.loads((mask.path.parent / RECORD).read_text(encoding="utf-8"))
        answers = _answers(results / "answers" / f"sub-{masks[0].patient}" / "answers.json")
        keys = [f"{case}/{row.lesion_id}" for case, found in rows.items() for row in found]
        table = results / "patients.tsv"
        known = read_summaries(table) if table.is_file() else {}  # with the body's size; results of before have none
        summaries = {case: known.get(case) or summarise(found) for case, found in rows.items()}
        return cls(rows, records, tracked(keys, answers), summaries, words_of(answers))


def _write(
    mask: MaskFile, told: _Told, candidates: Sequence[Candidate], key: Key | None, out: Path, pseudonymise: bool
) -> tuple[Path, ...]:
    case, labels = mask.case, read_volume(mask.path, Quantity.LABEL)
    tracer = entity(case, "trc")
    if tracer is None:
        raise CohortError(f"{case}: its name tells no tracer (trc-); expected a case of a BIDS cohort")
    rows = told.rows[case]
    found = find_source(Wanted(case, labels, tracer, {r.lesion_id: r.suvmax_g_per_ml for r in rows}), candidates, key)
    scope = (_pet_hash(told.records[case], case), "pseudonymised" if pseudonymise else found.source.series_uid)
    source = found.source
    if pseudonymise:
        session = f"ses-{entity(case, 'ses') or '1'}"
        source = pseudonymised(source, f"sub-{mask.patient}", session, _uids(*scope, session))
    reported = _reported(case, tracer, rows, told, pseudonymise)
    content = _content(found.labels_IJK, reported, source)
    uid = _uids(*scope, reported.algorithm_version, content=content)
    seg = None if not reported.lesions else segmentation(found.labels_IJK, reported, source, uid)
    made = {"sr": structured_report(reported, source, seg, uid)}
    if seg is not None:
        made |= {"seg": seg, "rtstruct": structure_set(found.labels_IJK, reported, source, uid)}
    paths = []
    for name in ("seg", "sr", "rtstruct"):
        path = out / mask.path.parent.name / f"{case}_{name}.dcm"
        if name in made:
            save(made[name], path)
            paths.append(path)
        else:
            path.unlink(missing_ok=True)  # of a run before, when there were lesions
    return tuple(paths)


def _reported(case: str, tracer: str, rows: Sequence[LesionRow], told: _Told, pseudonymise: bool) -> ReportedCase:
    lesions = []
    for row in sorted(rows, key=lambda r: r.lesion_id):
        own = f"{case}/{row.lesion_id}"
        first_case, _, number = told.names[own].rpartition("/")
        named = f"{_without_patient(first_case)}_L{int(number):03d}"
        record = told.records[first_case]
        seed = (_pet_hash(record, first_case), record.get("checkpoint_sha256"), number, pseudonymise)
        lesions.append(
            ReportedLesion(
                row.lesion_id,
                named,
                _uids("lesion", *seed)(),
                _site(row),
                {c: float(v) for c in MEASURES if c not in LEFT_OUT and (v := getattr(row, c)) is not None},
                told.words.get(own, {}),
            )
        )
    totals = vars(told.summaries[case])
    return ReportedCase(
        case,
        f"ses-{entity(case, 'ses') or '1'}",
        tracer,
        tuple(lesions),
        {c: float(totals[c]) for c in TOTALS if totals.get(c) is not None},
        "netlesion",
        str(told.records[case].get("checkpoint_sha256"))[:16],
    )


def _site(row: LesionRow) -> Site | None:
    """The bone, station or organ where its code is one of DICOM's, else the region."""
    if row.station is not None:
        side = row.station.rpartition("_")[2]
        code = OF_STATION.get(row.station.removesuffix(f"_{side}") if side in ("left", "right") else row.station)
        if (found := site(code, row.station)) is not None:
            return found
    for label in (row.bone, row.organ):
        organ = None if label is None else organ_of(label)
        if organ is not None and organ.region == row.region and (found := site(organ.snomed, label)) is not None:
            return found
    return site(OF_REGION.get(row.region or ""))


def _content(labels: Any, reported: ReportedCase, source: SourceImages) -> str:
    """A hash of everything that is written: what differs has another identifier."""
    found = hashlib.sha256(labels.tobytes())
    found.update(repr((labels.shape, reported, source.series_uid)).encode())
    return found.hexdigest()


def _uids(*scope: object, content: str = "") -> Callable[..., str]:
    """Identifiers within a scope: an object's own follows from its content, too."""

    def uid(*what: object) -> str:
        words = (*scope, *what, *((content,) if what[:1] == ("object",) else ()))
        return f"2.25.{uuid.uuid5(NAMESPACE, '|'.join(map(str, words))).int}"

    return uid


def _pet_hash(record: Mapping[str, Any], case: str) -> str:
    """The sha256 of the PET that a case was inferred from; CohortError where its record does not tell."""
    found = (record.get("inputs_sha256") or {}).get(f"{case}_pet.nii.gz")
    if found is None:
        named = [v for k, v in (record.get("inputs_sha256") or {}).items() if k.startswith(f"{case}_")]
        if not named:
            raise CohortError(f"{case}: its record names no PET; run the inference again")
        found = named[0]
    return str(found)


def _answers(path: Path) -> Mapping[str, Any] | None:
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CohortError(f"{path}: not a readable answers.json; run netlesion answer again") from error


def _key(path: Path) -> Key:
    if not path.is_file():
        raise CohortError(f"{path}: no such key; expected the table that netlesion import keeps beside a cohort")
    return Key.read(path)


def _without_patient(case: str) -> str:
    return "_".join(part for part in case.split("_") if not part.startswith("sub-"))
