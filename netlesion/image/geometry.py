"""Where voxels are: an affine into RAS+ millimetres, and a shape.

The only place that knows conventions, axis order and tolerances. World x grows towards the patient's
right, y towards anterior, z towards superior. Arrays are indexed I, J, K and may run along these axes
in any orientation, as in NIfTI. Knows nothing about values, files or DICOM.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations, product

import numpy as np

from netlesion.errors import GeometryError

#: Two grids are the same when every corner voxel agrees to this fraction of the smallest spacing.
GRID_TOLERANCE = 1e-2
#: Largest |cosine| between two axes; beyond it the affine is sheared and spacing has no meaning.
SHEAR_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class Geometry:
    """A voxel grid in space.

    Args:
        affine_ras: (4, 4) float64, voxel index (i, j, k, 1) -> RAS+ mm of the voxel's centre.
        shape: (I, J, K), each at least 1.

    Raises:
        GeometryError: for an affine that is not finite, singular or sheared, or an impossible shape.

    Example:
        >>> grid = nl.Geometry(np.diag([-4.0, 4.0, 3.0, 1.0]), (9, 7, 5))
        >>> grid.spacing_mm, grid.orientation, round(grid.voxel_volume_ml, 3)
        ((4.0, 4.0, 3.0), 'LAS', 0.048)
    """

    affine_ras: np.ndarray
    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        affine = np.array(self.affine_ras, dtype=np.float64)
        if affine.shape != (4, 4):
            raise GeometryError(f"an affine must be 4x4, this one is {affine.shape}")
        if not np.isfinite(affine).all():
            raise GeometryError("the affine holds values that are not finite; the file's header is broken")
        if not np.allclose(affine[3], (0, 0, 0, 1)):
            raise GeometryError(f"the last row of an affine must be 0 0 0 1, here it is {affine[3].tolist()}")
        shape = tuple(int(n) for n in self.shape)  # whatever was given: a list of numpy integers becomes a tuple
        if len(shape) != 3 or min(shape) < 1:
            raise GeometryError(f"a grid has three axes of at least one voxel, this one has shape {shape}")
        axes = affine[:3, :3]
        lengths = np.linalg.norm(axes, axis=0)
        if lengths.min() < 1e-6 or abs(np.linalg.det(axes)) < 1e-6 * lengths.prod():
            raise GeometryError(f"the affine is singular (axis lengths {lengths.round(6).tolist()} mm)")
        cosines = (axes / lengths).T @ (axes / lengths) - np.eye(3)
        worst = float(np.abs(cosines).max())
        if worst > SHEAR_TOLERANCE:
            raise GeometryError(
                f"the affine is sheared: two axes are {np.degrees(np.arccos(min(1.0, worst))):.2f} degrees apart, "
                "expected 90; resample the image to an unsheared grid first (a tilted gantry needs a rectified CT)"
            )
        affine.setflags(write=False)
        object.__setattr__(self, "affine_ras", affine)
        object.__setattr__(self, "shape", shape)

    @cached_property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along I, J, K, in mm."""
        i, j, k = np.linalg.norm(self.affine_ras[:3, :3], axis=0)
        return float(i), float(j), float(k)

    @cached_property
    def voxel_volume_ml(self) -> float:
        """|det| of the affine's 3x3 part, in ml: never a product of header zooms."""
        return float(abs(np.linalg.det(self.affine_ras[:3, :3])) / 1000.0)

    @property
    def num_voxels(self) -> int:
        i, j, k = self.shape
        return i * j * k

    def to_world(self, index_N3: np.ndarray) -> np.ndarray:
        """Voxel indices (N, 3), fractional allowed -> RAS+ mm (N, 3)."""
        return np.asarray(index_N3, dtype=np.float64) @ self.affine_ras[:3, :3].T + self.affine_ras[:3, 3]

    def to_index(self, world_N3: np.ndarray) -> np.ndarray:
        """RAS+ mm (N, 3) -> fractional voxel indices (N, 3)."""
        centred = np.asarray(world_N3, dtype=np.float64) - self.affine_ras[:3, 3]
        return centred @ np.linalg.inv(self.affine_ras[:3, :3]).T

    def index_from(self, other: Geometry) -> np.ndarray:
        """The (4, 4) matrix that takes a voxel index of `other` to a fractional index of this grid."""
        return np.linalg.inv(self.affine_ras) @ other.affine_ras

    def same_grid(self, other: Geometry) -> bool:
        """Whether both have one shape and every corner agrees to GRID_TOLERANCE of the finest spacing."""
        if self.shape != other.shape:
            return False
        corners = np.array(list(product(*((0, n - 1) for n in self.shape))), dtype=np.float64)
        gap = np.abs(self.to_world(corners) - other.to_world(corners)).max()
        return bool(gap <= GRID_TOLERANCE * min(self.spacing_mm))

    def require_same_grid(self, other: Geometry, what: str, other_what: str) -> None:
        """Raises GeometryError that names both things unless they share one grid."""
        if not self.same_grid(other):
            raise GeometryError(
                f"{what} and {other_what} are on different grids: {self.describe()} against {other.describe()}; "
                "resample one of them to the other (labels by nearest neighbour)"
            )

    def describe(self) -> str:
        """Shape, spacing and first voxel in one short phrase, for messages."""
        shape = "x".join(map(str, self.shape))
        spacing = "x".join(f"{s:.3f}".rstrip("0").rstrip(".") for s in self.spacing_mm)
        origin = ", ".join(f"{v:.1f}" for v in self.affine_ras[:3, 3])
        return f"{shape} voxels of {spacing} mm from ({origin})"

    def resampled(self, spacing_mm: Sequence[float]) -> Geometry:
        """The grid over the same field of view, axes in the nearest RAS+ order, with another spacing.

        The direction of the axes is kept (an oblique scan stays oblique), only permuted and flipped, and
        the centres of both fields of view coincide.
        """
        axes, flips = self.nearest_ras()
        direction = (self.affine_ras[:3, :3] / self.spacing_mm)[:, axes] * flips
        extent_mm = np.array([self.shape[a] * self.spacing_mm[a] for a in axes])
        shape = np.maximum(1, np.rint(extent_mm / spacing_mm)).astype(int)
        centre = self.to_world((np.array(self.shape) - 1)[None] / 2.0)[0]
        affine = np.eye(4)
        affine[:3, :3] = direction * np.asarray(spacing_mm, dtype=np.float64)
        affine[:3, 3] = centre - affine[:3, :3] @ ((shape - 1) / 2.0)
        i, j, k = shape.tolist()
        return Geometry(affine, (i, j, k))

    @property
    def orientation(self) -> str:
        """Towards where I, J and K grow, by the nearest axis: "RAS" for an image in NIfTI's own orientation."""
        axes, flips = self.nearest_ras()
        letter = {axis: "RAS"[w] if flips[w] > 0 else "LPI"[w] for w, axis in enumerate(axes)}
        return letter[0] + letter[1] + letter[2]

    def nearest_ras(self) -> tuple[list[int], np.ndarray]:
        """Which array axis lies nearest to x, y, z, and the sign that makes each grow towards R, A, S."""
        direction = self.affine_ras[:3, :3] / self.spacing_mm
        best = max(permutations(range(3)), key=lambda p: sum(abs(direction[w, p[w]]) for w in range(3)))
        flips = np.array([1.0 if direction[w, best[w]] >= 0 else -1.0 for w in range(3)])
        return list(best), flips
