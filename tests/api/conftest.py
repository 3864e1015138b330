"""The files that the examples of the public interface name: a cohort, a PET, a mask and a DICOM series."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.small_images import PET_GRID, write_mask, write_suv
from tests.synthetic_dicom import write_series


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of an example."""
    for n in range(2):
        write_suv(tmp_path / "cohort" / f"P{n}" / "PET_image.nii.gz", seed=n)
    write_mask(tmp_path / "cohort" / "P0" / "PET_mask.nii.gz")
    write_suv(tmp_path / "pet_suv.nii.gz")
    write_mask(tmp_path / "mask.nii.gz")
    stored = np.random.default_rng(3).integers(0, 2000, PET_GRID.shape).astype(np.int16)
    write_series(tmp_path / "dicom_pet", stored)
    monkeypatch.chdir(tmp_path)
    return tmp_path
