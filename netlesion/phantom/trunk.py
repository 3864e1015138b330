"""Where the voxels of a grid lie in a trunk that is displaced: the rigid place plus a smooth field of vectors.

The displacement is looked up on a coarse lattice over the grid and interpolated by cubic splines. Coordinates are kept
over one region, for single voxels and for blocks of 2^3 and 4^3. Takes a Geometry, a matrix and a Displacement. Pure
but for what it keeps; knows nothing about shapes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import spline_filter1d

from netlesion.phantom.shares import Box, box_of, common, hull

if TYPE_CHECKING:
    from netlesion.image.geometry import Geometry
    from netlesion.phantom.pose import Displacement

#: The displacement is sampled this often over the grid and interpolated by cubic splines in between.
LATTICE_MM = 20.0
#: Regions are kept from a multiple of this many voxels to a multiple of it: the largest blocks.
LARGEST_BLOCK = 4


@dataclass(frozen=True, eq=False)
class Region:
    """x, y, z (float32, mm of the reference body) of the blocks from `first` (in blocks) on."""

    first: tuple[int, int, int]
    xyz: tuple[np.ndarray, np.ndarray, np.ndarray]

    def take(self, index: Sequence[np.ndarray], eighths: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x, y, z of single blocks, (N,); with `eighths` of each and its seven neighbours further on, (N, 2, 2, 2)."""
        _, b, c = self.xyz[0].shape
        i, j, k = (n - f for n, f in zip(index, self.first, strict=True))
        place = (i * b + j) * c + k
        if eighths:
            place = place[:, None] + np.array([0, 1, c, c + 1, b * c, b * c + 1, b * c + c, b * c + c + 1])
            place = place.reshape(-1, 2, 2, 2)
        x, y, z = (along.reshape(-1).take(place) for along in self.xyz)
        return x, y, z


class TrunkCoordinates:
    """matrix: (3, 4), voxel index -> posed body. displacement: posed body -> reference body, added."""

    def __init__(self, geometry: Geometry, matrix: np.ndarray, displacement: Displacement) -> None:
        self._geometry, self._matrix, self._displacement = geometry, matrix, displacement
        self._box: Box | None = None
        self._regions: dict[int, Region] = {}
        self._lattice: np.ndarray | None = None

    def keep(self, box: Box) -> None:
        """Make room for all blocks that touch this box."""
        box = box_of(
            (s.start // LARGEST_BLOCK * LARGEST_BLOCK, -(-s.stop // LARGEST_BLOCK) * LARGEST_BLOCK) for s in box
        )
        if self._box is None or common(box, self._box) != box:
            self._box = box if self._box is None else hull([box, self._box])
            self._regions.clear()
            self._near = tuple(slice(*self._support(axis, s)) for axis, s in enumerate(self._box))
            self._lattice = self._coefficients()

    def region(self, block: int) -> Region:
        """Coordinates of the middles of blocks of 1, 2 or 4 voxels an edge, over what is kept."""
        assert self._box is not None, "what is asked for was kept before"
        if block not in self._regions:
            first = tuple(s.start // block for s in self._box)
            places = [np.arange(s.start // block, s.stop // block) * block + (block - 1) / 2 for s in self._box]
            self._regions[block] = Region(first, self._displaced(places))
        return self._regions[block]

    def _displaced(self, places: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x, y, z on the grid of these places (voxels) along each axis."""
        taps = [_taps(knots, at, near.start) for knots, at, near in zip(self._knots, places, self._near, strict=True)]
        found: list[np.ndarray] = []
        assert self._lattice is not None, "made when a box is kept"
        for coarse in self._lattice:
            for axis in (2, 1):
                first, weights = taps[axis]
                shape = [-1 if a == axis else 1 for a in range(3)]
                terms = [coarse.take(first + n, axis) * w.reshape(shape) for n, w in enumerate(weights)]
                coarse = terms[0]
                for term in terms[1:]:
                    coarse = coarse + term
            planes = np.empty([len(places[0]), *coarse.shape[1:]], dtype=np.float32)
            for plane, first, weights in zip(planes, taps[0][0], taps[0][1].T, strict=True):
                np.multiply(coarse[first], weights[0], out=plane)
                for n in (1, 2, 3):
                    plane += coarse[first + n] * weights[n]
            found.append(planes)
        x, y, z = found
        return x, y, z

    def _support(self, axis: int, s: slice) -> tuple[int, int]:
        """Which spline coefficients along an axis matter for voxels s."""
        knots = self._knots[axis]
        step = knots[1] - knots[0]
        first, last = int((s.start - 1 - knots[0]) / step) - 3, int((s.stop - knots[0]) / step) + 1
        return max(first, 0), min(last, len(knots) - 4)

    @cached_property
    def _knots(self) -> list[np.ndarray]:
        """Knots of a cubic spline along each axis, in voxels, every LATTICE_MM or so, as far as blocks reach."""
        knots = []
        for n, s in zip(self._geometry.shape, self._geometry.spacing_mm, strict=True):
            n = -(-n // LARGEST_BLOCK) * LARGEST_BLOCK
            cells = max(4, math.ceil(n * s / LATTICE_MM))
            knots.append(-0.5 + n / cells * np.arange(-3, cells + 4))
        return knots

    def _coefficients(self) -> np.ndarray:
        """(3, a, b, c) float32: of the splines near the box, from rigid place and displacement at their own sites."""
        sites, inner = [], []
        for knots, s in zip(self._knots, self._near, strict=True):
            first, last = max(s.start - 1, 0), min(s.stop + 1, len(knots) - 4)
            sites.append(((knots[1:-3] + knots[2:-2] + knots[3:-1]) / 3.0)[first:last])
            inner.append(slice(s.start - first, s.stop - first))
        index = np.stack(np.meshgrid(*sites, indexing="ij"), axis=-1).reshape(-1, 3)
        posed = index @ self._matrix[:, :3].T + self._matrix[:, 3]
        rigid, values = (v.T.reshape(3, *map(len, sites)) for v in (posed, self._displacement.at(posed)))
        for axis in (1, 2, 3):
            values = spline_filter1d(values, 3, axis, mode="mirror")
        # what is straight is its own coefficients
        return (rigid + values)[(slice(None), *inner)].astype(np.float32)


def _taps(knots: np.ndarray, at: np.ndarray, start: int) -> tuple[np.ndarray, np.ndarray]:
    """The first of the four coefficients that matter at each place, counted from `start`, and their weights (4, N).

    Written out, and not as a product of matrices: whose bytes may change with the number of threads.
    """
    cell, t = np.divmod((at - knots[3]) / (knots[1] - knots[0]), 1.0)
    u = 1.0 - t
    weights = [u**3, 4.0 - 6.0 * t**2 + 3.0 * t**3, 4.0 - 6.0 * u**2 + 3.0 * u**3, t**3]
    return cell.astype(np.intp) - start, (np.array(weights) / 6.0).astype(np.float32)
