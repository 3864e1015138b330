"""A segmentation is placed by its geometry: any kind, frame order and orientation; another lattice is refused."""

import numpy as np
import pydicom
import pytest

from netlesion.errors import DicomError
from netlesion.io.dicom.file import read_whole
from netlesion.io.dicom.seg import segment_mask
from netlesion.io.dicom.series import index_folder, stack_of
from tests.io.dicom.dicom_objects import write_seg
from tests.synthetic_dicom import write_series

SHAPE = (5, 3, 7)
SPACING = (3.0, 2.0, 4.0)


@pytest.fixture
def image(tmp_path):
    rotation, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    paths = write_series(
        tmp_path / "image", np.zeros(SHAPE, np.int16), "CT", row=rotation[0], column=rotation[1], spacing=SPACING
    )
    (series,) = index_folder(tmp_path / "image")
    return paths, stack_of(series).geometry


def frames(paths, truth, segment=1):
    """One frame per image slice that holds truth, in reversed order."""
    found = []
    for k in reversed(range(SHAPE[2])):
        header = pydicom.dcmread(paths[k], stop_before_pixels=True)
        frame = {
            "position": np.array(header.ImagePositionPatient, float),
            "orientation": np.array(header.ImageOrientationPatient, float),
            "spacing": SPACING[:2],
            "segment": segment,
            "pixels": truth[:, :, k].T,
        }
        if truth[:, :, k].any():
            found.append(frame)
    return found


@pytest.fixture
def truth():
    truth = np.zeros(SHAPE, bool)
    truth[1:4, 0:2, 2:5] = True
    truth[4, 2, 6] = True
    return truth


def mask(path, geometry, number=1):
    return segment_mask(path, read_whole(path), number, geometry).array > 0


def test_a_binary_segment_falls_on_its_voxels_in_any_frame_order(tmp_path, image, truth):
    paths, geometry = image
    path = write_seg(tmp_path / "seg.dcm", paths[0], frames(paths, truth))
    assert np.array_equal(mask(path, geometry), truth)


def test_two_segments_are_kept_apart(tmp_path, image, truth):
    paths, geometry = image
    other = np.roll(truth, 1, axis=0)
    both = frames(paths, truth) + frames(paths, other, segment=2)
    path = write_seg(tmp_path / "seg.dcm", paths[0], both, labels=("a", "b"))
    assert np.array_equal(mask(path, geometry, 2), other)


def test_a_fractional_segment_holds_half_and_more(tmp_path, image, truth):
    paths, geometry = image
    parts = frames(paths, truth)
    for part in parts:
        part["pixels"] = part["pixels"] * 100 + (1 - part["pixels"]) * 99
    path = write_seg(tmp_path / "seg.dcm", paths[0], parts, kind="FRACTIONAL")
    assert np.array_equal(mask(path, geometry), truth)


def test_a_label_map_gives_each_segment(tmp_path, image, truth):
    paths, geometry = image
    parts = frames(paths, truth)
    for part in parts:
        part["pixels"] = part["pixels"] * 2
    path = write_seg(tmp_path / "seg.dcm", paths[0], parts, kind="LABELMAP", labels=("a", "b"))
    assert np.array_equal(mask(path, geometry, 2), truth)
    assert not mask(path, geometry, 1).any()


def test_flipped_and_transposed_frames_fall_on_the_same_voxels(tmp_path, image, truth):
    paths, geometry = image
    flipped, transposed = frames(paths, truth), frames(paths, truth)
    for part in flipped:  # columns run the other way, from the other end
        row = part["orientation"][:3]
        part["position"] = part["position"] + row * SPACING[1] * (SHAPE[0] - 1)
        part["orientation"] = np.concatenate([-row, part["orientation"][3:]])
        part["pixels"] = part["pixels"][:, ::-1]
    for part in transposed:
        part["orientation"] = np.roll(part["orientation"], 3)
        part["spacing"] = SPACING[1::-1]
        part["pixels"] = part["pixels"].T
    for name, parts in (("f", flipped), ("t", transposed)):
        assert np.array_equal(mask(write_seg(tmp_path / name, paths[0], parts), geometry), truth)


@pytest.mark.parametrize("what", ["shifted", "scaled", "between slices", "turned"])
def test_another_lattice_is_refused(tmp_path, image, truth, what):
    paths, geometry = image
    parts = frames(paths, truth)
    for part in parts:
        row, column = part["orientation"][:3], part["orientation"][3:]
        if what == "shifted":
            part["position"] = part["position"] + 0.4 * SPACING[1] * row
        if what == "between slices":
            part["position"] = part["position"] + 1.0 * np.cross(row, column)
        if what == "scaled":
            part["spacing"] = (1.5, 1.0)
        if what == "turned":
            part["orientation"] = np.concatenate([(row + 0.2 * column), (column - 0.2 * row)]) / np.sqrt(1.04)
    with pytest.raises(DicomError, match=r"seg\.dcm: frame 1 does not lie on the voxels"):
        mask(write_seg(tmp_path / "seg.dcm", paths[0], parts), geometry)


def test_a_segment_that_reaches_out_of_its_image_is_refused(tmp_path, image, truth):
    paths, geometry = image
    parts = frames(paths, truth)
    parts[0]["position"] = parts[0]["position"] + 3 * SPACING[1] * parts[0]["orientation"][:3]
    with pytest.raises(DicomError, match="outside of its image"):
        mask(write_seg(tmp_path / "seg.dcm", paths[0], parts), geometry)


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_a_segmentation_written_by_highdicom_comes_back(tmp_path, image, truth, kind):
    highdicom = pytest.importorskip("highdicom")
    from pydicom.sr.codedict import codes

    paths, geometry = image
    description = highdicom.seg.SegmentDescription(
        1, "lesion", codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Lesion, "MANUAL"
    )
    sources = [pydicom.dcmread(p) for p in paths]
    for source in sources:
        source.AccessionNumber, source.StudyID, source.PatientSex = "", "", "F"
        source.Manufacturer = "x"
    pixels = np.ascontiguousarray(np.moveaxis(truth, (2, 1, 0), (0, 1, 2)))
    segmentation = highdicom.seg.Segmentation(
        sources,
        pixels.astype(np.float32) if kind == "FRACTIONAL" else pixels.astype(np.uint8),
        kind,
        [description],
        pydicom.uid.generate_uid(), 1, pydicom.uid.generate_uid(), 1, "x", "x", "1", "1",
    )  # fmt: skip
    segmentation.save_as(tmp_path / "seg.dcm")
    assert np.array_equal(mask(tmp_path / "seg.dcm", geometry), truth)
