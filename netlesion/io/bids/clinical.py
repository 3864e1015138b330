"""What images cannot give, each in its one home of a cohort: primary site, disease, sex; therapy, cycles, operations.

    participants.tsv               primary_site, disease (net, tio), sex (M, F, O)
    sub-X/sub-X_sessions.tsv       therapy and cycles_completed (since the visit before), surgery_date, acq_time, height
    derivatives/.../<case>_desc-bed_mask.nii.gz, or sub-X/sub-X_desc-bed_points.tsv (x_mm, y_mm, z_mm)   resection bed
    diameters.tsv of results       case, lesion_id, long_axis_mm, short_axis_mm, as a reader measured them on CT or MR

An absent value is None; one outside the vocabulary is refused with its line. Knows nothing about answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from netlesion.errors import CohortError
from netlesion.io.bids.pet import entity, sidecar_of
from netlesion.io.files import is_there
from netlesion.io.table_file import Row, read_table
from netlesion.suv.body_size import PatientBody

#: The folders below a cohort where what was derived of it lies.
DERIVATIVES_FOLDERS = ("derivatives", "netlesion")
PRIMARY_SITES = (
    "pancreas", "stomach", "duodenum", "jejunum", "ileum", "small_bowel", "appendix", "colon", "rectum", "lung",
    "other", "unknown",
)  # fmt: skip
DISEASES = ("net", "tio")
SEXES = ("M", "F", "O")
THERAPIES = (
    "none", "prrt", "somatostatin_analogue", "chemotherapy", "targeted", "surgery", "local", "radiotherapy", "other",
)  # fmt: skip


@dataclass(frozen=True)
class Participant:
    """One row of participants.tsv, as far as it is there."""

    primary_site: str | None = None
    disease: str | None = None
    sex: str | None = None


@dataclass(frozen=True)
class SessionFacts:
    """One row of sessions.tsv, as far as it is there; dates are the cohort's (shifted) ones."""

    visit: str | None = None
    therapy: str | None = None
    cycles_completed: int | None = None
    surgery_date: datetime | None = None
    acq_time: datetime | None = None
    height_cm: float | None = None
    weight_kg: float | None = None


def read_participants(cohort: Path) -> dict[str, Participant]:
    """Research id -> what participants.tsv says; raises CohortError for a value outside the vocabulary."""
    path = cohort / "participants.tsv"
    if not is_there(path):
        return {}
    return {
        row.cells["participant_id"].removeprefix("sub-"): Participant(
            _word(row, "primary_site", PRIMARY_SITES), _word(row, "disease", DISEASES), _word(row, "sex", SEXES)
        )
        for row in read_table(path, ("participant_id",)).rows
    }


def read_session_facts(subject_folder: Path) -> dict[str, SessionFacts]:
    """`ses-01` -> what sessions.tsv says; raises CohortError for a value that cannot be meant."""
    path = subject_folder / f"{subject_folder.name}_sessions.tsv"
    if not is_there(path):
        return {}
    found = {}
    for row in read_table(path, ("session_id",)).rows:
        cycles = row.whole("cycles_completed")
        if cycles is not None and cycles < 0:
            raise CohortError(f"{row.where}: cycles_completed is {cycles}, expected 0 or more")
        found[row.cells["session_id"]] = SessionFacts(
            visit=row.text("visit"),
            therapy=_word(row, "therapy", THERAPIES),
            cycles_completed=cycles,
            surgery_date=_date(row, "surgery_date"),
            acq_time=_date(row, "acq_time"),
            height_cm=row.number("height"),
            weight_kg=row.number("weight"),
        )
    return found


def body_of(pet: Path) -> PatientBody:
    """The body of the patient of a cohort's PET, as its side-car, sessions.tsv and participants.tsv say."""
    subject, session = entity(pet.name, "sub"), entity(pet.name, "ses")
    root = next((p.parent for p in pet.parents if p.name == f"sub-{subject}"), None)
    if subject is None or root is None:
        return PatientBody()
    if root.parts[-2:] == DERIVATIVES_FOLDERS:
        root = root.parent.parent
    facts = read_session_facts(root / f"sub-{subject}").get(f"ses-{session}", SessionFacts())
    weight = (sidecar_of(pet) or {}).get("PatientWeight")
    sex = read_participants(root).get(subject, Participant()).sex
    weight_kg = float(weight) if isinstance(weight, (int, float)) else facts.weight_kg
    return PatientBody(weight_kg, facts.height_cm, sex)


def read_diameters(path: Path) -> dict[tuple[str, int], tuple[float, float | None]]:
    """(case, lesion_id) -> long and short axis, mm; CohortError for one that is not above 0, or short above long."""
    if not is_there(path):
        return {}
    found: dict[tuple[str, int], tuple[float, float | None]] = {}
    for row in read_table(path, ("case", "lesion_id", "long_axis_mm", "short_axis_mm")).rows:
        lesion, long_mm, short_mm = row.whole("lesion_id"), row.number("long_axis_mm"), row.number("short_axis_mm")
        if lesion is None or long_mm is None or long_mm <= 0 or (short_mm is not None and not 0 < short_mm <= long_mm):
            raise CohortError(
                f"{row.where}: long_axis_mm is {row.cells['long_axis_mm']} and short_axis_mm "
                f"{row.cells['short_axis_mm']}, expected a lesion_id and 0 < short <= long"
            )
        if (row.cells["case"], lesion) in found:
            raise CohortError(f"{row.where}: lesion {lesion} of {row.cells['case']} is there twice; keep one")
        found[row.cells["case"], lesion] = (long_mm, short_mm)
    return found


def read_bed_points(path: Path) -> np.ndarray | None:
    """(N, 3) points of a resection bed, RAS+ mm of the first PET; None without the table."""
    if not is_there(path):
        return None
    points = []
    for row in read_table(path, ("x_mm", "y_mm", "z_mm")).rows:
        point = [row.number(name) for name in ("x_mm", "y_mm", "z_mm")]
        if None in point:
            raise CohortError(f"{row.where}: a point of the resection bed has no x_mm, y_mm or z_mm; give all three")
        points.append(point)
    return np.array(points, dtype=np.float64).reshape(-1, 3) if points else None


def _word(row: Row, name: str, known: Sequence[str]) -> str | None:
    value = row.text(name)
    if value is not None and value not in known:
        raise CohortError(f"{row.where}: {name} is {value!r}, expected n/a or one of {', '.join(known)}")
    return value


def _date(row: Row, name: str) -> datetime | None:
    value = row.text(name)
    try:
        return None if value is None else datetime.fromisoformat(value).replace(tzinfo=None)
    except ValueError as error:
        raise CohortError(f"{row.where}: {name} is {value!r}, expected a date as 2020-01-31") from error
