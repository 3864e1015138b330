"""The NEMA NU 2 body phantom: six hot spheres in a warm trunk around a cold lung, and how contrast is read from it.

Takes a spacing, returns activity and attenuation on a grid that just holds the phantom; takes an image of it, returns
contrast recovery as NEMA defines it. The trunk is an ellipse of 300 x 220 mm (NEMA's is flat behind) [P]. Made to set
a scanner's resolution, and to check it. Knows nothing about scanners.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlesion.image.geometry import Geometry

#: Sphere diameters, 60 degrees apart on a circle of 114.4 mm around the lung insert.
SPHERE_MM = (10.0, 13.0, 17.0, 22.0, 28.0, 37.0)
CIRCLE_RADIUS_MM, LUNG_RADIUS_MM = 57.2, 25.0
TRUNK_HALF_MM = (150.0, 110.0)
LENGTH_MM = 180.0
#: 511 keV attenuation of water and of the lung insert (1/cm).
MU_WATER, MU_LUNG = 0.096, 0.03
#: Samples per voxel and axis at the edge of a sphere.
OVERSAMPLE = 5


@dataclass(frozen=True, eq=False)
class NemaPhantom:
    """activity: 1 in the background, `contrast` in the spheres. centres_mm: RAS+, on the middle slice."""

    activity: np.ndarray
    mu: np.ndarray
    geometry: Geometry
    contrast: float
    centres_mm: tuple[tuple[float, float, float], ...]


def nema_phantom(
    spacing_mm: tuple[float, float, float], contrast: float = 4.0, length_mm: float = LENGTH_MM
) -> NemaPhantom:
    """The phantom on a grid of this spacing with an odd number of slices, 20 mm of air on every side."""
    extent = 2 * (np.array([*TRUNK_HALF_MM, length_mm / 2]) + 20.0)
    shape = np.ceil(extent / spacing_mm).astype(int) // 2 * 2 + 1
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = -np.array(spacing_mm) * (shape - 1) / 2
    geometry = Geometry(affine, tuple(shape.tolist()))
    trunk = _disc(geometry, (0.0, 0.0), TRUNK_HALF_MM)[..., None] * _inside(geometry, 2, length_mm / 2)
    lung = _disc(geometry, (0.0, 0.0), (LUNG_RADIUS_MM, LUNG_RADIUS_MM))[..., None]
    activity = (trunk * (1 - lung)).astype(np.float32)
    mu = (trunk * (MU_WATER + (MU_LUNG - MU_WATER) * lung)).astype(np.float32)
    turns = np.arange(len(SPHERE_MM)) * np.pi / 3
    centres = tuple((float(CIRCLE_RADIUS_MM * np.cos(t)), float(CIRCLE_RADIUS_MM * np.sin(t)), 0.0) for t in turns)
    for diameter, centre in zip(SPHERE_MM, centres, strict=True):
        activity += np.float32(contrast - 1.0) * _sphere(geometry, centre, diameter / 2)
    return NemaPhantom(activity, mu, geometry, contrast, centres)


def contrast_recovery(image: np.ndarray, phantom: NemaPhantom) -> np.ndarray:
    """Percent recovery of each sphere: (mean in its circle / background - 1) / (contrast - 1), 6 values.

    The circle has the sphere's diameter and lies on its central slice, pixels at its edge count in part. The background
    is the mean of six circles of 37 mm on five slices (NEMA has twelve; this narrower trunk has room for six).
    """
    middle = phantom.geometry.shape[2] // 2
    step = max(1, round(10.0 / phantom.geometry.spacing_mm[2]))
    slices = [middle + n * step for n in (-2, -1, 0, 1, 2)]
    background = []
    for x, y in ((side, row) for side in (-105.0, 105.0) for row in (-40.0, 0.0, 40.0)):
        circle = _disc(phantom.geometry, (x, y), (18.5, 18.5))
        background += [(image[:, :, k] * circle).sum() / circle.sum() for k in slices]
    level, found = float(np.mean(background)), []
    for diameter, centre in zip(SPHERE_MM, phantom.centres_mm, strict=True):
        circle = _disc(phantom.geometry, centre[:2], (diameter / 2, diameter / 2))
        mean = float((image[:, :, middle] * circle).sum() / circle.sum())
        found.append(100.0 * (mean / level - 1.0) / (phantom.contrast - 1.0))
    return np.array(found)


def _axis(geometry: Geometry, axis: int, oversample: int = 1) -> np.ndarray:
    """Centres of the voxels' parts along an axis of an upright grid, mm."""
    spacing, count = geometry.spacing_mm[axis], geometry.shape[axis] * oversample
    return (np.arange(count) - (count - 1) / 2) * spacing / oversample


def _inside(geometry: Geometry, axis: int, half_mm: float) -> np.ndarray:
    """The share of each slice within half_mm of the middle."""
    return np.clip((half_mm - np.abs(_axis(geometry, axis))) / geometry.spacing_mm[axis] + 0.5, 0.0, 1.0)


def _disc(geometry: Geometry, centre: tuple[float, float], half_mm: tuple[float, float]) -> np.ndarray:
    """The share of each pixel of a slice within an ellipse."""
    x, y = (_axis(geometry, a, OVERSAMPLE) for a in (0, 1))
    inside = ((x[:, None] - centre[0]) / half_mm[0]) ** 2 + ((y[None] - centre[1]) / half_mm[1]) ** 2 <= 1.0
    columns, rows = geometry.shape[:2]
    return inside.reshape(columns, OVERSAMPLE, rows, OVERSAMPLE).mean(axis=(1, 3))


def _sphere(geometry: Geometry, centre: tuple[float, float, float], radius_mm: float) -> np.ndarray:
    """The share of each voxel within a sphere, (I, J, K) float32."""
    share = np.zeros(geometry.shape, dtype=np.float32)
    middle = geometry.to_index(np.array([centre]))[0]
    reach = np.ceil(radius_mm / np.array(geometry.spacing_mm)).astype(int) + 1
    low = np.maximum(np.floor(middle).astype(int) - reach, 0)
    high = np.minimum(np.ceil(middle).astype(int) + reach + 1, geometry.shape)
    parts = [_axis(geometry, a, OVERSAMPLE)[low[a] * OVERSAMPLE : high[a] * OVERSAMPLE] - centre[a] for a in range(3)]
    squared = parts[0][:, None, None] ** 2 + parts[1][None, :, None] ** 2 + parts[2][None, None] ** 2
    sizes = [n for pair in zip((high - low).tolist(), (OVERSAMPLE,) * 3, strict=True) for n in pair]
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    share[box] = (squared <= radius_mm**2).reshape(sizes).mean(axis=(1, 3, 5))
    return share
