"""Somebody's organ label map instead of the built-in body.

`read_anatomy` turns a label Volume and its names into shapes, a frame and landmarks, once per map and without chance;
`body_from_labels` makes a Body of it, its size varied as BodySettings say people vary around their mean. The map lies on
segment `trunk`, limbs too (they do not bend); above the skull's base it is segment `head` where brain or skull are
labelled. Limbs beyond the map are not invented. Small organs that the tracers see and the map lacks are placed by
landmark. The origin moves to the middle of the first lumbar vertebra. Pure; knows nothing about files, uptake or grids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_dilation, binary_fill_holes, distance_transform_edt, find_objects

from netlesion.errors import ConfigError
from netlesion.phantom.body.draw import factor
from netlesion.phantom.body.head import draw_head
from netlesion.phantom.body.label_frame import NOMINAL, Frame, Measured, frame_of, joints_of, landmarks_of
from netlesion.phantom.body.label_solids import MARGIN_MM, MaskSolid, solid_of_mask
from netlesion.phantom.body.label_tissues import (
    ALIASES,
    BONES,
    LAYERS,
    NOT_MISSED,
    PLACED,
    PLACED_IN_HEAD,
    RECIPES,
    kind_of,
)
from netlesion.phantom.body.labels import LABELS
from netlesion.phantom.body.parts import Body, Part, Station
from netlesion.phantom.body.shape import NOMINAL_HEIGHT_CM, BodySettings, draw_shape
from netlesion.phantom.body.stations import PLACES
from netlesion.phantom.body.urogenital import draw_urogenital
from netlesion.phantom.body.viscera import draw_viscera
from netlesion.phantom.solids import Ellipsoid, Half, Offset, Turned, Within, contains, sphere

if TYPE_CHECKING:
    from netlesion.phantom.solids import Point, Solid
    from netlesion.volume import Volume

#: Labels finer than this are thinned out; layers and outline are made on grids of about these spacings.
FINEST_MM, LAYER_MM, HULL_MM = 1.4, 3.0, 6.0
#: Without a body mask: how far the union of all organs is closed, and how far beyond it the skin lies.
CLOSING_MM, BEYOND_MM = 40.0, 14.0
#: How far fat between organs is closed, what counts as belly and what as chest.
HULL_CLOSING_MM = 24.0
#: A labelled layer goes on so far under the organs that are painted over it, so that no seam shows between them.
UNDER_VOXELS = 2
BELLY = frozenset({"liver", "spleen", "stomach", "pancreas", "small_bowel", "duodenum", "colon", "kidney", "urinary_bladder", "gallbladder", "aorta", "inferior_vena_cava"})  # fmt: skip
CHEST = frozenset({"lung", "heart"})
SKIN_MM, HEAD_FAT_MM = 2.0, 4.0
#: Head and trunk overlap by this at the neck; the head reaches so far sideways beyond its organs.
OVERLAP_MM, BESIDE_HEAD_MM = 24.0, 26.0
#: Points kept of every organ for measuring.
MOST_POINTS = 20_000
#: Extents of what is labelled (mm) that can be a body: least, most across, most along z.
LEAST_EXTENT_MM, MOST_ACROSS_MM, MOST_LONG_MM = 60.0, 1000.0, 2300.0
LEAST_SCANNED_MM = 150.0
BOWEL_SIGMA, JEJUNUM_SHARE, HEAD_OF_PANCREAS_SHARE = 0.15, 0.4, 0.4
#: Ventricle: its axis towards the apex, thickness of wall and septum, and red marrow around a joint.
APEX, LEFT_WALL_MM, RED_MARROW_MM = np.array([-0.66, 0.52, -0.54]), 11.0, 45.0


@dataclass(frozen=True, eq=False)
class LabelAnatomy:
    """One map, measured. Shapes in the map's RAS+ mm; outlines by segment (trunk, head); layers by name and segment."""

    what: str
    organs: Mapping[str, Measured]
    shapes: Mapping[str, MaskSolid]
    outlines: Mapping[str, MaskSolid]
    layers: Mapping[tuple[str, str], MaskSolid]
    frame: Frame
    landmarks: Mapping[str, np.ndarray]
    joints: Mapping[str, np.ndarray]
    has_outline: bool


@dataclass(frozen=True, eq=False)
class LabelBody:
    """A body made of a map, and what was done beyond the map: organs placed by landmark, kinds left out, a remark."""

    body: Body
    placed: tuple[str, ...]
    left_out: tuple[str, ...]
    remark: str

    def line(self, what: str) -> str:
        """One line for the log."""
        placed, left = (", ".join(names) or "nothing" for names in (self.placed, self.left_out))
        return f"anatomy {what}: placed by landmark: {placed}; left out: {left}{self.remark}"


