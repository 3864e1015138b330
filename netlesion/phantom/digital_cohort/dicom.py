"""A digital patient as DICOM studies, to drive the whole road from the scanner on: sub-X/ses-Y/<one folder per series>.

Every vendor's header flavour comes up: the scanner's maker decides between the plain one and its own. Truth goes along
as RTSTRUCT, and as lesions.tsv beside the studies. Dates are made up, names say SYNTHETIC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from netlesion.io.dicom.write.lesions import LesionIdentity
from netlesion.io.dicom.write.mr import MrContrast
from netlesion.io.dicom.write.pet import PetFlavour
from netlesion.io.dicom.write.visit import write_visit
from netlesion.output.atomic import write_text
from netlesion.phantom.cohort import visit_of
from netlesion.phantom.scan import render_exam
from netlesion.phantom.truth import lesion_table

if TYPE_CHECKING:
    from netlesion.phantom.patient import PatientDraw
    from netlesion.phantom.settings import PhantomSettings

#: The day of every patient's first examination, at 10 in the morning.
FIRST_DAY = datetime(2021, 3, 1, 10, 0)
#: First word of the maker -> its own header flavour, used in every second examination; the plain ones between.
FLAVOUR_OF_MAKER: Mapping[str, PetFlavour] = {
    "GE": PetFlavour.GE,
    "SIEMENS": PetFlavour.SIEMENS,
    "Philips": PetFlavour.PHILIPS_CNTS,
}
PLAIN = (PetFlavour.BQML_START, PetFlavour.BQML_ADMIN)
CONTRASTS: Mapping[str, MrContrast] = {
    "dixon_in": MrContrast.DIXON_IN,
    "dixon_opp": MrContrast.DIXON_OPP,
    "dixon_fat": MrContrast.DIXON_FAT,
    "dwi_b50": MrContrast.DWI_B50,
    "dwi_b800": MrContrast.DWI_B800,
}


def write_dicom_patient(folder: Path, patient: PatientDraw, settings: PhantomSettings, *, seed: int) -> None:
    """Every examination of one patient as a study of its own below `folder`, and lesions.tsv."""
    rows = []
    for number, exam in enumerate(patient.exams):
        images = render_exam(patient, exam, settings)
        made = visit_of(patient, exam, images)
        flavours = {}
        for n, (channel, pet) in enumerate(images.pets.items()):
            own = FLAVOUR_OF_MAKER[pet.scanner.manufacturer.split()[0]]
            turn = patient.index + number + n
            flavours[channel] = own if turn % 2 == 0 else PLAIN[turn // 2 % 2]
        write_visit(
            made.visit,
            folder / f"ses-{exam.session}",
            seed=seed * 1000 + number,
            start=FIRST_DAY + timedelta(days=exam.day),
            instances=made.instances,
            lesions=[LesionIdentity(f.lesion_id, f.kind, f.region) for f in made.lesions],
            flavours=flavours,
            contrasts={CONTRASTS[n]: v for n, v in images.anatomical.items() if n in CONTRASTS},
            sex=patient.body.sex,
        )
        rows += made.rows
    write_text(folder / "lesions.tsv", lesion_table(rows))
