"""NIfTI comes back where it was in any orientation; what would be read in the wrong place or as another is refused."""

import gzip
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from netlesion.errors import CohortError, GeometryError, QuantityError
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.nifti import read_volume, write_volume

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


@settings(max_examples=40, deadline=None)
@given(
    st.permutations([0, 1, 2]),
    st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3),
    st.tuples(*[st.floats(-0.4, 0.4)] * 3),
    st.tuples(*[st.floats(0.7, 6.0)] * 3),
    st.tuples(*[st.floats(-900.0, 900.0)] * 3),
)
def test_a_written_image_comes_back_where_it_was_in_any_orientation(order, flips, turn, spacing, origin):
    affine = np.eye(4)
    axes = np.eye(3)[:, order] * flips
    affine[:3, :3] = Rotation.from_rotvec(turn).as_matrix() @ axes * spacing
    affine[:3, 3] = origin
    volume = Volume(np.arange(3 * 5 * 7, dtype=np.float32).reshape(3, 5, 7), Geometry(affine, (3, 5, 7)), Quantity.HU)
    with TemporaryDirectory() as folder:
        write_volume(Path(folder, "x.nii.gz"), volume)
        again = read_volume(Path(folder, "x.nii.gz"), Quantity.HU)
    assert np.array_equal(again.array, volume.array)
    assert np.abs(again.geometry.affine_ras - affine).max() < 1e-4
    assert volume.geometry.same_grid(again.geometry)


def stored(dtype, slope, inter):
    """A NIfTI of random numbers of a type, with the scaling of its header, and what nibabel makes of it."""
    array = np.random.default_rng(0).integers(0, 250, size=(5, 7, 9)).astype(dtype)
    image = nibabel.Nifti1Image(array, AFFINE)
    image.set_data_dtype(np.dtype(dtype))
    raw = bytearray(image.to_bytes())
    raw[112:120] = np.array([slope, inter], np.float32).tobytes()
    return bytes(raw), np.asarray(nibabel.Nifti1Image.from_bytes(bytes(raw)).dataobj)


@pytest.mark.parametrize("dtype", ["u1", "<i2", "<f4", "<f8"])
@pytest.mark.parametrize("scale", [(1.0, 0.0), (0.37, -1024.0), (np.nan, np.nan)])
def test_scaled_voxels_are_nibabels_rounded_once(tmp_path, dtype, scale):
    raw, theirs = stored(dtype, *scale)
    (tmp_path / "x.nii.gz").write_bytes(gzip.compress(raw))
    assert np.array_equal(read_volume(tmp_path / "x.nii.gz", Quantity.HU).array, theirs.astype(np.float32))


def test_gzip_of_several_members_is_read_to_the_end(tmp_path):
    raw, theirs = stored("<i2", 1.0, 0.0)
    (tmp_path / "x.nii.gz").write_bytes(gzip.compress(raw[:400]) + gzip.compress(raw[400:]))
    assert np.array_equal(read_volume(tmp_path / "x.nii.gz", Quantity.HU).array, theirs)


@pytest.mark.parametrize("damage", ["cut", "cut early", "checksum", "size", "voxels missing", "two bytes", "empty"])
def test_a_damaged_file_is_named(tmp_path, damage):
    raw, _ = stored("<i2", 1.0, 0.0)
    packed = gzip.compress(raw)
    bad = {
        "cut": packed[:-9],
        "cut early": packed[:40],
        "checksum": packed[:-8] + bytes(4) + packed[-4:],
        "size": packed[:-4] + bytes(4),
        "voxels missing": gzip.compress(raw[:500]),
        "two bytes": packed[:2],
        "empty": b"",
    }
    (tmp_path / "x.nii.gz").write_bytes(bad[damage])
    with pytest.raises(CohortError, match=r"x\.nii\.gz: not a readable NIfTI"):
        read_volume(tmp_path / "x.nii.gz", Quantity.HU)


@pytest.mark.parametrize(("unit", "length"), [("mm", 1.0), ("unknown", 1.0), ("meter", 0.001), ("micron", 1000.0)])
def test_lengths_are_mm_whatever_unit_the_header_names(tmp_path, unit, length):
    image = nibabel.Nifti1Image(np.zeros((3, 5, 7), np.float32), np.diag([2.0 * length, 3 * length, 4 * length, 1.0]))
    image.header.set_xyzt_units(unit)
    image.to_filename(tmp_path / "x.nii.gz")
    geometry = read_volume(tmp_path / "x.nii.gz", Quantity.MR).geometry
    assert geometry.spacing_mm == pytest.approx((2, 3, 4))
    assert geometry.voxel_volume_ml == pytest.approx(0.024)


@pytest.mark.parametrize(
    ("unit", "length"), [("mm", 0.001), ("unknown", 0.001), ("unknown", 1000.0), ("meter", 1.0), ("micron", 1.0)]
)
def test_voxels_of_no_patients_size_are_refused(tmp_path, unit, length):
    image = nibabel.Nifti1Image(np.zeros((3, 5, 7), np.float32), np.diag([2.0 * length, 3 * length, 4 * length, 1.0]))
    image.header.set_xyzt_units(unit)
    image.to_filename(tmp_path / "x.nii.gz")
    with pytest.raises(GeometryError, match=r"x.nii.gz: voxels of .* mm .*correct its affine or its unit"):
        read_volume(tmp_path / "x.nii.gz", Quantity.MR)


def test_a_unit_that_does_not_exist_is_refused(tmp_path):
    image = nibabel.Nifti1Image(np.zeros((3, 5, 7), np.float32), np.eye(4))
    image.header["xyzt_units"] = 5
    image.to_filename(tmp_path / "x.nii.gz")
    with pytest.raises(GeometryError, match="xyzt_units names unit 5"):
        read_volume(tmp_path / "x.nii.gz", Quantity.MR)


@pytest.mark.parametrize(("shift_mm", "said"), [(0.0, False), (0.15, False), (0.5, True), (30.0, True)])
def test_forms_that_disagree_are_told_and_the_sform_is_used(tmp_path, shift_mm, said):
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    image = nibabel.Nifti1Image(np.zeros((3, 5, 7), np.float32), affine)
    moved = affine.copy()
    moved[0, 3] += shift_mm
    image.set_sform(affine, 1)
    image.set_qform(moved, 1)
    image.to_filename(tmp_path / "x.nii.gz")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        volume = read_volume(tmp_path / "x.nii.gz", Quantity.MR)
    assert np.allclose(volume.geometry.affine_ras, affine)
    assert [str(w.message).partition(": ")[2].startswith("its qform and sform lie") for w in caught] == [True] * said
