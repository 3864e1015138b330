"""A digital patient -> DICOM -> our own import: the same SUV, the same HU, the same lesions, in one visit."""

import shutil
import subprocess
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from netlesion.datasets.dicom.importer import import_dicom
from netlesion.errors import DicomError, OutputError
from netlesion.image.visit import Scan
from netlesion.image.volume import Quantity
from netlesion.io.bids.cohort import open_cohort
from netlesion.io.bids.visit_files import load_visit
from netlesion.io.dicom.write.lesions import LesionIdentity
from netlesion.io.dicom.write.pet import PetFlavour
from netlesion.io.dicom.write.seg import SegmentationKind
from netlesion.io.dicom.write.series import right_handed
from netlesion.io.dicom.write.visit import write_visit
from netlesion.phantom.cohort import ONE_SESSION, make_visit

COARSE = replace(ONE_SESSION, spacing_mm=(9.0, 8.0, 24.0), ct_spacing_mm=(11.0, 12.0, 50.0))
START = datetime(2021, 6, 30, 9, 5)
FLAVOURS = {"sstr": PetFlavour.GE, "fdg": PetFlavour.BQML_ADMIN}


@pytest.fixture(scope="module")
def made():
    """A patient with lesions in both tracers, and a T2 beside the CT."""
    made = next(m for m in (make_visit(i, seed=7, settings=COARSE) for i in range(30))
                if all(v.array.any() for v in m.instances.values()))  # fmt: skip
    t2 = made.visit.scans["ct"].volume
    scans = {**made.visit.scans, "mr_t2": Scan("mr_t2", t2.with_array(t2.array + 1100, Quantity.MR))}
    return replace(made, visit=replace(made.visit, scans=scans))


def write_all(made, folder):
    write_visit(
        made.visit,
        folder,
        seed=7,
        start=START,
        instances=made.instances,
        lesions=[LesionIdentity(one.lesion_id, one.kind, one.region) for one in made.lesions],
        flavours=FLAVOURS,
        segmentation=SegmentationKind.BINARY,
    )


@pytest.fixture(scope="module")
def written(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("visit") / "dicom"
    write_all(made, folder)
    return folder


def test_folders_are_named_after_what_they_hold(written):
    names = [p.name for p in sorted(written.iterdir())]
    assert names == ["CT", "MR_T2", "PT_dotatate", "PT_fdg", "RTSTRUCT_dotatate", "RTSTRUCT_fdg", "SEG_dotatate",
                     "SEG_fdg"]  # fmt: skip


def test_the_whole_road_back(made, written, tmp_path):
    result = import_dicom(written, tmp_path / "cohort")
    assert result.failures == ()
    # contours and segmentations hold the same lesions: the second of each gets a name of its own, and it is said
    assert all("is taken on this image" in line for line in result.warnings)
    (files,) = open_cohort(tmp_path / "cohort").visits
    visit = load_visit(files, ("sstr", "fdg", "ct", "mr_t2"), mask_desc="lesions")
    for channel in ("sstr", "fdg"):
        truth = right_handed(made.visit.scans[channel].volume)
        found = right_handed(visit.scans[channel].volume)
        assert found.geometry.same_grid(truth.geometry)
        grey = np.abs(truth.array).max(axis=(0, 1)) / 32767
        assert (np.abs(found.array - truth.array) <= 0.5 * grey * (1 + 1e-4) + 1e-6).all()
        lesions = right_handed(made.instances[channel]).array > 0
        assert np.array_equal(right_handed(visit.masks[channel]).array > 0, lesions)
    for channel, tolerance in (("ct", 0.5), ("mr_t2", 0.1)):
        truth = right_handed(made.visit.scans[channel].volume)
        assert np.abs(right_handed(visit.scans[channel].volume).array - truth.array).max() <= tolerance


def test_the_same_arguments_give_the_same_bytes(made, written, tmp_path):
    again = tmp_path / "again"
    write_all(made, again)
    files = sorted(p.relative_to(written) for p in written.rglob("*.dcm"))
    assert files == sorted(p.relative_to(again) for p in again.rglob("*.dcm"))
    assert all((written / f).read_bytes() == (again / f).read_bytes() for f in files)


def test_an_unnamed_lesion_leaves_nothing_behind(made, written, tmp_path):
    fdg = replace(made.visit, scans={"fdg": made.visit.scans["fdg"]}, masks={})
    with pytest.raises(DicomError, match="no lesion names"):
        write_visit(fdg, tmp_path / "x", seed=7, start=START, instances={"fdg": made.instances["fdg"]})
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match="exists already"):
        write_visit(made.visit, written, seed=7, start=START)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
def test_dciodvfy_finds_no_error(written):
    """But one: its release of 2022 does not know (0008,001C) Synthetic Data, which the standard has by now."""
    for folder in sorted(written.iterdir()):
        report = subprocess.run(["dciodvfy", min(folder.iterdir())], capture_output=True, text=True).stderr
        errors = [line for line in report.splitlines() if line.startswith("Error") and "(0x0008,0x001c)" not in line]
        assert errors == [], folder