def read_anatomy(volume: Volume, names: Mapping[int, str], what: str) -> LabelAnatomy:
    """Measures a label map. names: label -> one of KNOWN_NAMES; others count as body. what: names the map in errors.

    Raises ConfigError for an empty map, no known name, neither liver nor bone, extents no body has, or organs out of order.
    """
    affine = volume.geometry.affine_ras
    organ, present = _canonical(volume.array, names)
    stride = tuple(max(1, int(FINEST_MM / s)) for s in volume.geometry.spacing_mm)
    organ = organ[tuple(slice(None, None, n) for n in stride)]
    affine = affine @ np.diag([*stride, 1.0])
    low, high = _extent(organ, affine, what)
    if not present:
        raise ConfigError(
            f"{what}: no known organ in it; expected TotalSegmentator's names, such as liver, or its integers"
        )
    if "liver" not in present and not any(kind_of(n) in BONES for n in present):
        raise ConfigError(
            f"{what}: neither liver nor any bone is labelled (found {', '.join(sorted(present)[:6])}), so there is nothing to "
            "place the rest by; expected at least one of them"
        )
    places = list(LABELS)
    boxes = find_objects(organ)
    organs, shapes = {}, {}
    for label, box in enumerate(boxes, start=1):
        if box is None or label > len(places):
            continue
        own = affine.copy()
        own[:3, 3] += own[:3, :3] @ [s.start for s in box]
        mask = organ[box] == label
        organs[places[label - 1]] = _measured(mask, own)
        if places[label - 1] not in LAYERS:
            shapes[places[label - 1]] = solid_of_mask(mask, own)
    frame = frame_of({n: m for n, m in organs.items() if n not in LAYERS}, low, high, what)
    landmarks = landmarks_of(frame, organs, low, high)
    scanned = landmarks["skull_base"][2] - landmarks["mid_thigh"][2]
    if scanned < LEAST_SCANNED_MM:
        raise ConfigError(
            f"{what}: only {scanned:.0f} mm between thigh and skull base; expected at least {LEAST_SCANNED_MM:g} of the trunk"
        )
    has_outline = any(n in organs for n in ("skin", "fat", "subcutaneous_fat", "muscle"))
    outlines, layers = _outlines_and_layers(organ, affine, organs, landmarks["skull_base"], has_outline)
    joints = joints_of(frame, organs, landmarks["skull_base"])
    return LabelAnatomy(what, organs, shapes, outlines, layers, frame, landmarks, joints, has_outline)


def body_from_labels(anatomy: LabelAnatomy, rng: np.random.Generator, settings: BodySettings) -> LabelBody:
    """A person around this map: sex as labelled or drawn, size varied by what BodySettings let people differ from their mean."""
    seed = int(rng.integers(2**62))
    mean = replace(
        settings,
        female_height_cm=(settings.female_height_cm[0], 0.0),
        male_height_cm=(settings.male_height_cm[0], 0.0),
        build_sd=0.0,
    )
    shape, usual = (draw_shape(np.random.default_rng(seed), s) for s in (settings, mean))
    ratio = np.array(shape.scale) / usual.scale
    to_body = np.diag([*ratio, 1.0])
    to_body[:3, 3] = -ratio * anatomy.frame.at((0.0, 0.0, 0.0))
    sex = "M" if {"prostate", "testis"} & anatomy.organs.keys() else "F" if _female(anatomy) else shape.sex
    uneven = {kind: factor(rng, BOWEL_SIGMA) for kind in ("small_bowel", "colon", "duodenum")}
    made = _Maker(anatomy, to_body, uneven)
    nominal = replace(NOMINAL, sex=sex)
    spare = [*draw_viscera(rng, nominal), *draw_urogenital(rng, nominal), *draw_head(rng, nominal)]
    wanted = (*PLACED, *(PLACED_IN_HEAD if "head" in anatomy.outlines else ()))
    put = [made.placed(p) for p in spare if p.organ in wanted and p.organ not in anatomy.organs]
    put = [p for p in put if p is not None]
    early, late = ([p for p in put if (p.organ == "pituitary") == last] for last in (False, True))
    parts = (*made.layers(), *early, *made.organs(), *late)
    present = {kind_of(n) for n in anatomy.organs} | {kind_of(p.organ) for p in put}
    missed = tuple(k for k in RECIPES if k not in present and k not in NOT_MISSED)
    body = Body(
        sex=sex,
        height_cm=round(float(NOMINAL_HEIGHT_CM * anatomy.frame.slope * ratio[2]), 1),
        parts=parts,
        stations=made.stations(),
        joints={n: made.at(p) for n, p in anatomy.joints.items()},
        landmarks={n: made.at(p) for n, p in anatomy.landmarks.items()},
    )
    remark = (
        ""
        if anatomy.has_outline
        else f"; no body mask: the skin lies {BEYOND_MM:g} mm beyond the closed union of all organs"
    )
    return LabelBody(body, tuple(dict.fromkeys(p.organ for p in put)), missed, remark)


