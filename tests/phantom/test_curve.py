"""Curves: scipy's PCHIP to the bit, through their points, nowhere beyond them."""

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

from netlesion.phantom.curve import smooth_curve, through


@pytest.mark.parametrize("seed", range(12))
def test_the_curve_is_scipys(seed):
    rng = np.random.default_rng(seed)
    x = np.concatenate([[0.0], np.cumsum(rng.uniform(0.5, 50.0, 1 + seed % 9))])
    y = np.round(rng.normal(size=(len(x), 3)) * 2.0) / (1.0 if seed % 2 else 3.0)  # with plateaus and turning points
    at = np.linspace(0.0, x[-1], 57)
    np.testing.assert_array_equal(through(x, y, at), PchipInterpolator(x, y)(at))


def test_it_passes_through_its_points_and_never_beyond():
    x, y = np.array([0.0, 1.0, 4.0, 4.5, 9.0]), np.array([[0.0], [3.0], [3.0], [-1.0], [2.0]])
    np.testing.assert_allclose(through(x, y, x), y, atol=1e-12)
    fine = through(x, y, np.linspace(0.0, 9.0, 200))
    assert fine.max() <= 3.0
    assert fine.min() >= -1.0


def test_a_smooth_curve_keeps_its_ends_and_its_step():
    points = np.array([[0.0, 0.0, 0.0], [20.0, 10.0, 5.0], [30.0, -20.0, 30.0]])
    curve = smooth_curve(points, 6.0)
    np.testing.assert_allclose(curve[[0, -1]], points[[0, -1]])
    assert np.linalg.norm(np.diff(points, axis=0), axis=1).sum() / (len(curve) - 1) <= 6.0
