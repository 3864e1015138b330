"""Turning projections against a slow twin: a camera walks around the patient, and every ray is sampled finely."""

from itertools import permutations, product

import numpy as np
import pytest
from scipy import ndimage

from netlesion.errors import GeometryError
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.report.rotating_mip import ANGLES_DEG, PIXEL_MM, rotating_mip

SHAPE = (31, 23, 17)
GRID = Geometry(np.diag([PIXEL_MM, PIXEL_MM, PIXEL_MM, 1.0]), SHAPE)


@pytest.fixture
def pet():
    """Smooth uptake in a body, and two hot lesions, one right and high, one left, low and at the back."""
    rng = np.random.default_rng(4)
    body = ndimage.gaussian_filter(rng.random(SHAPE), 2.0) * 4.0
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[22:25, 15:18, 12:15], labels[6:9, 4:6, 3:5] = 1, 2
    suv = np.where(labels == 1, 9.0, np.where(labels == 2, 0.4, body))
    return Volume(suv, GRID, Quantity.SUVBW), Volume(labels, GRID, Quantity.LABEL)


def twin(suv, angle_deg, found):
    """Rays of a camera that walks from the front to the patient's left, each sampled finely: (rows, columns)."""
    turn = np.deg2rad(angle_deg)
    forward = np.array([np.sin(turn), -np.cos(turn), 0.0])  # from the camera to the axis
    right = np.cross(forward, (0.0, 0.0, 1.0))
    rows, columns = found.views.shape[1:]
    across = (np.arange(columns) + 0.5) * PIXEL_MM - found.table.half_width_mm
    along = np.arange(-120.0, 120.0, 0.5)
    points = across[:, None, None] * right + along[None, :, None] * forward + (*found.table.centre_xy_mm, 0.0)
    picture = np.empty((rows, columns))
    for row in range(rows):
        index = (points + (0.0, 0.0, (rows - 1 - row) * PIXEL_MM)) / PIXEL_MM
        picture[row] = ndimage.map_coordinates(suv, np.moveaxis(index, -1, 0), order=1).max(axis=1)
    return picture


@pytest.mark.parametrize("view", [0, 3, 9, 14])
def test_views_are_those_of_a_rotated_volume(pet, view):
    found = rotating_mip(*pet, 10.0)
    shown = (255.0 - found.views[view]) / 255.0 * 10.0
    expected = np.clip(twin(pet[0].array, ANGLES_DEG[view], found), 0, 10)
    smooth = [ndimage.gaussian_filter(picture, 1.0) for picture in (shown, expected)]
    assert np.corrcoef(smooth[0].ravel(), smooth[1].ravel())[0, 1] > 0.94
    hottest = [np.array(ndimage.center_of_mass(picture > 7.0)) for picture in (shown, expected)]
    assert np.abs(hottest[0] - hottest[1]).max() < 1.0  # the lesion lies where it lies, not in the mirror image


def test_the_front_view_has_the_maximum_of_every_ray(pet):
    found = rotating_mip(*pet, 10.0)
    shown = (255.0 - found.views[0]) / 255.0 * 10.0
    expected = pet[0].array.max(axis=1)[::-1].T[::-1]
    first = np.flatnonzero(shown.max(axis=0) > 0)[0]
    assert np.abs(shown[:, first : first + SHAPE[0]] - expected).max() < 10.0 / 255
    assert shown[:, first + SHAPE[0] :].max() == 0


def test_a_lesion_too_faint_to_be_seen_is_outlined(pet):
    found = rotating_mip(*pet, 10.0)
    assert set(found.outlines) == {1, 2}
    assert all(len(paths) == len(ANGLES_DEG) and all(paths) for paths in found.outlines.values())


def test_storage_order_changes_no_view_and_no_outline(pet, turned):
    expected = rotating_mip(*pet, 10.0)
    for axes, flips in zip(permutations(range(3)), product((False, True), repeat=3), strict=False):
        found = rotating_mip(*(turned(v, list(axes), flips) for v in pet), 10.0)
        assert np.array_equal(found.views, expected.views), (axes, flips)
        assert found.outlines == expected.outlines, (axes, flips)


def test_an_empty_scan_and_another_grid(pet):
    nothing = Volume(np.zeros(SHAPE), GRID, Quantity.SUVBW)
    none = Volume(np.zeros(SHAPE), GRID, Quantity.LABEL)
    found = rotating_mip(nothing, none, 5.0)
    assert found.views.min() == 255
    assert found.outlines == {}
    assert found.webp()[:4] == b"RIFF"
    other = Volume(np.zeros((5, 6, 7)), Geometry(GRID.affine_ras, (5, 6, 7)), Quantity.LABEL)
    with pytest.raises(GeometryError, match="the PET and the lesion map are on different grids"):
        rotating_mip(nothing, other, 5.0)
