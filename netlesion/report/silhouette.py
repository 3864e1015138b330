"""A lesion of a label map -> its outline in every direction of a turning projection.

A parallel projection of a solid is that of its surface, so only surface voxels are projected, each as a few points that
leave no gap at the picture's pixel size. Takes voxels and a frame of the picture; knows nothing about SUV or pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from netlesion.io.dicom.outline import outlines


@dataclass(frozen=True)
class Turntable:
    """The frame of a turning projection: an axis parallel to z, a width to both sides of it, and a height.

    centre_xy_mm: where the axis stands. half_width_mm: from there to the left border. top_mm: z of the upper border.
    shape: rows and columns of the picture.
    """

    centre_xy_mm: tuple[float, float]
    half_width_mm: float
    top_mm: float
    shape: tuple[int, int]
    pixel_mm: float

    def across_mm(self, xy_N2: np.ndarray, angle_deg: float) -> np.ndarray:
        """How far right of the axis (x, y) appear in the picture.

        At 0 degrees the patient is seen from the front, his right on the left; at 90 from his left,
        anterior on the left.
        """
        x, y = (np.asarray(xy_N2, dtype=np.float64) - self.centre_xy_mm).T
        turn = np.deg2rad(angle_deg)
        return -x * np.cos(turn) - y * np.sin(turn)

    def columns_rows(self, points_N3: np.ndarray, angle_deg: float) -> tuple[np.ndarray, np.ndarray]:
        """Fractional column and row of points in RAS+ mm; pixel (0, 0) covers 0 to 1 of both."""
        column = (self.across_mm(points_N3[:, :2], angle_deg) + self.half_width_mm) / self.pixel_mm
        return column, (self.top_mm - points_N3[:, 2]) / self.pixel_mm


def surface_points(labels: np.ndarray, to_mm: np.ndarray, pixel_mm: float) -> Iterator[tuple[int, np.ndarray]]:
    """Label and points (N, 3) in mm over the surface voxels of every lesion, in order of labels.

    to_mm: (4, 4) from index to mm. Points of one voxel are at most 0.6 pixels apart, so that no pixel between is
    missed.
    """
    steps = [max(2, int(np.ceil(s / (0.6 * pixel_mm)))) for s in np.linalg.norm(to_mm[:3, :3], axis=0)]
    inner = np.stack(np.meshgrid(*((np.arange(n) + 0.5) / n - 0.5 for n in steps), indexing="ij"), axis=-1)
    inner = inner.reshape(-1, 3)
    for label, part in enumerate(ndimage.find_objects(labels), start=1):
        if part is None:
            continue
        mask = np.pad(labels[part] == label, 1)
        surface = mask & ~ndimage.binary_erosion(mask)
        voxels = np.argwhere(surface) - 1 + [s.start for s in part]
        index = (voxels[:, None] + inner).reshape(-1, 3)
        yield label, index @ to_mm[:3, :3].T + to_mm[:3, 3]


def silhouette_paths(points_N3: np.ndarray, table: Turntable, angles_deg: Sequence[float]) -> list[str]:
    """One SVG path for each angle, in half pixels; empty where the lesion lies outside of the frame.

    The path runs through the middles of the outline's pixel edges, which turns its stairs into slopes.
    """
    height, width = table.shape
    paths = []
    for angle in angles_deg:
        column, row = table.columns_rows(points_N3, angle)
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        if not inside.any():
            paths.append("")
            continue
        i, j = row[inside].astype(int), column[inside].astype(int)
        i0, j0 = i.min(), j.min()
        mask = np.zeros((i.max() - i0 + 1, j.max() - j0 + 1), dtype=bool)
        mask[i - i0, j - j0] = True
        loops = outlines(ndimage.binary_fill_holes(mask))
        paths.append("".join(_path(loop + 0.5 + (i0, j0)) for loop in loops))
    return paths


def _path(corners_N2: np.ndarray) -> str:
    """A closed loop of corners (row, column in pixels) as relative SVG moves in half pixels."""
    following = np.roll(corners_N2, -1, axis=0)
    lengths = np.abs(following - corners_N2).sum(axis=1).astype(int)
    middles = [
        corner * 2 + (nearby - corner) / length * (2 * step + 1)
        for corner, nearby, length in zip(corners_N2, following, lengths, strict=True)
        for step in ((0, length - 1) if length > 1 else (0,))
    ]
    points = np.rint(np.array(middles)).astype(int)[:, ::-1]
    moves = np.diff(points, axis=0)
    return f"M{points[0][0]} {points[0][1]}l" + " ".join(f"{x} {y}" for x, y in moves) + "z"
