"""One patient as one self-contained HTML page (under MOST_BYTES): what was found, where, how hot, and what it means.

Takes a patient of a results folder and writes a file; returns what the cohort's page needs. Newest visit first. Nothing
is invented: what is not there is said to be missing, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from netlesion.errors import NetlesionError
from netlesion.output.atomic import write_text
from netlesion.output.provenance import without_folders
from netlesion.report.acquisition import acquisition_rows
from netlesion.report.answer_facts import lesion_facts, time_courses, visit_names
from netlesion.report.answer_view import question_views
from netlesion.report.glance import glance_facts
from netlesion.report.lesion_table import TO_LIVER, LesionView, lesion_views, shown_columns
from netlesion.report.page import page_text
from netlesion.report.patient_images import VisitImages, visit_images
from netlesion.report.plots_cohort import course_figures
from netlesion.report.results_folder import PatientResult, VisitResult

#: Most bytes of a page, and how much of it pictures may take.
MOST_BYTES, PICTURE_BYTES = 3_000_000, 2_600_000
#: Lesions that get tiles: the largest of all visits, and every discordant one.
NUM_TILES = 30


@dataclass(frozen=True)
class PatientDrawn:
    """What the cohort's page shows of a patient. page: its file's name, None where no visit is finished.

    tracers: channel -> its tracer in words. counts, volumes_ml: channel -> of the last visit that has this PET;
    previews: channel -> base64 WebP.
    """

    patient_id: str
    page: str | None
    num_visits: int
    tracers: Mapping[str, str]
    counts: Mapping[str, int]
    volumes_ml: Mapping[str, float]
    largest_ml: float | None
    highest_to_liver: float | None
    previews: Mapping[str, str]
    categories: Mapping[str, str]
    failures: tuple[str, ...]
    missing: tuple[str, ...]


def page_name(patient_id: str) -> str:
    """A file name of letters, digits and dashes for any patient id, different for different ids."""
    plain = re.sub(r"[^A-Za-z0-9-]", "-", patient_id)[:60]
    return (
        f"sub-{plain}.html"
        if plain == patient_id
        else f"sub-{plain}-{sha256(patient_id.encode(errors='surrogateescape')).hexdigest()[:8]}.html"
    )


def write_patient(folder: Path, patient: PatientResult, about: Mapping[str, Any]) -> PatientDrawn:
    """Writes the page of one patient into `folder`; about: facts of the run (`report.run_facts`)."""
    lesions = lesion_views(patient, lesion_facts(patient.answers))
    names = visit_names(patient.answers)
    drawn: dict[str, VisitImages] = {}
    notes = list(patient.failures)
    budget = PICTURE_BYTES
    tiled = _tiled(lesions)
    for visit in reversed(patient.visits):
        shown = {p.channel: tuple(v.lesion_id for v in lesions if v.pet is p and v.number in tiled) for p in visit.pets}
        if visit.files is None:
            continue
        try:
            images = visit_images(visit, shown)
        except NetlesionError as error:
            notes.append(f"{visit.visit_id}: no pictures. {without_folders(str(error), visit.files.paths)}")
            continue
        size = _bytes(images)
        if size > budget:
            images = VisitImages(
                images.viewers, images.previews, images.acquisitions, {}, images.anatomy, images.fourth
            )
            size = _bytes(images)
        if size > budget:
            notes.append(f"{visit.visit_id}: its pictures are left out, the page would be larger than 3 MB.")
            continue
        budget -= size
        drawn[visit.visit_id] = images
    courses = time_courses(patient.answers, lesions, [[pet.case for pet in v.pets] for v in patient.visits])
    values = {
        "title": f"Patient {patient.patient_id}",
        "patient": patient,
        "notes": notes,
        "about": about,
        "glance": glance_facts(patient, lesions, names),
        "visits": [_visit_values(v, drawn.get(v.visit_id), lesions, names) for v in reversed(patient.visits)],
        "columns": shown_columns(lesions),
        "lesions": lesions,
        "several_visits": len(patient.visits) > 1,
        "tracers": list(dict.fromkeys(v.pet.tracer for v in lesions)),
        "no_liver": bool(lesions) and not any(v.cells[TO_LIVER].sort is not None for v in lesions),
        "no_regions": bool(lesions) and not any(v.region for v in lesions),
        "num_tiles": sum(len(i.tiles) for i in drawn.values()),
        "tiled": tiled if drawn else set(),
        "courses": courses,
        "course_figures": course_figures(courses, [visit_name(v, names) for v in patient.visits]),
        "questions": question_views(patient.answers),
        "by_key": {v.key: v for v in lesions},
        "data": {
            f"{v.visit_id}/{channel}": _viewer_data(viewer, p.case, lesions)
            for v in patient.visits
            if v.visit_id in drawn
            for p in v.pets
            for channel, viewer in drawn[v.visit_id].viewers.items()
            if p.channel == channel
        },
    }
    name = page_name(patient.patient_id)
    write_text(folder / name, page_text("patient.html.j2", values))
    return _summary(patient, name, lesions, drawn, notes)


def _tiled(lesions: Sequence[LesionView]) -> set[int]:
    """Rows of the largest lesions and of every discordant one."""
    largest = sorted(lesions, key=lambda v: (-v.volume_ml, v.number))[:NUM_TILES]
    return {v.number for v in largest} | {v.number for v in lesions if v.alone}


def _visit_values(
    visit: VisitResult, images: VisitImages | None, lesions: Sequence[LesionView], names: Mapping[str, str]
) -> dict[str, Any]:
    """What the template shows of a visit."""
    pets = []
    for pet in visit.pets:
        of_pet = [v for v in lesions if v.pet is pet]
        pets.append(
            {
                "pet": pet,
                "lesions": of_pet,
                "viewer": None if images is None else images.viewers[pet.channel],
                "tiles": []
                if images is None
                else [
                    (v, images.tiles[pet.channel, v.lesion_id])
                    for v in sorted(of_pet, key=lambda v: -v.volume_ml)
                    if (pet.channel, v.lesion_id) in images.tiles
                ],
                "fourth": None if images is None else images.fourth[pet.channel],
                "facts": acquisition_rows(visit, pet, None if images is None else images.acquisitions[pet.channel]),
            }
        )
    absent = [c for c, there in dict(visit.record.get("channels_present", {})).items() if not there]
    return {
        "visit": visit,
        "name": visit_name(visit, names),
        "short": visit_name(visit, names).partition(",")[0],
        "pets": pets,
        "absent": absent,
        "anatomy": None if images is None else images.anatomy,
    }


def visit_name(visit: VisitResult, names: Mapping[str, str]) -> str:
    """`visit-1 (ses-01), PET/CT`: as the answers call it, and its session; the whole name where it has none."""
    name = visit.visit_id.partition("_")[2] or visit.visit_id
    told = next((names[pet.case] for pet in visit.pets if pet.case in names), name)
    name = name if told == name else f"{told} ({name})"
    there = dict(visit.record.get("channels_present", {}))
    kind = "PET/CT" if there.get("ct") else "PET/MR" if there.get("mr_t1") or there.get("mr_t2") else "PET"
    return f"{name}, {kind}"


def _viewer_data(viewer: Any, case: str, lesions: Sequence[LesionView]) -> dict[str, Any]:
    """Outlines and places of numbers by row number, for the page's script."""
    number = {v.lesion_id: v.number for v in lesions if v.pet.case == case}
    return {
        "w": viewer.width,
        "o": {number[n]: list(paths) for n, paths in viewer.outlines.items() if n in number},
        "m": {number[n]: list(places) for n, places in viewer.numbers.items() if n in number},
    }


