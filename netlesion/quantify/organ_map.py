"""A label map of organs with names, made quick to ask: which organs lie near these points, and where an organ is.

Takes labels on a grid of their own and the names of any source of `region_map`; answers in the organs' names of this
package. The scan is passed over once; questions cost what they ask for. Knows nothing about PET or lesions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from netlesion.image.geometry import Geometry
from netlesion.image.transform import RigidTransform, Transform, grid_points
from netlesion.quantify.region_map import organ_of

#: Voxels of a group of organs that are kept to measure distances to it: more than enough for a distance of mm.
MAX_LANDMARKS = 200_000


@dataclass(frozen=True, eq=False)
class OrganMap:
    """labels (I, J, K) of organs on a grid of their own; names: label -> name, as any source of `region_map` has it."""

    labels: np.ndarray
    geometry: Geometry
    names: Mapping[int, str]

    def moved(self, transform: Transform) -> OrganMap:
        """The same organs in the frame that a transform leads to: exact for a rigid one, else by nearest voxel."""
        if isinstance(transform, RigidTransform):
            affine = transform.matrix @ self.geometry.affine_ras
            return OrganMap(self.labels, Geometry(affine, self.geometry.shape), self.names)
        points = transform.undo(grid_points(self.geometry))
        labels = self.labels_near(points, 0.0)[:, 0].reshape(self.labels.shape).astype(self.labels.dtype)
        return OrganMap(labels, self.geometry, self.names)

    @cached_property
    def organ_of_label(self) -> Mapping[int, str]:
        """Label -> organ, for the labels whose name is known."""
        found = ((label, organ_of(name)) for label, name in self.names.items())
        return {label: organ.organ for label, organ in found if organ is not None}

    @cached_property
    def unknown_names(self) -> tuple[str, ...]:
        """Names that no source of `region_map` has."""
        return tuple(name for name in self.names.values() if organ_of(name) is None)

    def labels_of(self, starts: tuple[str, ...]) -> list[int]:
        """Labels of the organs whose name begins so and that have a voxel; asked again and again, so kept."""
        if starts not in self._labels:
            self._labels[starts] = self._find(starts)
        return self._labels[starts]

    def _find(self, starts: tuple[str, ...]) -> list[int]:
        return [n for n, organ in self.organ_of_label.items() if organ.startswith(starts) and n in self._boxes]

    def box_of(self, starts: tuple[str, ...]) -> tuple[slice, slice, slice] | None:
        """The box of the organs whose name begins so; None where they have no voxel."""
        boxes = [self._boxes[n] for n in self.labels_of(starts)]
        if not boxes:
            return None
        i, j, k = (slice(min(b[a].start for b in boxes), max(b[a].stop for b in boxes)) for a in range(3))
        return i, j, k

    def mask_of(self, starts: tuple[str, ...]) -> tuple[np.ndarray, tuple[slice, slice, slice]] | None:
        """(mask within a box, the box) of the organs whose name begins so; None where they have no voxel."""
        box = self.box_of(starts)
        return None if box is None else (np.isin(self.labels[box], self.labels_of(starts)), box)

    def corners_mm(self, starts: tuple[str, ...]) -> np.ndarray | None:
        """(2, 3) lowest and highest RAS+ mm of those organs' voxels, by the box of the grid."""
        box = self.box_of(starts)
        if box is None:
            return None
        ends = np.stack(np.meshgrid(*((s.start, s.stop - 1) for s in box), indexing="ij"), axis=-1).reshape(-1, 3)
        corners = self.geometry.to_world(ends)
        return np.array([corners.min(axis=0), corners.max(axis=0)])

    def distance_mm(self, points_mm: np.ndarray, starts: tuple[str, ...]) -> float:
        """The least distance of any of the points (N, 3) to a voxel of those organs, mm; infinite without one."""
        tree = self._tree(starts)
        return np.inf if tree is None else float(tree.query(points_mm)[0].min())

    def labels_near(self, points_mm: np.ndarray, within_mm: float) -> np.ndarray:
        """(N, K) labels of the voxels whose centre is within so many mm of that of each point's voxel; 0 outside."""
        index = np.rint(self.geometry.to_index(points_mm)).astype(int)
        spacing = np.asarray(self.geometry.spacing_mm)
        reach = np.floor(within_mm / spacing).astype(int)
        steps = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), axis=-1).reshape(-1, 3)
        steps = steps[((steps * spacing) ** 2).sum(axis=1) <= within_mm**2]
        at = index[:, None] + steps
        shape = np.asarray(self.labels.shape)
        inside = ((at >= 0) & (at < shape)).all(axis=2)
        at = np.clip(at, 0, shape - 1)
        return np.where(inside, self.labels[at[..., 0], at[..., 1], at[..., 2]], 0)

    @cached_property
    def _boxes(self) -> Mapping[int, tuple[slice, slice, slice]]:
        found = ndimage.find_objects(self.labels)
        return {label: box for label, box in enumerate(found, start=1) if box is not None}

    def _tree(self, starts: tuple[str, ...]) -> cKDTree | None:
        if starts not in self._trees:
            self._trees[starts] = self._landmarks(starts)
        return self._trees[starts]

    @cached_property
    def _labels(self) -> dict[tuple[str, ...], list[int]]:
        return {}

    @cached_property
    def _trees(self) -> dict[tuple[str, ...], cKDTree | None]:
        return {}

    def _landmarks(self, starts: tuple[str, ...]) -> cKDTree | None:
        points = []
        for label in self.labels_of(starts):
            box = self._boxes[label]
            found = np.argwhere(self.labels[box] == label)
            points.append(found + [s.start for s in box])
        if not points:
            return None
        every = np.concatenate(points)
        every = every[:: max(1, -(-len(every) // MAX_LANDMARKS))]
        return cKDTree(self.geometry.to_world(every))
