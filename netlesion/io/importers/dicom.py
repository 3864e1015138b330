"""A folder of mixed DICOM -> a BIDS cohort: PET with its facts, CT, MR, and contours as masks.

Two steps: `plan_import` says what every series will become, or why it is skipped; `run_import` writes it.
Patients get new ids; the key between them and the hospital's ids is a table kept beside the cohort, not in it.
"""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from netlesion.atomic import write_json, write_text
from netlesion.errors import CohortError, DicomError, NetlesionError, OutputError
from netlesion.geometry import Geometry
from netlesion.io.bids_write import (
    PetRecord,
    SessionRow,
    derivative_path,
    image_path,
    roi_label,
    write_dataset,
    write_image,
    write_pet,
)
from netlesion.io.cohort import DERIVATIVES
from netlesion.io.dicom import RTSTRUCT, Series, index_folder, number, read_image
from netlesion.io.nifti import write_volume
from netlesion.io.pet_facts import nuclide, pet_facts, tracer_label
from netlesion.io.rtstruct import read_structures, structure_mask
from netlesion.provenance import hash_file, provenance
from netlesion.suv import PetFacts, SuvConversion, suvbw_conversion

if TYPE_CHECKING:
    from collections.abc import Callable

#: Sessions at most this many days after the first of a visit belong to it [P].
VISIT_WINDOW_DAYS = 31


@dataclass(frozen=True)
class PlannedSeries:
    """One series and what becomes of it: a path below the cohort, or the reason why it is skipped."""

    series: Series
    subject: str
    session: str
    target: Path | None
    reason: str = ""


@dataclass(frozen=True)
class ImportResult:
    """Files written and skipped, and one line for each series that failed."""

    written: tuple[Path, ...]
    skipped: tuple[str, ...]
    failures: tuple[str, ...]
    warnings: tuple[str, ...]


def import_dicom(
    source: str | Path,
    cohort: str | Path,
    key_file: str | Path | None = None,
    progress: Callable[[Path], None] = lambda path: None,
) -> ImportResult:
    """Reads SRC, adds to COHORT what is not there yet; a series that fails is reported and the rest goes on.

    `progress` is told every file once it is written. A full disk (OutputError) ends the import.
    """
    cohort = Path(cohort)
    key = _Key(Path(key_file) if key_file is not None else cohort.with_name(cohort.name + ".key.tsv"))
    index = index_folder(source)
    plan = plan_import(index, key)
    key.require_knows(cohort)
    if any(p.target is not None for p in plan):
        key.save()  # before the first image: a killed import must not leave a subject that nobody can name
    outcome = _Outcome(progress)
    rows: dict[str, dict[str, SessionRow]] = {}
    for planned in plan:
        if planned.target is None:
            outcome.skipped.append(f"{planned.series.label}: {planned.reason}")
            continue
        try:
            row = _write_series(cohort, planned, outcome)
        except OutputError:
            raise
        except NetlesionError as error:
            outcome.failures.append(str(error))
            continue
        rows.setdefault(planned.subject, {})
        known = rows[planned.subject].get(planned.session)
        rows[planned.subject][planned.session] = row if known is None or known.weight_kg is None else known
    _write_contours(cohort, index, plan, outcome)
    if not outcome.written and outcome.failures:
        raise DicomError("; ".join(outcome.failures))
    for subject, by_session in rows.items():
        for session in by_session:
            by_session[session] = replace(by_session[session], visit=key.visit_of(subject, session))
    write_dataset(cohort, _with_known_sessions(cohort, rows))
    if outcome.written:
        _write_provenance(cohort, index, plan, outcome)
    key.save()
    return ImportResult(
        *(tuple(part) for part in (outcome.written, outcome.skipped, outcome.failures, outcome.warnings))
    )


