"""One examination of one digital patient in memory, as the Visit that the rest of netlesion works on.

`visit_of` turns rendered images into a Visit with its truth; `make_visit` draws and renders the first examination of a
patient. Knows nothing about files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from netlesion.image.visit import Scan, Tracer, Visit
from netlesion.image.volume import Quantity, Volume
from netlesion.phantom.focus import LESION_KINDS
from netlesion.phantom.patient import draw_patient
from netlesion.phantom.scan import render_exam
from netlesion.phantom.settings import PRESETS, PhantomSettings
from netlesion.phantom.truth import LesionRow, classes_of, lesion_rows

if TYPE_CHECKING:
    from netlesion.phantom.focus import Focus
    from netlesion.phantom.patient import Exam, PatientDraw
    from netlesion.phantom.scan import ExamImages

__all__ = ["ONE_SESSION", "PhantomSettings", "PhantomVisit", "make_visit", "visit_of"]

#: NET PET/CT with both tracers in one session, on one table position.
ONE_SESSION = replace(PRESETS["net-petct"], tracers_apart=False)
#: Sequence of a PET/MR -> the channel it feeds; the others have none.
CHANNEL_OF_SEQUENCE: Mapping[str, str] = {"dixon_water": "mr_t1", "t2": "mr_t2"}


@dataclass(frozen=True, eq=False)
class PhantomVisit:
    """A visit and all that is true about it.

    classes (0 background, 1 physiologic, 2 primary, 3 metastasis) and instances: LABEL volumes by channel, on each
    PET's own grid. lesions: all there are, seen or not. rows: one per lesion and PET.
    """

    visit: Visit
    classes: Mapping[str, Volume]
    instances: Mapping[str, Volume]
    lesions: tuple[Focus, ...]
    rows: tuple[LesionRow, ...]


def make_visit(index: int, *, seed: int, settings: PhantomSettings = ONE_SESSION) -> PhantomVisit:
    """The first examination of patient `index` (0 or more) of the cohort `seed`; the same arguments, the same bytes."""
    patient = draw_patient(index, seed=seed, settings=settings)
    exam = patient.exams[0]
    return visit_of(patient, exam, render_exam(patient, exam, settings))


def visit_of(patient: PatientDraw, exam: Exam, images: ExamImages) -> PhantomVisit:
    """Rendered images of one examination as a Visit, with their truth."""
    patient_id = f"{patient.index + 1:03d}"
    scans: dict[str, Scan] = {}
    classes: dict[str, Volume] = {}
    instances: dict[str, Volume] = {}
    for channel, pet in images.pets.items():
        facts = replace(exam.acquisitions[channel], manufacturer=pet.scanner.manufacturer, model=pet.scanner.model_name)
        scans[channel] = Scan(channel, pet.image, Tracer(channel), facts)
        grid = pet.image.geometry
        instances[channel] = Volume(pet.truth.instances, grid, Quantity.LABEL)
        classes[channel] = Volume(classes_of(pet.truth, exam.foci), grid, Quantity.LABEL)
    for name, volume in images.anatomical.items():
        channel = CHANNEL_OF_SEQUENCE.get(name, name)
        if channel in ("ct", *CHANNEL_OF_SEQUENCE.values()):
            scans[channel] = Scan(channel, volume)
    return PhantomVisit(
        visit=Visit(patient_id, f"sub-{patient_id}_ses-{exam.session}", scans, masks=dict(classes)),
        classes=classes,
        instances=instances,
        lesions=tuple(f for f in exam.foci if f.kind in LESION_KINDS),
        rows=tuple(lesion_rows(patient, exam, images)),
    )
