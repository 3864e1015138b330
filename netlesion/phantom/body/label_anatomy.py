"""Measures an organ label map: smooth shapes of organs, outline and layers of the body, frame, joints and landmarks.

Takes a label Volume and its names; returns a LabelAnatomy in the map's own RAS+ mm, once per map and without chance.
Refuses what no body can be. Without a body mask the outline is the closed union of all organs, grown by BEYOND_MM.
Pure; knows nothing about files, tissues' uptake or persons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_dilation, binary_fill_holes, distance_transform_edt, find_objects

from netlesion.errors import ConfigError
from netlesion.phantom.body.label_frame import Frame, Measured, frame_of, joints_of, landmarks_of
from netlesion.phantom.body.label_sides import PAIR_CODES, tell_apart
from netlesion.phantom.body.label_solids import MARGIN_MM, MaskSolid, solid_of_mask
from netlesion.phantom.body.label_tissues import ALIASES, BONES, LAYERS, kind_of
from netlesion.phantom.body.labels import LABELS

if TYPE_CHECKING:
    from netlesion.image.volume import Volume

#: Labels finer than this are thinned out; layers and outline are made on grids of about these spacings.
FINEST_MM, LAYER_MM, HULL_MM = 1.4, 3.0, 6.0
#: Without a body mask: how far the union of all organs is closed, and how far beyond it the skin lies.
CLOSING_MM, BEYOND_MM = 40.0, 14.0
#: How far fat between organs is closed, what counts as belly and what as chest.
HULL_CLOSING_MM = 24.0
#: A labelled layer goes on so far under the organs that are painted over it, so that no seam shows between them.
UNDER_VOXELS = 2
BELLY = frozenset(
    {"liver", "spleen", "stomach", "pancreas", "small_bowel", "duodenum", "colon", "kidney", "urinary_bladder",
     "gallbladder", "aorta", "inferior_vena_cava"}
)  # fmt: skip
CHEST = frozenset({"lung", "heart"})
#: Head and trunk overlap by this at the neck; the head reaches so far sideways beyond its organs.
OVERLAP_MM, BESIDE_HEAD_MM = 24.0, 26.0
#: Points kept of every organ for measuring.
MOST_POINTS = 20_000
#: Extents of what is labelled (mm) that can be a body: least, most across, most along z.
LEAST_EXTENT_MM, MOST_ACROSS_MM, MOST_LONG_MM = 60.0, 1000.0, 2300.0
LEAST_SCANNED_MM = 150.0


@dataclass(frozen=True, eq=False)
class LabelAnatomy:
    """One map, measured. Shapes in the map's RAS+ mm; outlines by segment (trunk, head); layers by name and segment."""

    organs: Mapping[str, Measured]
    shapes: Mapping[str, MaskSolid]
    outlines: Mapping[str, MaskSolid]
    layers: Mapping[tuple[str, str], MaskSolid]
    frame: Frame
    landmarks: Mapping[str, np.ndarray]
    joints: Mapping[str, np.ndarray]
    has_outline: bool


def require_body(volume: Volume, names: Mapping[int, str], what: str) -> None:
    """Raises ConfigError for a map that `read_anatomy` would refuse; quick."""
    see(volume, names, what)


def read_anatomy(volume: Volume, names: Mapping[int, str], what: str) -> LabelAnatomy:
    """Measures a label map. names: label -> one of KNOWN_NAMES; others count as body. what: names the map in errors.

    Raises ConfigError for an empty map, no known name, neither liver nor bone, impossible extents, organs out of order.
    """
    seen = see(volume, names, what)
    shapes = {n: solid_of_mask(*seen.mask(n)) for n in seen.organs if n not in LAYERS}
    has_outline = any(n in seen.organs for n in ("skin", "fat", "subcutaneous_fat"))
    skull_base = seen.landmarks["skull_base"]
    outlines, layers = _outlines_and_layers(seen.organ, seen.affine, seen.organs, skull_base, has_outline)
    joints = joints_of(seen.frame, seen.organs, skull_base)
    return LabelAnatomy(seen.organs, shapes, outlines, layers, seen.frame, seen.landmarks, joints, has_outline)