@dataclass(frozen=True, eq=False)
class _Maker:
    """Parts of one body: to_body (4, 4) takes the map's mm into the body's frame."""

    anatomy: LabelAnatomy
    to_body: np.ndarray
    uneven: Mapping[str, float]

    def at(self, map_mm: np.ndarray) -> Point:
        return tuple((self.to_body[:3, :3] @ map_mm + self.to_body[:3, 3]).tolist())

    def layers(self) -> list[Part]:
        """Skin, fat, muscle of trunk and head, then the fat of belly and chest."""
        skins, fats, muscles, inner = [], [], [], []
        for segment, shape in self.anatomy.outlines.items():
            outer = shape.solid(self.to_body)
            skins.append(Part("skin", "skin", outer, segment))
            fats.append(Part("fat", "fat", Offset(outer, -SKIN_MM), segment))
            below = Offset(outer, -SKIN_MM - (HEAD_FAT_MM if segment == "head" else self._fat_mm()))
            own = self.anatomy.layers.get(("muscle", segment))
            muscles.append(Part("muscle", "muscle", below if own is None else own.solid(self.to_body), segment))
            for layer in ("visceral_fat", "mediastinum"):
                found = self.anatomy.layers.get((layer, segment))
                if found is not None:
                    solid = found.solid(self.to_body)
                    inner.append(
                        Part(
                            layer,
                            "visceral_fat",
                            solid if layer in self.anatomy.organs else Within(solid, (below,)),
                            segment,
                        )
                    )
        return [*skins, *fats, *muscles, *inner]

    def organs(self) -> list[Part]:
        """Every labelled organ by its recipe, in the recipes' order."""
        order = {kind: n for n, kind in enumerate(RECIPES)}
        parts = []
        for name in sorted(self.anatomy.shapes, key=lambda n: (order[kind_of(n)], LABELS[n])):
            parts += self._organ(name)
        return parts

    def placed(self, part: Part) -> Part | None:
        """A nominal part at its place in this body; None where that is outside the outline."""
        middle = part.solid.bounds_mm().mean(axis=0)
        place = self.at(self.anatomy.frame.at(tuple(middle.tolist())))
        if not self._is_inside(place, part.segment):
            return None
        return replace(part, solid=Turned(part.solid, shift_mm=tuple((place - middle).tolist())))

    def stations(self) -> tuple[Station, ...]:
        """Node groups and peritoneal places that lie inside this body."""
        ratio = np.diag(self.to_body)[:3]
        found = []
        for name, centre, axes in PLACES:
            place = self.at(self.anatomy.frame.at(centre))
            if self._is_inside(place, "trunk"):
                size = tuple((ratio * self.anatomy.frame.size(axes)).tolist())
                found.append(Station(name, Ellipsoid(place, size)))
        return tuple(found)

    def _organ(self, name: str) -> list[Part]:
        kind, shape = kind_of(name), self.anatomy.shapes[name]
        recipe, solid = RECIPES[kind], shape.solid(self.to_body)
        segment = recipe.segment if recipe.segment in self.anatomy.outlines else "trunk"
        factor_here = recipe.factor * self.uneven.get(kind, 1.0)
        parts = [Part(name, recipe.tissue, solid, segment, factor_here)]
        for tissue, depth_mm, share in recipe.inner:
            if tissue != "renal_pelvis" or f"renal_pelvis_{name.removeprefix('kidney_')}" not in self.anatomy.shapes:
                parts.append(Part(name, tissue, Offset(solid, -min(depth_mm, share * shape.depth_mm)), segment))
        if kind == "small_bowel":
            ileum = Within(solid, (self._beyond(name, np.array([1.0, 0.0, -1.0]), JEJUNUM_SHARE),))
            parts.append(Part(name, "ileum", ileum, segment, factor_here))
        elif kind == "pancreas":
            head = Within(solid, (self._beyond(name, np.array([1.0, 0.0, 0.0]), 1.0 - HEAD_OF_PANCREAS_SHARE),))
            parts.append(Part(name, "pancreas_head", head, segment))
        elif kind == "heart":
            parts += self._left_ventricle(name, solid, shape.depth_mm)
        elif kind in ("femur", "humerus"):
            joint = self.anatomy.joints[f"{'hip' if kind == 'femur' else 'shoulder'}_{name.rsplit('_', 1)[1]}"]
            marrow = Within(parts[-1].solid, (sphere(self.at(joint), RED_MARROW_MM),))
            parts.append(Part(name, "bone_marrow", marrow, segment))
        return parts

    def _left_ventricle(self, name: str, heart: Solid, depth_mm: float) -> list[Part]:
        """The apical half of the heart: a thick wall around blood, a septum towards the rest."""
        wall = min(LEFT_WALL_MM, 0.5 * depth_mm)
        half = self._beyond(name, APEX, 0.55)
        behind = replace(half, point_mm=tuple((np.array(half.point_mm) + wall * APEX / np.linalg.norm(APEX)).tolist()))
        return [
            Part(name, "myocardium", Within(heart, (half,))),
            Part(name, "blood", Within(Offset(heart, -wall), (behind,))),
        ]

    def _beyond(self, name: str, way: np.ndarray, share: float) -> Half:
        """The half space of an organ further along `way` than `share` of its voxels."""
        points = self.anatomy.organs[name].points_mm @ self.to_body[:3, :3].T + self.to_body[:3, 3]
        unit = way / np.linalg.norm(way)
        edge = unit * float(np.quantile(points @ unit, share))
        return Half(tuple(edge.tolist()), tuple((-unit).tolist()))

    def _fat_mm(self) -> float:
        """How thick the fat under the skin is: most of the way to the ribs and hips, where they are labelled."""
        bones = [m.points_mm[::10] for n, m in self.anatomy.organs.items() if kind_of(n) in ("rib", "hip", "sternum")]
        if not bones or not self.anatomy.has_outline:
            return BEYOND_MM - SKIN_MM - 4.0
        x, y, z = np.concatenate(bones).astype(np.float32).T
        depth = -self.anatomy.outlines["trunk"].solid(np.eye(4)).distance(x, y, z)
        return float(np.clip(0.7 * np.percentile(depth, 25.0) - SKIN_MM, 3.0, 35.0))

    def _is_inside(self, place: Point, segment: str) -> bool:
        segment = segment if segment in self.anatomy.outlines else "trunk"
        return bool(contains(Offset(self.anatomy.outlines[segment].solid(self.to_body), -4.0), np.array([place]))[0])