def plan_import(index: tuple[Series, ...], key: _Key) -> tuple[PlannedSeries, ...]:
    """What each image series becomes: subject and session by date of examination, name by modality."""
    days: dict[str, set[str]] = {}
    for series in index:
        if series.sop_class != RTSTRUCT:
            days.setdefault(_patient(series), set()).add(_day(series))
    for patient in sorted(days):
        for day in sorted(days[patient]):
            key.session(patient, day)
    plan, taken = [], {}
    for series in index:
        if series.sop_class == RTSTRUCT:
            continue
        subject, session = key.subject(_patient(series)), key.session(_patient(series), _day(series))
        folder, suffix, entities, reason = _name(series)
        if reason:
            plan.append(PlannedSeries(series, subject, session, None, reason))
            continue
        taken.setdefault((subject, session, folder, suffix, entities), []).append(series)
    for (subject, session, folder, suffix, entities), same in taken.items():
        for run_number, series in enumerate(same, start=1):
            run = [f"run-{run_number}"] if len(same) > 1 else []
            target = image_path(Path(), subject, session, folder, suffix, *entities, *run)
            plan.append(PlannedSeries(series, subject, session, target))
    return tuple(plan)


@dataclass
class _Outcome:
    progress: Callable[[Path], None]
    written: list[Path] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, path: Path) -> None:
        self.written.append(path)
        self.progress(path)


def _name(series: Series) -> tuple[str, str, tuple[str, ...], str]:
    """Folder, suffix and entities of a series in BIDS, or the reason why it has none."""
    if series.modality == "PT":
        label = tracer_label(series)
        if label is None:
            return "", "", (), "the tracer cannot be told from its radiopharmaceutical code or text"
        return "pet", "pet", (f"trc-{label}",), ""
    if series.modality == "CT":
        return "ct", "ct", (), ""
    if series.modality == "MR":
        suffix = _mr_suffix(series)
        return ("anat", suffix, (), "") if suffix else ("", "", (), "MR of unknown contrast (neither T1 nor T2)")
    return "", "", (), f"{series.modality} is not imported"


def _mr_suffix(series: Series) -> str | None:
    """T1w or T2w, from the words of series and protocol, else from echo time; None when neither tells."""
    words = f"{series.header.get('SeriesDescription', '')} {series.header.get('ProtocolName', '')}".upper()
    if re.search(r"DWI|DIFF|ADC|LOCALI[SZ]ER|SCOUT", words):
        return None
    if re.search(r"(?<![A-Z0-9])T2|STIR|HASTE|SSFSE", words):
        return "T2w"
    if re.search(r"(?<![A-Z0-9])T1|VIBE|LAVA|DIXON|MPRAGE", words):
        return "T1w"
    echo, repetition = (number(series, series.header, name) for name in ("EchoTime", "RepetitionTime"))
    if echo is None or repetition is None:
        return None
    return "T2w" if echo >= 60 else "T1w" if echo <= 30 and repetition <= 1200 else None


def _write_series(cohort: Path, planned: PlannedSeries, outcome: _Outcome) -> SessionRow:
    series, path = planned.series, cohort / planned.target
    height = _height_cm(series)
    row = SessionRow(planned.session, 1, None, height)
    record = None
    if series.modality == "PT":
        facts = pet_facts(series)
        try:
            conversion = suvbw_conversion(facts)
        except NetlesionError as error:
            raise type(error)(f"{series.label}: {error}") from error
        outcome.warnings.extend(f"{planned.target}: {w}" for w in conversion.warnings)
        record = _pet_record(series, facts, conversion)
        row = replace(row, weight_kg=conversion.weight_kg)
    if path.is_file():
        outcome.skipped.append(f"{planned.target}: already in the cohort")
        return row
    volume = read_image(series)
    if record is not None:
        write_pet(path, volume, record)
    else:
        write_image(path, volume, {"Modality": series.modality, "FrameOfReferenceHash": _frame_hash(series)})
    outcome.add(path)
    return row


