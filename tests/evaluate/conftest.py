"""Small grids with odd sizes, and masks painted as boxes, so that cases can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.nifti import write_volume
from tests.evaluate.mask_folders import OFF, ONE, TWO, mask, results_folder

#: 2 x 3 x 4 mm, left-handed (x falls with I), turned about z: a voxel is 24 mm3 = 0.024 ml.
TURN = np.radians(20.0)
OBLIQUE = np.array(
    [
        [-2 * np.cos(TURN), -3 * np.sin(TURN), 0, 11.0],
        [-2 * np.sin(TURN), 3 * np.cos(TURN), 0, -7.0],
        [0, 0, 4.0, 5.0],
        [0, 0, 0, 1],
    ]
)


@pytest.fixture
def label():
    """label((7, 11, 5), {1: (slice, slice, slice)}, ...) -> a LABEL volume, anisotropic, oblique, left-handed."""

    def make(shape, *boxes, affine=OBLIQUE):
        array = np.zeros(shape, dtype=np.uint16)
        for box in boxes:
            for value, where in box.items() if isinstance(box, dict) else [(1, box)]:
                array[where] = value
        return Volume(array, Geometry(affine, shape), Quantity.LABEL)

    return make


@pytest.fixture
def turned():
    """turned(volume, axes, flips) -> the same anatomy stored with its array axes permuted, then reversed."""

    def turn(volume, axes, flips):
        array = np.transpose(volume.array, axes)
        affine = volume.geometry.affine_ras.copy()
        affine[:, :3] = affine[:, axes]
        for axis, flip in enumerate(flips):
            if flip:
                array = np.flip(array, axis)
                affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
                affine[:3, axis] *= -1
        return Volume(array, Geometry(affine, array.shape), volume.quantity)

    return turn


@pytest.fixture
def folders(tmp_path):
    """Three cases: found, half found with an invention, lesion-free."""
    truth = {"a": mask(ONE), "b": mask(ONE, TWO), "c": mask()}
    found = {"a": mask(ONE), "b": mask(ONE, OFF), "c": mask()}
    for name, masks in (("reference", truth), ("prediction", found)):
        for case, volume in masks.items():
            write_volume(tmp_path / name / f"{case}.nii.gz", volume)
    return tmp_path / "reference", tmp_path / "prediction"


@pytest.fixture
def results(tmp_path):
    cases = {f"sub-{n}_ses-1_trc-fdg": mask(ONE) for n in range(3)}
    for case, volume in cases.items():
        write_volume(tmp_path / "truth" / f"{case}.nii.gz", volume)
    results_folder(tmp_path / "results", cases, unfinished=["sub-1_ses-1_trc-fdg"])
    return tmp_path / "truth", tmp_path / "results"
