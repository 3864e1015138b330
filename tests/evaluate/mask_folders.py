"""Small folders of masks, results and cohorts as they lie on disk, for tests of `netlesion evaluate`."""

import csv
import json

import numpy as np

from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.nifti import write_volume

SHAPE = (17, 13, 11)
AFFINE = np.diag([2.0, 3.0, 4.0, 1.0])
ONE, TWO, OFF = np.s_[2:6, 2:6, 2:6], np.s_[9:13, 7:11, 5:9], np.s_[14:17, 0:3, 0:3]
MARKS = "case,reader,x_mm,y_mm,z_mm,rating\n"


def mask(*boxes, shape=SHAPE, values=1, affine=AFFINE):
    array = np.zeros(shape, np.uint8)
    for box in boxes:
        array[box] = values
    return Volume(array, Geometry(affine, shape), Quantity.LABEL)


def results_folder(root, cases, unfinished=()):
    """What infer leaves: a folder and a record per visit; an unfinished one has its old masks and no record."""
    for case, volume in cases.items():
        folder, name = root / case.split("_trc")[0], f"{case}_desc-lesions_dseg.nii.gz"
        write_volume(folder / name, volume)
        values = volume.array.astype(np.float32) * 0.75
        write_volume(
            folder / f"{case}_desc-lesions_probseg.nii.gz", Volume(values, volume.geometry, Quantity.PROBABILITY)
        )
        if case not in unfinished:
            record = {"outputs": [name], "checkpoint_sha256": "f00d", "cases": {"fdg": case}}
            (folder / "provenance.json").write_text(json.dumps(record))
    (root / "provenance.json").write_text(json.dumps({"visits_done": [], "checkpoint_sha256": "f00d"}))


def cohort_of(root, desc):
    for n in range(2):
        stem = f"sub-{n}_ses-1_trc-fdg"
        pet = mask(ONE)
        write_volume(
            root / f"sub-{n}" / "ses-1" / "pet" / f"{stem}_pet.nii.gz",
            Volume(pet.array.astype(np.float32) * 1000, pet.geometry, Quantity.BQML),
        )
        facts = {
            "Units": "Bq/mL",
            "InjectedRadioactivity": 70.0,
            "InjectedRadioactivityUnits": "MBq",
            "RadionuclideHalfLife": 6586.2,
            "PatientWeight": 70.0,
            "InjectionStart": -3600,
            "ImageDecayCorrectionTime": 0,
            "ScanStart": 0,
            "Manufacturer": "Acme",
            "ManufacturersModelName": "P1",
        }
        (root / f"sub-{n}" / "ses-1" / "pet" / f"{stem}_pet.json").write_text(json.dumps(facts))
        folder = root / "derivatives" / "netlesion" / f"sub-{n}" / "ses-1" / "pet"
        write_volume(folder / f"{stem}_desc-{desc}_dseg.nii.gz", mask(ONE))


def table(path):
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))