def _pet_record(series: Series, facts: PetFacts, conversion: SuvConversion) -> PetRecord:
    start = facts.acquisition_datetime or conversion.reference
    text = {
        name: str(series.header.get(name, "") or "n/a")
        for name in ("Manufacturer", "ManufacturerModelName", "ReconstructionMethod", "AttenuationCorrectionMethod")
    }
    dose = series.header.RadiopharmaceuticalInformationSequence[0]
    return PetRecord(
        tracer_label=tracer_label(series),
        nuclide=nuclide(dose) or "n/a",
        half_life_s=conversion.half_life_s,
        dose_bq=conversion.dose_bq,
        weight_kg=conversion.weight_kg,
        scan_start_s=(start - conversion.injection).total_seconds(),
        reference_s=conversion.elapsed_s,
        time_zero=conversion.injection.strftime("%H:%M:%S"),
        ref_time_source=conversion.ref_time_source,
        frame_duration_s=facts.frame_duration_s,
        manufacturer=text["Manufacturer"],
        model=text["ManufacturerModelName"],
        reconstruction=text["ReconstructionMethod"],
        attenuation_correction=text["AttenuationCorrectionMethod"],
        frame_of_reference_hash=_frame_hash(series),
    )


def _write_contours(cohort: Path, index, plan: tuple[PlannedSeries, ...], outcome: _Outcome) -> None:
    """Every structure of every RTSTRUCT as a mask on the grid of the image it was drawn on."""
    images = {p.series.uid: p for p in plan if p.target is not None}
    grids: dict[str, Geometry] = {}
    for series in index:
        if series.sop_class != RTSTRUCT:
            continue
        try:
            for structure in read_structures(series):
                planned = images.get(structure.series_uid or "")
                if planned is None:
                    outcome.skipped.append(f"{series.label}: {structure.name!r} was drawn on a series that is not here")
                    continue
                target = derivative_path(cohort, cohort / planned.target, roi_label(structure.name), "mask")
                if target.is_file():
                    outcome.skipped.append(f"{target.relative_to(cohort)}: already in the cohort")
                    continue
                uid = planned.series.uid
                if uid not in grids:
                    grids[uid] = read_image(planned.series).geometry
                write_volume(target, structure_mask(structure, grids[uid]))
                outcome.add(target)
        except OutputError:
            raise
        except NetlesionError as error:
            outcome.failures.append(f"{series.label}: {error}")


def _write_provenance(cohort: Path, index, plan: tuple[PlannedSeries, ...], outcome: _Outcome) -> None:
    """What this import wrote and from what: one file per import, series by their target, contours by number."""
    names = {p.series.uid: str(p.target) for p in plan if p.target is not None and cohort / p.target in outcome.written}
    contours = [s for s in index if s.sop_class == RTSTRUCT]
    names |= {s.uid: f"contours {n}" for n, s in enumerate(contours, start=1)}
    inputs = {name: _hash_series(s) for s in index if (name := names.get(s.uid)) is not None}
    folder = cohort / DERIVATIVES
    number = 1 + len(list(folder.glob("import-*.json")))
    record = provenance(
        config={"visit_window_days": VISIT_WINDOW_DAYS},
        inputs=inputs,
        outputs=[str(path.relative_to(cohort)) for path in outcome.written],
        warnings=outcome.warnings,
    )
    write_json(folder / f"import-{number:03d}.json", record)


def _hash_series(series: Series) -> str:
    """One sha256 over the sha256 of every file of a series, in the order of the hashes."""
    hashes = sorted(hash_file(path) for path in series.files)
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def _with_known_sessions(cohort: Path, rows: dict[str, dict[str, SessionRow]]) -> dict[str, list[SessionRow]]:
    """The sessions just imported together with those already in the cohort's tables."""
    merged = {subject: dict(by_session) for subject, by_session in rows.items()}
    for table in cohort.glob("sub-*/sub-*_sessions.tsv"):
        subject = table.parent.name.removeprefix("sub-")
        with table.open(encoding="utf-8", newline="") as lines:
            for line in csv.DictReader(lines, delimiter="\t"):
                session = line["session_id"].removeprefix("ses-")
                old = SessionRow(
                    session,
                    int(line["visit"].removeprefix("visit-")),
                    *(None if line[c] == "n/a" else float(line[c]) for c in ("weight", "height")),
                )
                known = merged.setdefault(subject, {}).get(session)
                merged[subject][session] = (
                    old
                    if known is None
                    else replace(
                        known,
                        weight_kg=old.weight_kg if known.weight_kg is None else known.weight_kg,
                        height_cm=old.height_cm if known.height_cm is None else known.height_cm,
                    )
                )
    return {subject: list(by_session.values()) for subject, by_session in merged.items()}