def _bytes(images: VisitImages) -> int:
    viewers = images.viewers.values()
    outlines = sum(len(p) + 4 for v in viewers for paths in v.outlines.values() for p in paths)
    numbers = sum(12 for v in viewers for places in v.numbers.values() for _ in places)
    return sum(len(v.sprite) for v in viewers) + outlines + numbers + sum(map(len, images.tiles.values()))


def _summary(
    patient: PatientResult,
    name: str,
    lesions: Sequence[LesionView],
    drawn: Mapping[str, VisitImages],
    notes: Sequence[str],
) -> PatientDrawn:
    last = {pet.channel: (visit, pet) for visit in patient.visits for pet in visit.pets}
    of = {channel: [v for v in lesions if v.pet is pet] for channel, (_, pet) in last.items()}
    shown = [v for found in of.values() for v in found]
    ratios = [float(r) for v in shown if (r := v.cells[TO_LIVER].sort) is not None]
    previews = {
        channel: drawn[visit.visit_id].previews[channel]
        for channel, (visit, _) in last.items()
        if visit.visit_id in drawn
    }
    return PatientDrawn(
        patient_id=patient.patient_id,
        page=name if patient.visits else None,
        num_visits=len(patient.visits),
        tracers={c: pet.tracer for c, (_, pet) in last.items()},
        counts={c: len(found) for c, found in of.items()},
        volumes_ml={c: sum(v.volume_ml for v in found) for c, found in of.items()},
        largest_ml=max((v.volume_ml for v in shown), default=None),
        highest_to_liver=max(ratios, default=None),
        previews=previews,
        categories={
            str(a["question"]): str(a["category"])
            for a in patient.answers
            if a.get("status") == "answered" and a.get("category") is not None
        },
        failures=tuple(notes),
        missing=patient.missing,
    )
