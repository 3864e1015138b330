"""From the working grid of a network back to the native grid of a PET, where lesions are found and measured."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from netlesion.image.geometry import Geometry
from netlesion.image.transform import RigidTransform, Transform, grid_points
from netlesion.image.volume import Quantity, Volume
from netlesion.inference.plan import Box
from netlesion.inference.resample import at_positions, to_grid
from netlesion.preprocess.harmonise import resample


def probability_on(
    logit_IJK: Tensor, box: Box, working: Geometry, native: Geometry, back: Transform | None, unseen: np.ndarray | None
) -> np.ndarray:
    """Lesion probability on a native PET grid, 0 beyond `box`, the part of the working grid that was computed."""
    probability = np.zeros(native.shape, dtype=np.float32, order="F")  # as it will lie in its file
    part = Box((0, 0, 0), native.shape)
    if back is None:
        part = _native_box(box, working, native)
        if part.num_voxels == 0:
            return probability
    torch.sigmoid(_on_native(logit_IJK, working, native, back, part), out=torch.from_numpy(probability[part.slices]))
    if unseen is not None:
        probability[unseen] = 0.0
    return probability


def unseen_by(working: Geometry, native: Geometry, back: Transform | None) -> np.ndarray | None:
    """True where a native voxel lies off the working grid (a voxel's width allowed): the network saw nothing there.

    The working grid covers the first PET; a second tracer may reach beyond it, and no lesion is invented there. None
    where every voxel lies on it, which for a PET of the grid's own frame its eight corners tell.
    """
    if back is None:
        corners = np.array(list(np.ndindex(2, 2, 2))) * (np.array(native.shape) - 1)
        index = working.to_index(native.to_world(corners))
        if (index >= -1.0).all() and (index <= np.array(working.shape)).all():
            return None
    margin = np.ones([n + 2 for n in working.shape], dtype=np.uint8)
    affine = working.affine_ras.copy()
    affine[:3, 3] = working.to_world(np.array([[-1.0, -1.0, -1.0]]))[0]
    return resample(Volume(margin, Geometry(affine, margin.shape), Quantity.LABEL), native, back).array == 0


def _native_box(box: Box, working: Geometry, native: Geometry) -> Box:
    """The native voxels that lie on a box of the working grid, whose frame is the same, or beside it."""
    corners = np.where(list(np.ndindex(2, 2, 2)), box.high, np.array(box.low) - 1)
    index = native.to_index(working.to_world(corners))
    low = np.clip(np.floor(index.min(axis=0)), 0, native.shape).astype(int)
    high = np.clip(np.ceil(index.max(axis=0)) + 1, low, native.shape).astype(int)
    return Box(tuple(low.tolist()), tuple(high.tolist()))


def _on_native(logit_IJK: Tensor, working: Geometry, native: Geometry, back: Transform | None, part: Box) -> Tensor:
    """Logits at the voxels of a part of a native PET grid; back: from that PET's frame to the working grid's.

    A field's part is the whole grid.
    """
    if back is None or isinstance(back, RigidTransform):
        affine = native.affine_ras if back is None else back.matrix @ native.affine_ras
        first = np.eye(4)
        first[:3, 3] = part.low
        return to_grid(logit_IJK, np.linalg.inv(working.affine_ras) @ affine @ first, part.shape)
    positions = working.to_index(back.apply(grid_points(native)))
    return at_positions(logit_IJK, positions.reshape(*native.shape, 3))
