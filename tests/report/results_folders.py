"""A cohort and its results written by hand: a few patients with an FDG PET/CT, two lesions each."""

import json

import numpy as np

from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.nifti import write_volume
from netlesion.output.atomic import write_json
from netlesion.quantify.measure import measure
from netlesion.quantify.table import write_lesions

GRID = Geometry(np.diag([-5.0, 5.0, 4.0, 1.0]), (23, 19, 27))


def write_patient(cohort, results, name, spots=((6, 9, 20), (15, 8, 5))):
    """One visit of the sts_crops layout, and what inference leaves of it; a spot is the corner of 3x2x2 voxels."""
    suv, labels = np.full(GRID.shape, 0.8), np.zeros(GRID.shape, dtype=np.uint8)
    for n, (i, j, k) in enumerate(spots, start=1):
        labels[i : i + 3, j : j + 2, k : k + 2] = n
        suv[labels == n] = 3.0 * n
    pet, lesions = Volume(suv, GRID, Quantity.SUVBW), Volume(labels, GRID, Quantity.LABEL)
    write_volume(cohort / name / "PET_image.nii.gz", pet)
    write_volume(cohort / name / "CT_image.nii.gz", Volume(np.full(GRID.shape, -20.0), GRID, Quantity.HU))
    case = f"{name}_trc-fdg"
    write_volume(results / name / f"{case}_desc-lesions_dseg.nii.gz", lesions)
    write_lesions(results / name / f"{case}_desc-lesions.tsv", {case: measure(pet, lesions)})
    record = {"cases": {"fdg": case}, "channels_present": {"fdg": True, "ct": True}, "checkpoint_sha256": "ab" * 32}
    write_json(results / name / "provenance.json", record | {"settings": {"mode": "exact"}})
    return case


def write_answers(results, name, answers):
    """answers.json of one patient; what an answer does not say is empty."""
    empty = {
        "visit": None, "status": "answered", "category": None, "alternatives": [], "values": {}, "rows": [],
        "reasons": [], "needed": [], "missing": [], "reader_decides": [], "settings": {},
    }  # fmt: skip
    folder = results / "answers" / f"sub-{abs(hash(name))}"
    folder.mkdir(parents=True)
    document = {"patient": name, "answers": [empty | a for a in answers]}
    (folder / "answers.json").write_text(json.dumps(document))