class _Key:
    """The table between hospital ids and cohort ids: rows of (patient, day, subject, session)."""

    COLUMNS = ("patient_id", "study_date", "subject", "session")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[tuple[str, str], tuple[str, str]] = {}
        if path.is_file():
            with path.open(encoding="utf-8", newline="") as lines:
                for row in csv.DictReader(lines, delimiter="\t"):
                    self.rows[row["patient_id"], row["study_date"]] = (row["subject"], row["session"])
        self.old = dict(self.rows)

    def require_knows(self, cohort: Path) -> None:
        """Raises CohortError when the cohort holds a subject that this key did not name: whose it is cannot be told."""
        known = {subject for subject, _ in self.old.values()}
        strangers = sorted({p.name.removeprefix("sub-") for p in cohort.glob("sub-*") if p.is_dir()} - known)
        if strangers:
            raise CohortError(
                f"{cohort}: holds sub-{strangers[0]}, which {self.path} does not name; give the key this cohort was "
                "made with (--key), or import into another folder"
            )

    def subject(self, patient: str) -> str:
        known = [subject for (p, _), (subject, _) in self.rows.items() if p == patient]
        if known:
            return known[0]
        return f"{max((int(s) for s, _ in self.rows.values()), default=0) + 1:03d}"

    def session(self, patient: str, day: str) -> str:
        if (patient, day) not in self.rows:
            used = [int(session) for (p, _), (_, session) in self.rows.items() if p == patient]
            self.rows[patient, day] = (self.subject(patient), f"{max(used, default=0) + 1:02d}")
        return self.rows[patient, day][1]

    def visit_of(self, subject: str, session: str) -> int:
        """1 for the first visit; a day more than VISIT_WINDOW_DAYS after a visit's first opens the next."""
        days = sorted((day, ses) for (_, day), (sub, ses) in self.rows.items() if sub == subject)
        visit, first = 0, None
        for day, ses in days:
            when = datetime.strptime(day, "%Y%m%d")
            if first is None or (when - first).days > VISIT_WINDOW_DAYS:
                visit, first = visit + 1, when
            if ses == session:
                return visit
        return visit

    def save(self) -> None:
        lines = ["\t".join(self.COLUMNS)]
        lines += ["\t".join((*origin, *target)) for origin, target in self.rows.items()]
        write_text(self.path, "\n".join(lines) + "\n")
        self.path.chmod(0o600)


def _patient(series: Series) -> str:
    patient = re.sub(r"\s+", " ", str(series.header.get("PatientID", "")).strip())
    if not patient:
        raise DicomError(f"{series.label}: Patient ID (0010,0020) is missing; its patient cannot be told")
    return patient


def _day(series: Series) -> str:
    day = str(series.header.get("StudyDate", "") or "")
    if not re.fullmatch(r"\d{8}", day):
        raise DicomError(f"{series.label}: Study Date (0008,0020) is {day or 'missing'}, expected YYYYMMDD")
    return day


def _height_cm(series: Series) -> float | None:
    """Patient's Size in cm; values up to 3 are metres (clinical.md 1.5)."""
    height = number(series, series.header, "PatientSize")
    if not height:
        return None
    return round(height * 100, 1) if height <= 3 else height


def _frame_hash(series: Series) -> str | None:
    uid = series.frame_of_reference_uid
    return None if uid is None else hashlib.sha256(uid.encode()).hexdigest()[:12]
