"""A body that lies otherwise on another day: a rigid motion for head, arms and legs each, joined smoothly to the trunk.

A knee bends and a head turns; a motion of the trunk alone leaves a foot 2-5 cm off. Takes a pair that lies right by its
trunk, finds parts in the fixed image by where they are (above, beside and below the trunk), lays each over the moving
image from where its neighbour nearer to the trunk went, and keeps it where it gains. Between parts, and outside the
body, motions are mixed by nearness. Returns a displacement field. Knows nothing about files or anatomy's names.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from netlesion.image.geometry import Geometry
from netlesion.image.transform import DisplacementField, RigidTransform, grid_points
from netlesion.image.volume import Volume
from netlesion.register.metric import Referee
from netlesion.register.rigid import Prepared, mean_of, optimised

#: A leg is taken in pieces of this length from the trunk down [P]: with thigh, shank and foot none has two joints.
PIECE_MM = 180.0
#: A smaller part than this tells too little of itself [P].
LEAST_ML = 150.0
#: Voxels around a part that are looked at too: its outline tells most [P].
RIM_MM = 12.0
#: What a part of a plausible fit keeps, against its neighbour: move (median), turn, and there-and-back [P].
LARGEST_MOVE_MM, LARGEST_TURN_DEG, LARGEST_ERROR_MM = 90.0, 35.0, 5.0
#: Over what distance motions are mixed, and the grid of the field [P].
MIXED_MM, FIELD_MM = 20.0, 8.0
MARGIN_MM = 60.0


@dataclass(frozen=True, eq=False)
class Part:
    """One part of the fixed image: bool on its grid, and the name of its neighbour nearer to the trunk."""

    name: str
    mask: np.ndarray
    parent: str = "trunk"


def find_parts(fixed: Prepared) -> list[Part]:
    """Parts that are large enough, each after its parent; none where the image ends with the trunk."""
    trunk, body, geometry = fixed.mask, fixed.body, fixed.image.geometry
    slices = np.flatnonzero(trunk.any(axis=(0, 1)))
    if not slices.size:
        return []
    x, _, z = np.moveaxis(grid_points(geometry).reshape(*geometry.shape, 3), -1, 0)
    right = x > fixed.centre_mm[0]
    k = np.arange(geometry.shape[2])[None, None, :]
    head = _largest_pieces(body & (k > slices[-1]))
    parts = [Part("head", head)]
    legs = np.zeros_like(body)
    for side, of_side in (("right", right), ("left", ~right)):
        leg = _largest_pieces(body & (k < slices[0]) & of_side)
        legs |= leg
        parent, top = "trunk", z[0, 0, slices[0]]
        for number in range(int(np.ceil((top - z.min()) / PIECE_MM))):
            high = top - number * PIECE_MM
            piece = leg & (z < high) & (z >= high - PIECE_MM)
            parts.append(Part(f"leg {side} {number + 1}", piece, parent))
            parent = parts[-1].name
    arms = body & ~trunk & ~head & (k >= slices[0])
    parts += [Part("arm right", arms & right), Part("arm left", arms & ~right)]
    large = [p for p in parts if p.mask.sum() * geometry.voxel_volume_ml >= LEAST_ML]
    names = {p.name for p in large} | {"trunk"}
    return [p for p in large if p.parent in names]


def fit_parts(fixed: Prepared, moving: Prepared, rigid: RigidTransform, seed: int = 0) -> DisplacementField | None:
    """The field of all parts; None where none moved otherwise than the trunk."""
    motions = {"trunk": rigid}
    parts = find_parts(fixed)
    for part in parts:
        motions[part.name] = _motion(fixed, moving, part, motions[part.parent], seed)
    if all(motion is rigid for motion in motions.values()):
        return None
    return _joined(fixed, parts, motions)


def _motion(fixed: Prepared, moving: Prepared, part: Part, start: RigidTransform, seed: int) -> RigidTransform:
    """The part's own motion, or its neighbour's (the same object) where a fit gains nothing or cannot be true."""
    spacing = fixed.image.geometry.spacing_mm
    seen = _widened(part.mask, spacing)
    here_image = _cropped(fixed.image, grid_points(fixed.image.geometry, np.flatnonzero(seen)))
    assert here_image is not None, "the points are voxels of the image"
    here = Prepared(here_image, _mask_on(here_image.geometry, seen, fixed.image.geometry, None))
    places = grid_points(fixed.image.geometry, np.flatnonzero(part.mask))
    there_image = _cropped(moving.image, start.apply(places))
    if there_image is None:
        return start
    there = optimised(here, Prepared(there_image, np.ones(there_image.geometry.shape, bool)), start, seed)
    mask = _mask_on(there_image.geometry, seen, fixed.image.geometry, there)
    if not mask.any():
        return start
    back = optimised(Prepared(there_image, mask), here, start.inverse(), seed + 1)
    found = mean_of(there, back.inverse(), here.centre_mm)
    apart = np.median(np.linalg.norm(back.apply(there.apply(places)) - places, axis=1))
    move = np.median(np.linalg.norm(found.apply(places) - start.apply(places), axis=1))
    turn = RigidTransform(found.matrix @ np.linalg.inv(start.matrix)).angle_deg
    referee = Referee(fixed.image, moving.image, seen)
    plausible = apart <= min(LARGEST_ERROR_MM, move) and move <= LARGEST_MOVE_MM and turn <= LARGEST_TURN_DEG
    return found if plausible and referee.score(found) > referee.score(start) else start


def _joined(fixed: Prepared, parts: list[Part], motions: dict[str, RigidTransform]) -> DisplacementField:
    """Every point moves as the parts around it do, the nearest most."""
    geometry = fixed.image.geometry
    labels = np.zeros(geometry.shape, dtype=np.int16)
    labels[fixed.mask] = 1
    for number, part in enumerate(parts, start=2):
        labels[part.mask] = number
    nearest = ndimage.distance_transform_edt(
        labels == 0, sampling=geometry.spacing_mm, return_distances=False, return_indices=True
    )
    labels = labels[tuple(nearest)]
    sigma = [MIXED_MM / s for s in geometry.spacing_mm]
    grid = geometry.resampled((FIELD_MM,) * 3)
    points = grid_points(grid)
    at = geometry.to_index(points).T
    moved, total = np.zeros_like(points), np.zeros(len(points))
    for number, name in enumerate(("trunk", *(p.name for p in parts)), start=1):
        share = ndimage.gaussian_filter((labels == number).astype(np.float32), sigma, mode="nearest")
        weight = ndimage.map_coordinates(share, at, order=1, mode="nearest")
        moved += weight[:, None] * motions[name].apply(points)
        total += weight
    return DisplacementField((moved / total[:, None] - points).reshape(*grid.shape, 3), grid)


def _widened(mask: np.ndarray, spacing_mm: tuple[float, float, float]) -> np.ndarray:
    """A part with the voxels up to RIM_MM around it."""
    margin = [int(RIM_MM // s) + 1 for s in spacing_mm]
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    box = tuple(slice(max(0, b.start - m), b.stop + m) for b, m in zip(box, margin, strict=True))
    seen = mask.copy()
    seen[box] |= ndimage.distance_transform_edt(~mask[box], sampling=spacing_mm) <= RIM_MM
    return seen


def _largest_pieces(mask: np.ndarray) -> np.ndarray:
    """The largest piece of every slice."""
    kept = np.zeros_like(mask)
    for k in np.flatnonzero(mask.any(axis=(0, 1))):
        labels, _ = ndimage.label(mask[:, :, k])
        kept[:, :, k] = labels == 1 + int(np.bincount(labels.ravel())[1:].argmax())
    return kept


def _cropped(image: Volume, points: np.ndarray) -> Volume | None:
    """The image around some points, MARGIN_MM wider on every side; None where they lie outside it."""
    geometry = image.geometry
    index = geometry.to_index(points)
    margin = MARGIN_MM / np.array(geometry.spacing_mm)
    low = np.maximum(np.floor(index.min(axis=0) - margin), 0).astype(int)
    high = np.minimum(np.ceil(index.max(axis=0) + margin) + 1, geometry.shape).astype(int)
    if (high - low < 4).any():
        return None
    affine = geometry.affine_ras.copy()
    affine[:3, 3] = geometry.to_world(low[None].astype(float))[0]
    array = image.array[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    return Volume(array, Geometry(affine, array.shape), image.quantity)


def _mask_on(grid: Geometry, mask: np.ndarray, of: Geometry, transform: RigidTransform | None) -> np.ndarray:
    """A mask of the fixed world on another grid: of its own world, or of the moving one through a transform."""
    points = grid_points(grid)
    index = of.to_index(points if transform is None else transform.undo(points))
    found = ndimage.map_coordinates(mask.astype(np.uint8), index.T, order=0, mode="constant")
    return found.reshape(grid.shape) > 0