@dataclass(frozen=True, eq=False)
class Seen:
    """A map in our integers (uint8 IJK on affine), the box of each organ, and what was measured of it."""

    organ: np.ndarray
    affine: np.ndarray
    boxes: Mapping[str, tuple[slice, slice, slice]]
    organs: Mapping[str, Measured]
    frame: Frame
    landmarks: Mapping[str, np.ndarray]
    high: np.ndarray

    def mask(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The organ's voxels in its box, and the box's affine."""
        return _cropped(self.organ, self.affine, self.boxes[name], LABELS[name])


def see(volume: Volume, names: Mapping[int, str], what: str) -> Seen:
    """What is labelled, in our integers and sides; raises ConfigError as `read_anatomy` does."""
    affine = np.array(volume.geometry.affine_ras)
    top = _top(affine, volume.array.shape)
    box = _box(volume.array, what)
    affine[:3, 3] += affine[:3, :3] @ [s.start for s in box]
    low, high = _extent(affine, tuple(s.stop - s.start for s in box), what)
    stride = tuple(max(1, int(FINEST_MM / s)) for s in volume.geometry.spacing_mm)
    affine = affine @ np.diag([*stride, 1.0])
    organ, present = _canonical(volume.array[box][tuple(slice(None, None, n) for n in stride)], names)
    if not present:
        raise ConfigError(
            f"{what}: no known organ in it; expected TotalSegmentator's names, such as liver, or its integers"
        )
    if "liver" not in present and not any(kind_of(n) in BONES for n in present):
        raise ConfigError(
            f"{what}: neither liver nor any bone is labelled (found {', '.join(sorted(present)[:6])}), so nothing says "
            "where the rest belongs; expected at least one of them"
        )
    told_apart = bool(present & PAIR_CODES.keys())
    tell_apart(organ, affine)
    found = find_objects(organ, max_label=len(LABELS))
    boxes = {name: box for name, box in zip(LABELS, found, strict=True) if box is not None}
    organs = {name: _measured(*_cropped(organ, affine, box, LABELS[name])) for name, box in boxes.items()}
    frame = frame_of({n: m for n, m in organs.items() if n not in LAYERS}, low, high, what, told_apart)
    landmarks = landmarks_of(frame, organs, low, high)
    scanned = landmarks["skull_base"][2] - landmarks["mid_thigh"][2]
    if scanned < LEAST_SCANNED_MM:
        raise ConfigError(
            f"{what}: only {scanned:.0f} mm between thigh and skull base are in it; expected "
            f"{LEAST_SCANNED_MM:g} or more"
        )
    return Seen(organ, affine, boxes, organs, frame, landmarks, top)


def _cropped(
    organ: np.ndarray, affine: np.ndarray, box: tuple[slice, slice, slice], label: int
) -> tuple[np.ndarray, np.ndarray]:
    own = affine.copy()
    own[:3, 3] += own[:3, :3] @ [s.start for s in box]
    return organ[box] == label, own


def _canonical(array: np.ndarray, names: Mapping[int, str]) -> tuple[np.ndarray, set[str]]:
    """uint8 IJK with our integers, other labels as 255 (body without a name); and the names present."""
    values = np.unique(array)
    known = {**LABELS, **PAIR_CODES}
    table = {v: known[ALIASES.get(names[v], names[v])] if v in names else 255 for v in values.tolist() if v}
    codes = np.array([table.get(v, 0) for v in values.tolist()], dtype=np.uint8)
    inverse = {n: name for name, n in known.items()}
    if values[0] >= 0 and values[-1] < 4096:
        whole = np.zeros(int(values[-1]) + 1, dtype=np.uint8)
        whole[values] = codes
        return whole[array], {inverse[c] for c in codes.tolist() if c in inverse}
    return codes[np.searchsorted(values, array)], {inverse[c] for c in codes.tolist() if c in inverse}


def _top(affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Highest corner of the map, mm."""
    ends = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in shape], indexing="ij")).reshape(3, -1).T
    return (ends @ affine[:3, :3].T + affine[:3, 3]).max(axis=0)


def _box(array: np.ndarray, what: str) -> tuple[slice, slice, slice]:
    """What is labelled, in voxels; ConfigError where nothing is."""
    in_rows = array.any(axis=2)
    there = (np.any(in_rows, axis=1), np.any(in_rows, axis=0), np.any(array, axis=(0, 1)))
    if not in_rows.any():
        raise ConfigError(f"{what}: the label map is empty; expected organs with labels above 0")
    i, j, k = (slice(int(n[0]), int(n[-1]) + 1) for n in map(np.flatnonzero, there))
    return i, j, k