def _female(anatomy: LabelAnatomy) -> bool:
    return any(n.startswith(("uterus", "ovary", "breast")) for n in anatomy.organs)


def _canonical(array: np.ndarray, names: Mapping[int, str]) -> tuple[np.ndarray, set[str]]:
    """uint8 IJK with our integers, other labels as 255 (body without a name); and the names present."""
    values = np.unique(array)
    table = {v: LABELS[ALIASES.get(names[v], names[v])] if v in names else 255 for v in values.tolist() if v}
    codes = np.array([table.get(v, 0) for v in values.tolist()], dtype=np.uint8)
    inverse = {n: name for name, n in LABELS.items()}
    return codes[np.searchsorted(values, array)], {inverse[c] for c in codes.tolist() if c in inverse}


def _extent(organ: np.ndarray, affine: np.ndarray, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest corner of what is labelled, mm; ConfigError for what no body can be."""
    index = [np.flatnonzero(organ.any(axis=tuple(b for b in range(3) if b != a))) for a in range(3)]
    if not index[0].size:
        raise ConfigError(f"{what}: the label map is empty; expected organs with labels above 0")
    ends = np.array([[i[0] - 0.5, i[-1] + 0.5] for i in index])
    corners = np.array(np.meshgrid(*ends, indexing="ij")).reshape(3, -1).T @ affine[:3, :3].T + affine[:3, 3]
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = high - low
    if size.min() < LEAST_EXTENT_MM or size[:2].max() > MOST_ACROSS_MM or size[2] > MOST_LONG_MM:
        raise ConfigError(
            f"{what}: what is labelled measures {size[0]:.4g} x {size[1]:.4g} x {size[2]:.4g} mm (x, y, z), which no body does; "
            f"expected {LEAST_EXTENT_MM:g} to {MOST_ACROSS_MM:g} mm across and to {MOST_LONG_MM:g} mm along z (is the affine in mm?)"
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
