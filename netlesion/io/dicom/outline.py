"""A 2D mask -> closed polygons that run exactly along its voxels' edges.

Vertices lie at half-integer indices, so that filling the polygons by the even-odd rule gives the mask back, whatever
its shape; outlines through voxel centres would shrink a 3x3 square to 2x2 (clinical.md 9.4). Holes stay polygons of
their own (XOR) or are joined to what surrounds them by a channel of no width (keyhole). Knows nothing about space.
"""

from __future__ import annotations

from enum import Enum

import numpy as np


class Holes(Enum):
    """XOR: an inner polygon of its own. KEYHOLE: one polygon that enters and leaves through a channel."""

    XOR = "xor"
    KEYHOLE = "keyhole"


def outlines(mask_IJ: np.ndarray, holes: Holes = Holes.XOR) -> list[np.ndarray]:
    """Closed polygons (N, 2) of float (i, j), without the repeated first point; none for an empty mask.

    Voxels that touch at a corner alone are outlined separately.
    """
    loops = _loops(np.asarray(mask_IJ, dtype=bool))
    if holes is Holes.KEYHOLE:
        loops = _joined(loops)
    return [np.array(_corners(loop), dtype=np.float64) - 0.5 for loop in loops]


def _loops(mask: np.ndarray) -> list[list[tuple[int, int]]]:
    """Loops of unit steps over voxel corners (corner (i, j) lies at index (i - 0.5, j - 0.5)), mask on the left."""
    padded = np.pad(mask, 1)
    steps: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for axis, inward, step in ((0, 1, (0, -1)), (0, -1, (0, 1)), (1, 1, (1, 0)), (1, -1, (-1, 0))):
        edge = padded & ~np.roll(padded, inward, axis)  # the neighbour on this side is outside
        for i, j in np.argwhere(edge) - 1:
            corner = {(0, 1): (i, j + 1), (0, -1): (i + 1, j), (1, 1): (i, j), (1, -1): (i + 1, j + 1)}[axis, inward]
            steps.setdefault((int(corner[0]), int(corner[1])), []).append(step)
    loops = []
    while steps:
        start = min(steps)
        loop, corner, step = [], start, steps[start][0]
        while True:
            loop.append(corner)
            steps[corner].remove(step)
            if not steps[corner]:
                del steps[corner]
            corner = (corner[0] + step[0], corner[1] + step[1])
            if corner == start:
                break
            step = _next_step(step, steps[corner])
        loops.append(loop)
    return loops


def _next_step(step: tuple[int, int], choices: list[tuple[int, int]]) -> tuple[int, int]:
    """The leftmost of the steps that leave a corner: two voxels that share only it are kept apart."""
    if len(choices) == 1:
        return choices[0]
    left = (-step[1], step[0])
    return left if left in choices else choices[0]


def _joined(loops: list[list[tuple[int, int]]]) -> list[list[tuple[int, int]]]:
    """Every hole spliced into the first outline met when walking from its lowest corner towards lower i."""
    polygons = [loop for loop in loops if _area(loop) > 0]
    for hole in sorted((loop for loop in loops if _area(loop) < 0), key=min):
        start = min(hole)
        at = hole.index(start)
        hole = hole[at:] + hole[:at]
        i, outer = next(
            (i, p) for i in range(start[0] - 1, -1, -1) for p in polygons if (i, start[1]) in p
        )  # a hole lies inside an outline
        channel = [(n, start[1]) for n in range(i, start[0])]
        at = outer.index((i, start[1]))
        outer[at:at] = [*channel, *hole, start, *channel[:0:-1]]
    return polygons


def _area(loop: list[tuple[int, int]]) -> float:
    i, j = np.array(loop).T
    return 0.5 * float(i @ np.roll(j, -1) - j @ np.roll(i, -1))


def _corners(loop: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The points at which a loop changes direction; a reversal, as at the end of a channel, is one."""
    points = np.array(loop)
    arriving, leaving = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    return [loop[n] for n in np.flatnonzero((arriving != leaving).any(axis=1))]
