"""NIfTI comes back where it was in any orientation; what would be read in the wrong place or as another is refused."""

import gzip
import tracemalloc
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


def packed(payload, level=6):
    return gzip.compress(payload, level)


@pytest.fixture(scope="module")
def small_nifti(tmp_path_factory):
    """The bytes of a NIfTI that is not compressed."""
    path = tmp_path_factory.mktemp("plain") / "a.nii"
    write_volume(
        path, Volume(np.arange(5 * 3 * 7.0).reshape(5, 3, 7), Geometry(np.diag([2.0, 3, 4, 1]), (5, 3, 7)), Quantity.MR)
    )
    return path.read_bytes()


TAKEN = {
    "one member": packed,
    "several members": lambda b: packed(b[:100]) + packed(b[100:500]) + packed(b[500:]),
    "a member of nothing": lambda b: packed(b) + packed(b""),
    "zeros that fill up a block": lambda b: packed(b) + bytes(512),
    "zeros behind the voxels": lambda b: packed(b + bytes(512)),
    "not compressed": bytes,
    "stored, not deflated": lambda b: packed(b, 0),
}
REFUSED = {
    "members of more than the header promises": (lambda b: packed(b) + packed(bytes(10**6)) * 3, "holds more than the"),
    "voxels of more than the header promises": (lambda b: packed(b + bytes(10**6)), "holds more than the"),
    "not compressed, and too long": (lambda b: b + bytes(10**6), "holds more than the"),
    "many zeros behind the compressed data": (lambda b: packed(b) + bytes(10**6), "zeros follow"),
    "cut off": (lambda b: packed(b)[:-20], "cut off"),
    "cut off in its second member": (lambda b: packed(b[:500]) + packed(b[500:])[:-20], "cut off"),
    "voxels missing": (lambda b: packed(b[:-40]), "of the .* bytes that its header promises"),
    "not compressed, voxels missing": (lambda b: b[:-40], "cannot hold"),
    "a header alone": (lambda b: packed(b[:348]), "of the .* bytes"),
    "half a header": (lambda b: packed(b[:200]), "not a readable NIfTI"),
    "nothing": (lambda b: packed(b""), "not a readable NIfTI"),
    "a promise that nothing could keep": (
        lambda b: packed(b[:42] + np.array([32767] * 3, "<i2").tobytes() + b[48:]), "cannot hold"),
    "no voxels": (lambda b: packed(b[:42] + np.array([0, 3, 7], "<i2").tobytes() + b[48:]), "not a readable NIfTI"),
    "a negative side": (lambda b: packed(b[:42] + np.array([-5, 3, 7], "<i2").tobytes() + b[48:]), "not a readable"),
    "something else behind it": (lambda b: packed(b) + b"something else", "not a readable NIfTI"),
}  # fmt: skip


@pytest.mark.parametrize("kind", TAKEN)
def test_what_the_header_promises_is_read_however_it_is_packed(tmp_path, small_nifti, kind):
    (tmp_path / "a.nii.gz").write_bytes(TAKEN[kind](small_nifti))
    assert np.array_equal(read_volume(tmp_path / "a.nii.gz", Quantity.MR).array.ravel(), np.arange(5 * 3 * 7.0))


@pytest.mark.parametrize("kind", REFUSED)
def test_what_holds_more_or_less_than_its_header_promises_is_one_line(tmp_path, small_nifti, kind):
    pack, line = REFUSED[kind]
    (tmp_path / "a.nii.gz").write_bytes(pack(small_nifti))
    with pytest.raises(CohortError, match=f"a.nii.gz: not a readable NIfTI file .*{line}|{line}"):
        read_volume(tmp_path / "a.nii.gz", Quantity.MR)


def test_what_is_inflated_stays_within_the_promise(tmp_path, small_nifti):
    bomb = packed(bytes(64 << 20))
    (tmp_path / "a.nii.gz").write_bytes(packed(small_nifti) + bomb * 16)  # 1 GiB
    tracemalloc.start()
    with pytest.raises(CohortError, match="holds more than the"):
        read_volume(tmp_path / "a.nii.gz", Quantity.MR)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20
