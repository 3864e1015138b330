"""A scanner's axes: the same body gives the same slices however the array is stored."""

import numpy as np
import pytest

from netlesion.image.geometry import Geometry
from netlesion.phantom.scan_axes import scan_axes


def test_ras_is_itself_and_z_is_in_world_mm():
    affine = np.diag([4.0, 3.0, 5.0, 1.0])
    affine[:3, 3] = (-7.0, 11.0, -100.0)
    axes = scan_axes(Geometry(affine, (5, 7, 11)))
    assert axes.order == (0, 1, 2)
    assert axes.spacing_mm == pytest.approx((4.0, 3.0, 5.0))
    assert axes.z_mm == pytest.approx(-100.0 + 5.0 * np.arange(11))
    assert axes.x_mm == pytest.approx(4.0 * np.arange(-2, 3))


def test_permuted_and_flipped_axes_are_found():
    affine = np.zeros((4, 4))
    affine[2, 0], affine[0, 1], affine[1, 2], affine[3, 3] = -5.0, 4.0, -3.0, 1.0
    axes = scan_axes(Geometry(affine, (11, 5, 7)))
    assert axes.order == (1, 2, 0)
    assert axes.view(np.zeros((11, 5, 7))).shape == (5, 7, 11)
    assert axes.z_mm == pytest.approx(-5.0 * np.arange(11))


def test_a_slightly_turned_grid_keeps_its_nearest_axes():
    turn = np.deg2rad(10.0)
    affine = np.eye(4)
    affine[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    assert scan_axes(Geometry(affine, (3, 4, 5))).order == (0, 1, 2)
