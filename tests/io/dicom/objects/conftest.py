"""PET series of every kind, and lesions on them: holes, islands, one voxel, the border, lesions that touch."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest

from netlesion.io.dicom.index import scan
from netlesion.io.dicom.objects.reported import ReportedCase, ReportedLesion, Site
from netlesion.io.dicom.objects.source_images import SourceImages, source_images
from tests.synthetic_dicom import write_series

SHAPE = (11, 9, 7)
OBLIQUE = {"row": (0.8, 0.0, -0.6), "column": (0.48, 0.6, 0.64)}
#: Anisotropic always; each differs from the others in what is named.
KINDS = {
    "plain": {},
    "oblique": OBLIQUE,
    "reversed": {"row": (-1.0, 0.0, 0.0), "column": (0.0, 1.0, 0.0), "reverse_names": True},
    "sagittal": {"row": (0.0, 1.0, 0.0), "column": (0.0, 0.0, -1.0)},
    "gapped": {"changes": {"SliceThickness": 2.5}},
    "enhanced": OBLIQUE,
}


@dataclass(frozen=True)
class Made:
    """One series with lesions: ids on its grid (I, J, K), and what is said of them."""

    files: tuple[Path, ...]
    source: SourceImages
    labels: np.ndarray
    case: ReportedCase


def uid(*what: object) -> str:
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_DNS, '|'.join(map(str, what))).int}"


def labels_of(shape: tuple[int, int, int]) -> np.ndarray:
    """Lesions 1, 2 and 300: a ring, one voxel at the border, and islands of which one touches the ring."""
    array = np.zeros(shape, dtype=np.uint16)
    array[2:7, 2:7, 1:4] = 1
    array[4, 4, 2] = 0
    array[0, -1, -1] = 2
    array[7, 3, 2:6] = array[9, 6, 5] = array[8, 4, 4] = 300
    return array


def reported(case: str = "sub-001_ses-01_trc-dotatate", tracer_label: str = "dotatate") -> ReportedCase:
    values = {"volume_ml": 1.25, "suvmax_g_per_ml": 12.345678, "suvpeak_g_per_ml": 10.5, "total_uptake_g": 9.0}
    sites = {1: Site("10200004", "Liver"), 2: Site("64033007", "Kidney", "left"), 300: None}
    lesions = tuple(
        ReportedLesion(n, f"ses-01_L{n:03d}", uid("lesion", n), site, values, {"qkrenning": "3"} if n == 1 else {})
        for n, site in sites.items()
    )
    totals = {"num_lesions": 3.0, "volume_ml": 3.75}
    return ReportedCase(case, "ses-01", tracer_label, lesions, totals, "netlesion", "ab12")


def make(folder: Path, kind: str) -> Made:
    stored = np.random.default_rng(7).integers(0, 3000, SHAPE).astype(np.int16)
    if kind == "enhanced":
        classic = write_series(folder / "classic", stored, **KINDS[kind])
        files = (_enhanced(classic, folder / "pet"),)
    else:
        files = tuple(write_series(folder / "pet", stored, **KINDS[kind]))
    (series,) = scan(folder / "pet").series
    source = source_images(series)
    return Made(files, source, labels_of(source.geometry.shape), reported())


def _enhanced(classic: list[Path], folder: Path) -> Path:
    """The same slices as one multi-frame image, frames in a shuffled order."""
    import highdicom

    folder.mkdir()
    headers = [pydicom.dcmread(p) for p in classic]
    for header in headers:
        header.PatientBirthDate, header.PatientSex, header.AccessionNumber, header.StudyID = "19500102", "F", "", ""
        header.ReferringPhysicianName, header.Manufacturer, header.BodyPartExamined = "", "x", "ABDOMEN"
        header.ImageType = ["ORIGINAL", "PRIMARY"]
    made = highdicom.legacy.LegacyConvertedEnhancedPETImage(
        legacy_datasets=[headers[n] for n in (3, 0, 5, 1, 6, 2, 4)],
        series_instance_uid=uid("series"), series_number=1, sop_instance_uid=uid("sop"), instance_number=1,
    )  # fmt: skip
    made.save_as(folder / "enhanced.dcm")
    return folder / "enhanced.dcm"


@pytest.fixture
def made(tmp_path, request) -> Made:
    return make(tmp_path, getattr(request, "param", "oblique"))
