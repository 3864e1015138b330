"""DICOM -> Volume: every orientation against SimpleITK, and every refusal."""

from itertools import permutations, product

import numpy as np
import pytest
import SimpleITK as sitk

from netlesion.errors import DicomError
from netlesion.image.volume import Quantity
from netlesion.io.dicom.series import index_folder, read_image, require_one
from tests.synthetic_dicom import write_series

STORED = np.arange(5 * 3 * 7, dtype=np.int16).reshape(5, 3, 7)
ORIENTATIONS = [
    (tuple(a * np.eye(3)[i]), tuple(b * np.eye(3)[j]))
    for (i, j, _), a, b in product(permutations(range(3)), (1, -1), (1, -1))
]


def read(folder):
    return read_image(require_one(index_folder(folder), "PT", folder))


def assert_agrees_with_sitk(folder, volume):
    """Every voxel of ours has the value that SimpleITK shows at the same place in space (LPS)."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    index = np.argwhere(np.ones(volume.geometry.shape, bool))
    world = volume.geometry.to_world(index) * (-1, -1, 1)
    values = [image[image.TransformPhysicalPointToIndex(point)] for point in world.tolist()]
    back = [image.TransformIndexToPhysicalPoint(image.TransformPhysicalPointToIndex(p)) for p in world.tolist()]
    assert np.allclose(back, world, atol=1e-3)
    assert np.allclose(values, volume.array[tuple(index.T)], rtol=1e-5)


@pytest.mark.parametrize(("row", "column"), ORIENTATIONS)
def test_a_voxel_lies_where_simpleitk_puts_it(tmp_path, row, column):
    write_series(tmp_path, STORED, row=row, column=column, reverse_names=True)
    volume = read(tmp_path)
    assert volume.quantity is Quantity.BQML
    assert sorted(volume.geometry.shape) == [3, 5, 7]
    assert_agrees_with_sitk(tmp_path, volume)


@pytest.mark.parametrize("seed", range(4))
def test_an_oblique_voxel_lies_where_simpleitk_puts_it(tmp_path, seed):
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    write_series(tmp_path, STORED, row=rotation[0], column=rotation[1], spacing=(1.3, 2.1, 3.7))
    assert_agrees_with_sitk(tmp_path, read(tmp_path))


def test_slope_is_applied_slice_by_slice(tmp_path):
    slopes = np.linspace(0.5, 2.0, 7)
    write_series(tmp_path, STORED, slopes=slopes, intercept=3.0)
    assert np.allclose(read(tmp_path).array, STORED * slopes + 3.0)


def test_a_series_is_found_in_a_mixed_folder(tmp_path):
    write_series(tmp_path / "a" / "b", STORED)
    write_series(tmp_path / "ct", STORED, modality="CT", intercept=-1000)
    (tmp_path / "notes.txt").write_text("not DICOM")
    series = index_folder(tmp_path)
    assert sorted(s.modality for s in series) == ["CT", "PT"]
    ct = read_image(require_one(series, "CT", tmp_path))
    assert ct.quantity is Quantity.HU
    assert ct.array.min() == -1000


def test_a_gap_names_the_slice_after_it(tmp_path):
    write_series(tmp_path, STORED)[3].unlink()
    with pytest.raises(DicomError, match=r"004\.dcm: lies 8\.000 mm after 002\.dcm"):
        read(tmp_path)


def test_a_duplicate_position_is_refused(tmp_path):
    import pydicom

    paths = write_series(tmp_path, STORED)
    dataset = pydicom.dcmread(paths[2])
    dataset.ImagePositionPatient = pydicom.dcmread(paths[3]).ImagePositionPatient
    dataset.save_as(paths[2])
    with pytest.raises(DicomError, match="same position"):
        read(tmp_path)


def test_a_turned_slice_is_refused(tmp_path):
    import pydicom

    paths = write_series(tmp_path, STORED)
    dataset = pydicom.dcmread(paths[5])
    dataset.ImageOrientationPatient = [0, 1, 0, 1, 0, 0]
    dataset.save_as(paths[5])
    with pytest.raises(DicomError, match=r"005\.dcm: slice is turned"):
        read(tmp_path)


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.98])
def test_a_truncated_file_is_refused_by_name(tmp_path, keep):
    path = write_series(tmp_path, STORED)[4]
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(DicomError, match=r"004\.dcm"):
        read(tmp_path)


def test_an_empty_folder_a_missing_folder_and_a_file_that_lies(tmp_path):
    with pytest.raises(DicomError, match="holds no DICOM"):
        index_folder(tmp_path)
    with pytest.raises(DicomError, match="no such folder"):
        index_folder(tmp_path / "nowhere")
    (tmp_path / "a.dcm").write_bytes(b"not DICOM at all")
    with pytest.raises(DicomError, match=r"a\.dcm: not a readable"):
        index_folder(tmp_path)


def test_ct_given_as_pet_and_two_pets_are_refused(tmp_path):
    write_series(tmp_path / "ct", STORED, modality="CT")
    with pytest.raises(DicomError, match="expected one PT series, found none .it holds CT x 7"):
        require_one(index_folder(tmp_path), "PT", tmp_path)
    write_series(tmp_path / "pet1", STORED)
    write_series(tmp_path / "pet2", STORED)
    with pytest.raises(DicomError, match="found 2"):
        require_one(index_folder(tmp_path), "PT", tmp_path)


@pytest.mark.realdata
@pytest.mark.parametrize("folder", ["FDG_PET", "MR_T2"])
def test_the_real_series_lies_where_simpleitk_puts_it(shared_data, folder):
    series = index_folder(shared_data / "sts_001" / folder / "image")[0]
    volume = read_image(series)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(series.files[0].parent)))
    image = reader.Execute()
    index = np.random.default_rng(0).integers(0, volume.geometry.shape, size=(500, 3))
    world = (volume.geometry.to_world(index) * (-1, -1, 1)).tolist()
    at = [image.TransformPhysicalPointToIndex(point) for point in world]
    assert np.allclose([image.TransformIndexToPhysicalPoint(i) for i in at], world, atol=0.02)
    assert np.allclose([image[i] for i in at], volume.array[tuple(index.T)], rtol=1e-4, atol=1e-2)


def test_a_missing_last_slice_is_refused(tmp_path):
    write_series(tmp_path, STORED, changes={"NumberOfSlices": 7})[-1].unlink()
    with pytest.raises(DicomError, match="6 slices, but Number of Slices"):
        read(tmp_path)
