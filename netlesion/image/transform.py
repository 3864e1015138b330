"""Where a point of one frame of reference lies in another: a rigid motion, or a displacement field. RAS+ mm.

A transform belongs to a fixed and a moving image and takes points of the FIXED image's world to points of the MOVING
image's world: sampling the moving image at `apply(p)` for every point p of a grid lays it over the fixed one. Chains
are composed before anything is sampled, so that no image is interpolated twice. numpy and scipy; knows no files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from netlesion.errors import GeometryError
from netlesion.image.geometry import Geometry

#: A matrix whose 3x3 part is farther than this from a rotation is not rigid.
RIGID_TOLERANCE = 1e-4
#: `DisplacementField.undo` inverts p + field(p) = q by at most this many fixed-point steps, to this residual in mm.
UNDO_STEPS, UNDO_TOLERANCE_MM = 40, 1e-3


@dataclass(frozen=True, eq=False)
class RigidTransform:
    """A turn and a shift: (4, 4) float64. Raises GeometryError for a matrix that stretches, shears or mirrors."""

    matrix: np.ndarray

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, dtype=np.float64)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or not np.allclose(matrix[3], (0, 0, 0, 1)):
            raise GeometryError(
                f"a rigid transform is a finite 4 x 4 matrix with last row 0 0 0 1, got {matrix.tolist()}"
            )
        turn = matrix[:3, :3]
        if np.abs(turn @ turn.T - np.eye(3)).max() > RIGID_TOLERANCE or np.linalg.det(turn) < 0:
            raise GeometryError(
                "the matrix of a rigid transform stretches, shears or mirrors; expected a turn and a shift"
            )
        matrix.setflags(write=False)
        object.__setattr__(self, "matrix", matrix)

    def apply(self, points_N3: np.ndarray) -> np.ndarray:
        """Fixed points (N, 3) -> moving points (N, 3)."""
        return np.asarray(points_N3, dtype=np.float64) @ self.matrix[:3, :3].T + self.matrix[:3, 3]

    def undo(self, points_N3: np.ndarray) -> np.ndarray:
        """Moving points (N, 3) -> fixed points (N, 3)."""
        return self.inverse().apply(points_N3)

    def inverse(self) -> RigidTransform:
        return RigidTransform(np.linalg.inv(self.matrix))

    @property
    def angle_deg(self) -> float:
        """How far it turns, about whatever axis."""
        return float(np.degrees(np.arccos(np.clip((np.trace(self.matrix[:3, :3]) - 1.0) / 2.0, -1.0, 1.0))))


@dataclass(frozen=True, eq=False)
class DisplacementField:
    """vectors (I, J, K, 3) mm on a grid of the fixed world: p lies at p + field(p); trilinear, edges repeated."""

    vectors: np.ndarray
    geometry: Geometry

    def __post_init__(self) -> None:
        vectors = np.asarray(self.vectors, dtype=np.float32)
        if vectors.shape != (*self.geometry.shape, 3):
            raise GeometryError(
                f"a field of shape {vectors.shape} on a grid of {self.geometry.shape}; expected (I, J, K, 3)"
            )
        if not np.isfinite(vectors).all():
            raise GeometryError("a displacement field holds values that are not finite; make it anew")
        vectors = vectors.view()
        vectors.setflags(write=False)
        object.__setattr__(self, "vectors", vectors)

    def at(self, points_N3: np.ndarray) -> np.ndarray:
        """Displacements (N, 3) in mm at fixed points (N, 3)."""
        index = self.geometry.to_index(points_N3).T
        found = [ndimage.map_coordinates(self.vectors[..., a], index, order=1, mode="nearest") for a in range(3)]
        return np.stack(found, axis=1).astype(np.float64)

    def apply(self, points_N3: np.ndarray) -> np.ndarray:
        """Fixed points (N, 3) -> moving points (N, 3)."""
        points = np.asarray(points_N3, dtype=np.float64)
        return points + self.at(points)

    def undo(self, points_N3: np.ndarray) -> np.ndarray:
        """Moving points (N, 3) -> fixed points (N, 3), by fixed-point steps; a folded field has no inverse."""
        points = found = np.asarray(points_N3, dtype=np.float64)
        for _ in range(UNDO_STEPS):
            step = points - self.at(found)
            moved = float(np.abs(step - found).max(initial=0.0))
            found = step
            if moved < UNDO_TOLERANCE_MM:
                break
        return found


Transform = RigidTransform | DisplacementField


def compose(chain: Sequence[Transform], grid: Geometry | None = None) -> Transform | None:
    """One transform for a chain applied from first to last; None for an empty chain (nothing moves).

    Rigid ones become one matrix. With a field in the chain the result is a field, sampled on the first field's grid
    taken back to the first world by its box, or on `grid` when given (a grid of the first world).
    """
    if not chain:
        return None
    rigid = [t for t in chain if isinstance(t, RigidTransform)]
    if len(rigid) == len(chain):
        matrix = np.eye(4)
        for link in rigid:
            matrix = link.matrix @ matrix
        return RigidTransform(_orthonormal(matrix))
    if len(chain) == 1:
        return chain[0]
    if grid is None:
        grid = _grid_of_first_world(chain)
    points = grid_points(grid)
    moved = points
    for link in chain:
        moved = link.apply(moved)
    return DisplacementField((moved - points).reshape(*grid.shape, 3), grid)


def inverse_over(transform: Transform, moving_grid: Geometry) -> Transform:
    """The way back for points of the moving image: a matrix, or a field over the moving grid's box."""
    if isinstance(transform, RigidTransform):
        return transform.inverse()
    spacing_mm = np.maximum(transform.geometry.spacing_mm, moving_grid.spacing_mm)
    grid = moving_grid.resampled(spacing_mm.tolist())
    points = grid_points(grid)
    return DisplacementField((transform.undo(points) - points).reshape(*grid.shape, 3), grid)


def grid_points(grid: Geometry, places: np.ndarray | None = None) -> np.ndarray:
    """(N, 3) world positions of every voxel centre in array order, or of the voxels at these flat places alone."""
    if places is not None:
        return grid.to_world(np.stack(np.unravel_index(places, grid.shape), axis=1))
    i, j, k = (np.arange(n)[:, None] * grid.affine_ras[:3, axis] for axis, n in enumerate(grid.shape))
    plane = j[:, None] + (k + grid.affine_ras[:3, 3])
    return (i[:, None, None] + plane).reshape(-1, 3)


def _grid_of_first_world(chain: Sequence[Transform]) -> Geometry:
    """The grid of the first field in the chain, carried back by the rigid links before it."""
    affine = np.eye(4)
    for link in chain:
        if isinstance(link, DisplacementField):
            return Geometry(np.linalg.inv(affine) @ link.geometry.affine_ras, link.geometry.shape)
        affine = link.matrix @ affine
    raise AssertionError("a chain without a field has no grid")


def _orthonormal(matrix: np.ndarray) -> np.ndarray:
    """The nearest rotation, so that long products stay rigid."""
    u, _, v = np.linalg.svd(matrix[:3, :3])
    out = matrix.copy()
    out[:3, :3] = u @ v
    return out
