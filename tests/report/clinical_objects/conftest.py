"""A folder of results as infer.py leaves it, made by hand of DICOM series, so that no network runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from netlesion.image.volume import Quantity, Volume
from netlesion.io.dicom.index import scan
from netlesion.io.dicom.pet_image import read_suvbw, series_facts
from netlesion.io.nifti import write_volume
from netlesion.output.provenance import hash_file
from netlesion.quantify.measure import measure
from netlesion.quantify.table import write_lesions
from tests.synthetic_dicom import write_series

SHAPE = (9, 7, 6)


def pet(folder: Path, seed: int = 1, shape=SHAPE, **more) -> list[Path]:
    """One PET series: noise, the same for the same seed."""
    stored = np.random.default_rng(seed).integers(100, 9000, shape).astype(np.int16)
    return write_series(folder, stored, **more)


def result(results: Path, dicom: Path, case: str, boxes: dict[int, tuple], reorient=None) -> None:
    """Results of one visit on the only PET of a folder: lesion id -> its box of voxels, on the DICOM's own grid."""
    (series,) = scan(dicom).series
    suv = read_suvbw(series, series_facts(series)[1])
    array = np.zeros(suv.geometry.shape, dtype=np.uint8)
    for lesion, box in boxes.items():
        array[box] = lesion
    labels = Volume(array, suv.geometry, Quantity.LABEL)
    if reorient is not None:
        labels, suv = reorient(labels), reorient(suv)
    visit = "_".join(part for part in case.split("_") if not part.startswith("trc-"))
    folder = results / visit
    folder.mkdir(parents=True, exist_ok=True)
    write_volume(folder / f"{case}_desc-lesions_dseg.nii.gz", labels)
    write_lesions(folder / f"{case}_desc-lesions.tsv", {case: measure(suv, labels)})
    path = folder / "provenance.json"
    record = json.loads(path.read_text()) if path.is_file() else {"outputs": [], "cases": {}, "inputs_sha256": {}}
    record["outputs"] += [f"{case}_desc-lesions_dseg.nii.gz", f"{case}_desc-lesions.tsv"]
    record["cases"]["fdg" if "fdg" in case else "sstr"] = case
    record["inputs_sha256"][f"{case}_pet.nii.gz"] = hash_file(sorted(dicom.iterdir())[0])
    record |= {"checkpoint_sha256": "c0ffee" * 8, "settings": {"threshold": 0.5, "connectivity": 18}}
    path.write_text(json.dumps(record))


@pytest.fixture
def one(tmp_path) -> Path:
    """source/pet and results of one patient with two lesions."""
    pet(tmp_path / "source" / "pet")
    boxes = {1: np.s_[2:5, 2:4, 1:3], 2: np.s_[7, 5, 4]}
    result(tmp_path / "results", tmp_path / "source" / "pet", "sub-001_ses-01_trc-dotatate", boxes)
    return tmp_path