def _extent(affine: np.ndarray, shape: tuple[int, ...], what: str) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest corner of the labelled box, mm; ConfigError for what no body can be."""
    ends = np.array([[-0.5, n - 0.5] for n in shape])
    corners = np.array(np.meshgrid(*ends, indexing="ij")).reshape(3, -1).T @ affine[:3, :3].T + affine[:3, 3]
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = high - low
    if size.min() < LEAST_EXTENT_MM or size[:2].max() > MOST_ACROSS_MM or size[2] > MOST_LONG_MM:
        raise ConfigError(
            f"{what}: what is labelled measures {size[0]:.4g} x {size[1]:.4g} x {size[2]:.4g} mm (x, y, z), "
            f"which no body does; expected {LEAST_EXTENT_MM:g} to {MOST_ACROSS_MM:g} mm across and to {MOST_LONG_MM:g} "
            "mm along z (is the affine in mm?)"
        )
    return low, high


def _measured(mask: np.ndarray, affine: np.ndarray) -> Measured:
    index = np.argwhere(mask)
    index = index[:: max(1, len(index) // MOST_POINTS)]
    return Measured(index @ affine[:3, :3].T + affine[:3, 3])


def _outlines_and_layers(
    organ: np.ndarray, affine: np.ndarray, organs: Mapping[str, Measured], skull_base: np.ndarray, has_outline: bool
) -> tuple[dict[str, MaskSolid], dict[tuple[str, str], MaskSolid]]:
    """Skin's outer surface by segment, and muscle, belly and chest where they are labelled or can be guessed."""
    fine, fine_affine = _coarser(organ > 0, affine, LAYER_MM)
    if has_outline:
        whole, grid = binary_fill_holes(fine), fine_affine
    else:
        hull, grid = _coarser(organ > 0, affine, HULL_MM, least=0.2)
        whole, grid = _closed(hull, grid, CLOSING_MM, BEYOND_MM)
    box = _head_box(organs, skull_base)
    outlines = _by_segment(whole, grid, box, 4.0 * MARGIN_MM)
    layers: dict[tuple[str, str], MaskSolid] = {}
    for name, members in (("muscle", None), ("visceral_fat", BELLY), ("mediastinum", CHEST)):
        if name in organs:
            mask, grid = _coarser(organ == LABELS[name], affine, LAYER_MM)
            over = np.isin(
                organ,
                [0, *(LABELS[n] for n in LAYERS if n != "mediastinum" and (name, n) != ("muscle", "visceral_fat"))],
            )
            mask |= binary_dilation(mask, iterations=UNDER_VOXELS) & ~_coarser(over, affine, LAYER_MM)[0]
        elif members is None or not any(kind_of(n) in members for n in organs):
            continue
        else:
            inside = np.isin(organ, [LABELS[n] for n in organs if kind_of(n) in members])
            mask, grid = _closed(*_coarser(inside, affine, HULL_MM, least=0.2), HULL_CLOSING_MM, 0.0)
        layers |= {(name, segment): s for segment, s in _by_segment(mask, grid, box, MARGIN_MM).items()}
    return outlines, layers


def _head_box(organs: Mapping[str, Measured], skull_base: np.ndarray) -> np.ndarray | None:
    """(2, 3) mm around the head's own organs, open upwards; None where neither brain nor skull is labelled."""
    points = [organs[n].points_mm for n in ("brain", "skull") if n in organs]
    if not points:
        return None
    points = np.concatenate(points)
    points = points[points[:, 2] >= skull_base[2]]
    if len(points) == 0 or points[:, 2].max() - skull_base[2] < 2.0 * OVERLAP_MM:
        return None
    low, high = points.min(axis=0) - BESIDE_HEAD_MM, points.max(axis=0) + BESIDE_HEAD_MM
    return np.array([[low[0], low[1], skull_base[2]], [high[0], high[1], np.inf]])


def _by_segment(mask: np.ndarray, affine: np.ndarray, box: np.ndarray | None, margin_mm: float) -> dict[str, MaskSolid]:
    """The mask cut into trunk and head, which overlap at the neck; a segment with none of it is absent."""
    if not mask.any():
        return {}
    if box is None:
        return {"trunk": solid_of_mask(mask, affine, margin_mm)}
    index = np.argwhere(mask)
    points = index @ affine[:3, :3].T + affine[:3, 3]
    beside = ((points[:, :2] >= box[0, :2]) & (points[:, :2] <= box[1, :2])).all(axis=1)
    cut = {
        "trunk": ~(beside & (points[:, 2] > box[0, 2] + OVERLAP_MM / 2.0)),
        "head": beside & (points[:, 2] > box[0, 2] - OVERLAP_MM / 2.0),
    }
    found = {}
    for segment, keep in cut.items():
        if keep.any():
            own = np.zeros_like(mask)
            own[tuple(index[keep].T)] = True
            found[segment] = solid_of_mask(own, affine, margin_mm)
    return found


def _coarser(
    mask: np.ndarray, affine: np.ndarray, spacing_mm: float, least: float = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    """The mask on a grid of about this spacing or the mask's own: voxels that hold at least a share of it."""
    steps = [max(1, round(spacing_mm / s)) for s in np.linalg.norm(affine[:3, :3], axis=0)]
    padded = np.pad(mask, [(0, -n % f) for n, f in zip(mask.shape, steps, strict=True)])
    i, j, k = (n // f for n, f in zip(padded.shape, steps, strict=True))
    share = padded.reshape(i, steps[0], j, steps[1], k, steps[2]).mean(axis=(1, 3, 5), dtype=np.float32)
    coarse = affine @ np.diag([*steps, 1.0])
    coarse[:3, 3] += affine[:3, :3] @ ((np.array(steps) - 1.0) / 2.0)
    return share >= least, coarse


def _closed(mask: np.ndarray, affine: np.ndarray, closing_mm: float, beyond_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Closed by a ball, holes filled, then grown by beyond_mm; on a larger grid."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    pad = np.ceil((closing_mm + beyond_mm) / spacing).astype(int) + 1
    mask = np.pad(mask, [(p, p) for p in pad])
    moved = affine.copy()
    moved[:3, 3] -= moved[:3, :3] @ pad
    grown = distance_transform_edt(~mask, sampling=spacing) <= closing_mm
    closed = binary_fill_holes(distance_transform_edt(grown, sampling=spacing) > closing_mm) | mask
    return (distance_transform_edt(~closed, sampling=spacing) <= beyond_mm) if beyond_mm > 0.0 else closed, moved
