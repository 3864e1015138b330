"""One small matrix along each axis of an image: resampling where grids only permute, flip and scale.

Takes operators (rows: target voxels, columns: source voxels) and an array, returns the product in float32. The axes are
turned on the way: what lies in memory with its first axis fastest, as in NIfTI, comes out with its last axis fastest,
as a network wants it, and the other way round, without a transposed copy. Knows nothing about what an operator means.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from netlesion.output.cores import available_cores

#: Weights below this are beyond the precision of float32.
NEGLIGIBLE = 1e-7
#: Rows of an operator that are applied together. More of them see more that they do not need; and products as small as
#: these are left to one thread by BLAS, whose own threads wait for each other: here whole slabs go to threads instead.
ROWS = 16
#: Planes in one slab: what a thread works on stays in its cache.
PLANES = 4
#: More would wait for memory.
MOST_THREADS = 8


@dataclass(frozen=True, eq=False)
class _Band:
    """Some rows of an operator and the part of the source that they see."""

    rows: slice
    seen: slice
    weights: np.ndarray


def apply_along_axes(operators: Sequence[np.ndarray], array: np.ndarray) -> np.ndarray:
    """operators: three, (rows, n) along each axis of a float32 array (I, J, K); returns (rows_I, rows_J, rows_K).

    Fastest where the array lies with I fastest (Fortran order); what is returned has K fastest (C order).
    """
    seen = [_columns(operator) for operator in operators]
    array = array[tuple(seen)]
    bands = [_bands(operator[:, columns]) for operator, columns in zip(operators, seen, strict=True)]
    i, j, k = (len(operator) for operator in operators)
    source = array.T  # K, J, I
    half = np.empty((len(source), i, j), dtype=np.float32)
    moved = np.empty((i, j, k), dtype=np.float32)
    threads = min(available_cores(), MOST_THREADS)
    spare = [np.empty((PLANES, j, source.shape[2]), dtype=np.float32) for _ in range(threads)]

    def planes(first: int) -> None:
        slab = source[first : first + PLANES]
        if slab.strides[2] != slab.itemsize:  # BLAS takes lines of any distance, not voxels
            slab = np.ascontiguousarray(slab)
        work = spare.pop()
        along_j = work[: len(slab)]
        for band in bands[1]:
            np.matmul(band.weights, slab[:, band.seen], out=along_j[:, band.rows])
        for band in bands[0]:
            seen = along_j[:, :, band.seen].transpose(0, 2, 1)
            np.matmul(band.weights, seen, out=half[first : first + PLANES, band.rows])
        spare.append(work)

    def lines(first: int) -> None:
        slab = half[:, first : first + PLANES]
        for band in bands[2]:
            seen = slab[band.seen].transpose(1, 2, 0)
            np.matmul(seen, band.weights.T, out=moved[first : first + PLANES, :, band.rows])

    with ThreadPoolExecutor(threads) as pool:
        for step, length in ((planes, len(source)), (lines, i)):
            for _ in pool.map(step, range(0, length, PLANES)):  # asked for, so that an error in a thread is raised here
                pass
    return moved


def _bands(operator: np.ndarray) -> list[_Band]:
    bands = []
    for first in range(0, len(operator), ROWS):
        rows = operator[first : first + ROWS]
        columns = _columns(rows)
        weights = np.ascontiguousarray(rows[:, columns], dtype=np.float32)
        bands.append(_Band(slice(first, first + len(rows)), columns, weights))
    return bands


def _columns(rows: np.ndarray) -> slice:
    """What these rows see: from the first to the last column of a weight that counts."""
    seen = np.flatnonzero(np.abs(rows).max(axis=0) > NEGLIGIBLE)
    return slice(int(seen[0]), int(seen[-1]) + 1)
