"""Lesions -> RTSTRUCT -> the very same voxels, whichever way contours are filled."""

import shutil
import subprocess

import numpy as np
import pydicom
import pytest

from netlesion.io.dicom.index import scan
from netlesion.io.dicom.objects.maker import save
from netlesion.io.dicom.objects.structure_set import structure_set
from netlesion.io.dicom.outline import Holes
from netlesion.io.dicom.rtstruct import read_structures, structure_mask
from tests.io.dicom.objects.conftest import KINDS, uid


@pytest.mark.parametrize("made", list(KINDS), indirect=True)
@pytest.mark.parametrize("holes", Holes)
def test_every_voxel_comes_back(tmp_path, made, holes):
    save(structure_set(made.labels, made.case, made.source, uid, holes), tmp_path / "rt" / "rt.dcm")
    (series,) = scan(tmp_path / "rt").series
    structures = read_structures(series)
    assert [s.name for s in structures] == ["ses-01_L001", "ses-01_L002", "ses-01_L300"]
    assert {s.series_uid for s in structures} == {made.source.series_uid}
    for structure, lesion in zip(structures, made.case.lesions, strict=True):
        assert np.array_equal(structure_mask(structure, made.source.geometry).array, made.labels == lesion.lesion_id)


def test_the_area_of_one_contour_is_that_of_its_voxels(tmp_path, made):
    """The shoelace formula on Contour Data: contours through centres would give a one-voxel lesion no area."""
    dataset = structure_set(made.labels, made.case, made.source, uid)
    (contour,) = dataset.ROIContourSequence[1].ContourSequence
    points = np.array(contour.ContourData, float).reshape(-1, 3)
    edges = points - points[0]
    area = np.linalg.norm(sum(np.cross(a, b) for a, b in zip(edges, np.roll(edges, -1, axis=0), strict=True))) / 2
    between_rows, between_columns = map(float, made.source.first.PixelSpacing)
    assert area == pytest.approx(between_rows * between_columns, rel=1e-4)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
@pytest.mark.parametrize("made", ["gapped", "enhanced"], indirect=True)
def test_dciodvfy_finds_no_error(tmp_path, made):
    save(structure_set(made.labels, made.case, made.source, uid), tmp_path / "rt.dcm")
    report = subprocess.run(["dciodvfy", tmp_path / "rt.dcm"], capture_output=True, text=True).stderr
    assert [line for line in report.splitlines() if line.startswith("Error")] == []
    dataset = pydicom.dcmread(tmp_path / "rt.dcm")
    assert dataset.RTROIObservationsSequence[0].RTROIInterpretedType == "GTV"
