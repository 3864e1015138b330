"""Small grids and poses for tests that draw solids."""

import numpy as np
from scipy.ndimage import gaussian_filter

from netlesion.image.geometry import Geometry
from netlesion.phantom.body.parts import SEGMENTS
from netlesion.phantom.pose import Displacement, Pose

JOINTS = {hold[1]: (5.0 * n, -3.0 * n, 7.0 * n) for n, hold in enumerate(SEGMENTS.values()) if hold}


def grid(spacing=(4.0, 5.0, 3.0), extent=(130.0, 110.0, 120.0), flips=(-1, 1, 1)):
    """Centred on the origin."""
    shape = tuple(int(e / s) for e, s in zip(extent, spacing, strict=True))
    affine = np.diag([*(np.array(spacing) * flips), 1.0])
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Geometry(affine, shape)


def still():
    """Nothing turned, nothing displaced."""
    return Pose(JOINTS, {})


def moving(seed=0):
    """A bent leg and a displaced trunk."""
    field = np.random.default_rng(seed).normal(size=(3, 12, 12, 12))
    field = np.stack([gaussian_filter(f, 1.5, mode="wrap") for f in field])
    displacement = Displacement(4.0 * field / field.std(), (-220.0, -220.0, -220.0), 40.0)
    return Pose(JOINTS, {"thigh_right": (20, 10, 5), "shank_right": (-40, 0, 0)}, (3, -2, 4), (6, 5, -4), displacement)
