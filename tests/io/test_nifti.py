"""NIfTI that would be read in the wrong place or as the wrong number is refused."""

import nibabel
import numpy as np
import pytest

from netlesion.errors import GeometryError, QuantityError
from netlesion.io.nifti import read_volume
from netlesion.volume import Quantity

AFFINE = np.diag([2.0, 3.0, 4.0, 1.0])


def test_an_image_without_a_place_in_space_is_refused(tmp_path):
    image = nibabel.Nifti1Image(np.ones((2, 3, 5), np.float32), AFFINE)
    image.set_sform(None, code=0)
    image.set_qform(None, code=0)
    image.to_filename(tmp_path / "x.nii.gz")
    with pytest.raises(GeometryError, match=r"x\.nii\.gz: neither sform nor qform"):
        read_volume(tmp_path / "x.nii.gz", Quantity.MR)


def test_a_qform_alone_is_enough(tmp_path):
    image = nibabel.Nifti1Image(np.ones((2, 3, 5), np.float32), AFFINE)
    image.set_sform(None, code=0)
    image.set_qform(AFFINE, code=1)
    image.to_filename(tmp_path / "x.nii")
    assert read_volume(tmp_path / "x.nii", Quantity.MR).geometry.spacing_mm == pytest.approx((2, 3, 4))


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128, [("R", "u1"), ("G", "u1"), ("B", "u1")]])
def test_values_that_are_no_real_numbers_are_refused(tmp_path, dtype):
    nibabel.Nifti1Image(np.zeros((2, 3, 5), dtype), AFFINE).to_filename(tmp_path / "x.nii.gz")
    with pytest.raises(QuantityError, match=r"x\.nii\.gz: holds (complex|colour)"):
        read_volume(tmp_path / "x.nii.gz", Quantity.MR)
