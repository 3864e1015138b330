"""Fits the frame of the built-in body to the real organs of a label map.

`fit_person` takes what `label_anatomy` measured and returns a FittedShape in the body's own frame, with the matrix that
takes the map there. Heights follow bladder, lung tops and brain; widths and depths the hull of chest and upper abdomen;
the chest wall is that hull; soft tissue is drawn towards the middles of real organs by a displacement that is made
smaller until nothing folds. What no organ shows (fat, the belly's girth below the liver, limbs) is by proportion. Pure;
knows nothing about files, tissues or parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.ndimage import (
    distance_transform_edt,
    gaussian_filter,
    gaussian_filter1d,
    generate_binary_structure,
    label,
    map_coordinates,
)
from scipy.spatial import ConvexHull, QhullError

from netlesion.errors import ConfigError
from netlesion.phantom.body.cavities import CAGE, CAGE_Y
from netlesion.phantom.body.fitted_shape import ChestWall, Clearance, FittedShape, Residual
from netlesion.phantom.body.label_frame import MIDDLES, PAIRS, Measured
from netlesion.phantom.body.labels import LABELS
from netlesion.phantom.body.shape import NOMINAL_HEIGHT_CM
from netlesion.phantom.body.spine_curve import CENTRES
from netlesion.phantom.solids import Point

if TYPE_CHECKING:
    from netlesion.phantom.body.label_anatomy import Seen

LUNGS = tuple(n for n in LABELS if n.startswith("lung_"))
#: The hull of these is the chest wall and the width of the upper abdomen.
IN_HULL = (*LUNGS, "heart", "liver", "spleen", "stomach", "kidney_left", "kidney_right")
#: Nominal heights: the bladder's base, the tops of the lungs, the brain's base.
BLADDER_MM, APEX_MM, BRAIN_MM = -298.0, 294.0, 424.0
#: Nominal height of the lowest hundredth of the lower lobes; how much lower or higher it may lie by breath and build,
#: which spine and ribs follow [P].
LUNG_BASE_MM, LIFTS_MM = 50.0, (-40.0, 60.0)
#: Stature over the distance from the bladder's base to the lungs' tops, and how far it is believed beside the mean [P].
#: 240 people: 562 mm in men with a labelled prostate, 521 mm in women; 175 and 163 cm are their populations' means.
STATURE_OF_TORSO, BELIEF, MEAN_CM = 3.12, 0.7, {"M": 175.0, "F": 163.0}
#: Torsos believed, mm; and how much wider or deeper than the nominal adult a chest is believed to be.
TORSO_MM, GIRTHS = (400.0, 720.0), (0.72, 1.45)
#: Grid of the hull and of the organs that tubes go around; directions around the hull.
GRID_MM, ANGLES = 4.0, np.arange(-180.0, 181.0, 5.0)
#: Nominal heights at which the hull's width and depth are compared with the built-in cage's.
HULL_Z = np.arange(10.0, 266.0, 10.0)
#: Width of the residual's Gaussians, and the least determinant of its Jacobian that is kept.
RESIDUAL_MM, LEAST_STRETCH = 60.0, 0.3
#: The built-in brain's width and length; a brain shorter than this is a slice of one; and what a head's scale can be.
BRAIN_SIZE_MM, LEAST_BRAIN_MM, HEADS = (124.0, 162.0), 130.0, (0.88, 1.14)
#: Gaps within slices of a liver that vessels and the gallbladder explain, a share of its volume.
MOST_HOLES = 0.05
#: Height of an organ's cap, and the share of the organ's width from which on a cap is flat.
CAP_MM, FLAT_SHARE = 5.0, 0.6
#: Below this volume (ml) an organ is a fragment that says nothing about where the rest lies.
LEAST_ML = {"urinary_bladder": 8.0, "brain": 60.0}


@dataclass(frozen=True, eq=False)
class Fit:
    """A person's frame. to_body: (4, 4), map's mm -> the body's; shape: bones and outline; soft: all within; guts: what
    goes around real organs. organs: codes on the lattice `grid` (its affine) in the body's frame."""

    to_body: np.ndarray
    shape: FittedShape
    soft: FittedShape
    guts: FittedShape
    vessels: FittedShape
    codes: np.ndarray
    grid: np.ndarray
    hull: np.ndarray
    is_brain_cut: bool
    belly: float


def fit_person(seen: Seen, sex: Literal["F", "M"], what: str) -> Fit:
    """The fit of a map. Raises ConfigError, naming `what`, where lungs or liver are missing or the torso is no body's."""
    organs = seen.organs
    if "liver" not in organs or not any(n in organs for n in LUNGS):
        found = ", ".join(sorted(organs)[:6])
        raise ConfigError(
            f"{what}: a body is completed around liver and lungs, and not both are labelled (found {found}); label them, "
            "or take the map as it is with --complete never"
        )
    _require_whole_liver(*seen.mask("liver"), what)
    to_body = _straightened(organs)
    at = {n: Measured(m.points_mm @ to_body[:3, :3].T + to_body[:3, 3]) for n, m in organs.items()}
    heights, scale_z, lung_height = _heights(seen, at, sex, what)
    origin_z = float(np.interp(0.0, *heights))
    heights = heights[0], heights[1] - origin_z
    to_body = _shifted(to_body, (0.0, 0.0, -origin_z))
    codes, grid = _on_grid(seen, to_body)
    wall, hull, rows = _hull(codes, grid)
    knots = np.arange(-1180.0, 641.0, 10.0)
    height = gaussian_filter1d(_interp(knots, *heights), 2.0, mode="nearest")
    height += float(np.interp(0.0, *heights)) - float(np.interp(0.0, knots, height))
    at = {n: Measured(m.points_mm + [0.0, 0.0, -origin_z]) for n, m in at.items()}
    across, deep, shift, scale_x = _girths(knots, height, rows, at, scale_z)
    origin_y = float(np.interp(0.0, knots, shift))
    shift = shift - origin_y
    move = np.array([0.0, -origin_y, 0.0])
    to_body, grid = _shifted(to_body, move), _shifted(grid, move)
    wall = replace(wall, axis_y=wall.axis_y - origin_y)
    at = {n: Measured(m.points_mm + move) for n, m in at.items()}
    belly = float(np.interp(20.0, knots, deep)) / scale_x
    shape = FittedShape(
        sex, round(NOMINAL_HEIGHT_CM * scale_z, 1), (scale_x, scale_x, scale_z), 17.0, 1.0,
        knots, np.stack([height, across, deep, shift]), wall, lung_height=lung_height,
    )  # fmt: skip
    shape = replace(shape, head=_head(at, shape))
    soft = replace(shape, residual=_residual(shape, at))
    guts = replace(soft, clearance=_clearance(codes, grid, tuple(organs)))
    vessels = replace(
        soft, clearance=_clearance(codes, grid, (*LUNGS, "kidney_left", "kidney_right", "spleen", "liver"))
    )
    is_brain_cut = "brain" in organs and is_cut_above(organs["brain"].points_mm, float(seen.high[2]))
    return Fit(to_body, shape, soft, guts, vessels, codes, grid, hull, is_brain_cut, belly)


def is_cut_above(points_mm: np.ndarray, top_mm: float) -> bool:
    """Whether a round organ ends flat or at the map's top, and not as it would end by itself."""
    highest = points_mm[:, 2].max()
    cap = points_mm[points_mm[:, 2] > highest - CAP_MM, 0]
    return bool(highest > top_mm - 2.0 * CAP_MM or np.ptp(cap) > FLAT_SHARE * np.ptp(points_mm[:, 0]))


def _require_whole_liver(mask: np.ndarray, affine: np.ndarray, what: str) -> None:
    """Raises ConfigError for a liver that is hollow or has a hole through it, as no person's is."""
    steps = tuple(max(1, round(GRID_MM / s)) for s in np.linalg.norm(affine[:3, :3], axis=0))
    mask = np.pad(mask[tuple(slice(None, None, n) for n in steps)], 1)
    beside = generate_binary_structure(2, 1)
    for axis in range(3):
        flat = np.zeros((3, 3, 3), dtype=bool)
        flat[tuple(1 if a == axis else slice(None) for a in range(3))] = beside
        pieces, _ = label(~mask, flat)
        rim = np.unique(pieces.take([0, -1], axis=(axis + 1) % 3))
        holes = float((~mask & ~np.isin(pieces, rim)).sum()) / float(mask.sum())
        if holes > MOST_HOLES:
            raise ConfigError(
                f"{what}: the liver has a hole of {100.0 * holes:.0f} % of its volume; expected a whole one, with less "
                f"than {100.0 * MOST_HOLES:.0f} % of gaps within its slices (was a lesion cut out of the map?)"
            )


def _straightened(organs: Mapping[str, Measured]) -> np.ndarray:
    """A small turn and a shift that bring the middles of pairs and of midline organs to x = 0."""
    rows = []
    for group, weight in ((LUNGS, 3.0), (("kidney_left", "kidney_right"), 1.0), (("urinary_bladder",), 1.0),
                          (("prostate",), 1.0), (("brain",), 3.0)):  # fmt: skip
        there = [organs[n].points_mm for n in group if n in organs]
        if len(there) < min(2, len(group)):
            continue
        points = np.concatenate(there)
        if group is LUNGS:
            for low, high in ((0.15, 0.4), (0.4, 0.65), (0.65, 0.95)):
                a, b = np.quantile(points[:, 2], (low, high))
                band = points[(points[:, 2] >= a) & (points[:, 2] <= b)]
                rows.append((*np.percentile(band[:, 0], (1.0, 99.0)).mean(keepdims=True), (a + b) / 2.0, weight / 3.0))
        elif len(group) == 2:
            rows.append((np.mean([p[:, 0].mean() for p in there]), points[:, 2].mean(), weight))
        else:
            rows.append((np.median(points[:, 0]), points[:, 2].mean(), weight))
    x, z, w = np.array(rows).T
    slope, offset = np.polyfit(z, x, 1, w=np.sqrt(w)) if np.ptp(z) > 150.0 else (0.0, float(np.average(x, weights=w)))
    angle = float(np.clip(np.arctan(slope), -0.1, 0.1))
    c, s = np.cos(angle), np.sin(angle)
    matrix = np.eye(4)
    matrix[:3, :3] = [[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]]
    middle = np.array([offset + slope * z.mean(), 0.0, z.mean()])
    matrix[0, 3] = -(matrix[0, :3] @ middle)
    return matrix


def _shifted(matrix: np.ndarray, move: np.ndarray | tuple[float, float, float]) -> np.ndarray:
    moved = matrix.copy()
    moved[:3, 3] += move
    return moved


def _volume_ml(seen: Seen, name: str) -> float:
    mask, affine = seen.mask(name)
    return float(mask.sum()) * abs(float(np.linalg.det(affine[:3, :3]))) / 1000.0


def _heights(
    seen: Seen, at: Mapping[str, Measured], sex: str, what: str
) -> tuple[tuple[np.ndarray, np.ndarray], float, float]:
    """Nominal heights and where they lie in the map; the scale along the limbs; the lungs' height over the nominal."""
    apex = float(np.mean([np.percentile(at[n].points_mm[:, 2], 99.7) for n in LUNGS if "upper" in n and n in at]))
    base = None
    if "urinary_bladder" in at and _volume_ml(seen, "urinary_bladder") > LEAST_ML["urinary_bladder"]:
        base = float(np.percentile(at["urinary_bladder"].points_mm[:, 2], 1.0))
    if base is None:
        kidneys = [at[n].middle[2] for n in ("kidney_left", "kidney_right") if n in at] or [at["liver"].middle[2] - 70]
        base = apex - (apex - float(np.mean(kidneys))) * (APEX_MM - BLADDER_MM) / (APEX_MM + 20.0)
    torso = apex - base
    if not TORSO_MM[0] <= torso <= TORSO_MM[1]:
        raise ConfigError(
            f"{what}: from the bladder's base (or the kidneys) to the lungs' tops are {torso:.0f} mm; expected "
            f"{TORSO_MM[0]:g} to {TORSO_MM[1]:g} mm of an adult (is the affine in mm? is it one person?)"
        )
    stature_cm = MEAN_CM[sex] + BELIEF * (STATURE_OF_TORSO * torso / 10.0 - MEAN_CM[sex])
    scale = float(np.clip(stature_cm, 142.0, 204.0)) / NOMINAL_HEIGHT_CM
    own = torso / (APEX_MM - BLADDER_MM)
    bottom = float(np.mean([np.percentile(at[n].points_mm[:, 2], 1.0) for n in LUNGS if "lower" in n and n in at]))
    lifted = float(np.clip(bottom - (apex - own * (APEX_MM - LUNG_BASE_MM)), *LIFTS_MM))
    nominal = [BLADDER_MM, LUNG_BASE_MM, APEX_MM]
    found = [base, apex - own * (APEX_MM - LUNG_BASE_MM) + lifted, apex]
    lung_height = float(np.clip((apex - bottom) / (own * (APEX_MM - LUNG_BASE_MM)), 0.6, 1.1))
    if "brain" in at and _volume_ml(seen, "brain") > LEAST_ML["brain"]:
        brain = float(np.percentile(at["brain"].points_mm[:, 2], 2.0))
        lowest, highest = (apex + own * (BRAIN_MM - APEX_MM) * f for f in (0.65, 1.35))
        nominal, found = [*nominal, BRAIN_MM], [*found, float(np.clip(brain, lowest, highest))]
    nominal = [-1200.0, *nominal, nominal[-1] + 300.0]
    found = [base - scale * (BLADDER_MM + 1200.0), *found, found[-1] + scale * 300.0]
    return (np.array(nominal), np.array(found)), scale, lung_height


def _interp(z: np.ndarray, nominal: np.ndarray, found: np.ndarray) -> np.ndarray:
    return np.interp(z, nominal, found)


def _on_grid(seen: Seen, to_body: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes of organs on a lattice along the body's axes, and its affine."""
    corners = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in seen.organ.shape], indexing="ij")).reshape(3, -1).T
    to_map = np.linalg.inv(to_body)
    full = to_body @ seen.affine
    boxes = np.array([[s.start, s.stop] for box in seen.boxes.values() for s in box]).reshape(-1, 3, 2)
    low, high = boxes[:, :, 0].min(axis=0), boxes[:, :, 1].max(axis=0)
    corners = np.array(np.meshgrid(*zip(low, high, strict=True), indexing="ij")).reshape(3, -1).T
    corners = corners @ full[:3, :3].T + full[:3, 3]
    first, last = corners.min(axis=0) - 20.0, corners.max(axis=0) + 20.0
    grid = np.diag([GRID_MM] * 3 + [1.0])
    grid[:3, 3] = first
    shape = np.ceil((last - first) / GRID_MM).astype(int)
    index = np.linalg.inv(seen.affine) @ to_map @ grid
    places = np.indices(shape).reshape(3, -1)
    voxels = index[:3, :3] @ places + index[:3, 3:]
    return map_coordinates(seen.organ, voxels, order=0, mode="constant", cval=0).reshape(shape), grid


def _hull(codes: np.ndarray, grid: np.ndarray) -> tuple[ChestWall, np.ndarray, np.ndarray]:
    """The chest wall, the mask of the hull slice by slice, and per slice z, left, right, back, front (mm)."""
    inside = np.isin(codes, [LABELS[n] for n in IN_HULL])
    x, y, z = (grid[a, 3] + GRID_MM * np.arange(n) for a, n in enumerate(codes.shape))
    at_x, at_y = np.meshgrid(x, y, indexing="ij")
    rows, equations = [], {}
    for k in np.flatnonzero(inside.any(axis=(0, 1))):
        index = np.argwhere(inside[:, :, k])
        try:
            facets = ConvexHull(index * GRID_MM + grid[:2, 3]).equations
        except QhullError:
            continue
        facets[:, 2] -= GRID_MM / 2.0
        points = index * GRID_MM + grid[:2, 3]
        half = GRID_MM / 2.0
        (left, back), (right, front) = points.min(axis=0) - half, points.max(axis=0) + half
        rows.append((z[k], left, right, back, front))
        equations[int(k)] = facets
    rows = np.array(rows)
    axis_y = gaussian_filter1d((rows[:, 3] + rows[:, 4]) / 2.0, 3.0, mode="nearest")
    angles = np.radians(ANGLES)
    ways = np.stack([np.sin(angles), -np.cos(angles)])
    radius = np.empty((len(rows), len(angles)))
    filled = np.zeros(inside.shape, dtype=bool)
    for n, (k, facets) in enumerate(equations.items()):
        toward = facets[:, :2] @ ways
        gap = -(facets[:, :2] @ [0.0, axis_y[n]] + facets[:, 2])[:, None]
        radius[n] = np.where(toward > 1e-6, gap / np.maximum(toward, 1e-6), np.inf).min(axis=0)
        filled[:, :, k] = (at_x[..., None] * facets[:, 0] + at_y[..., None] * facets[:, 1] + facets[:, 2] <= 0).all(-1)
    radius = gaussian_filter(np.clip(radius, 8.0, 260.0), (2.0, 1.0), mode=("nearest", "wrap"))
    return ChestWall(rows[:, 0], axis_y, ANGLES, radius), filled, rows


def _girths(
    knots: np.ndarray, height: np.ndarray, rows: np.ndarray, at: Mapping[str, Measured], scale_z: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """mm per nominal mm across and in depth, and the y of nominal 0, at the knots; the scale of limbs across."""
    cage = np.array(CAGE)
    wide, front, back = (np.interp(HULL_Z, cage[:, 0], cage[:, c]) for c in (1, 2, 3))
    z = np.interp(HULL_Z, knots, height)
    left, right, rear, fore = (np.interp(z, rows[:, 0], rows[:, c]) for c in (1, 2, 3, 4))
    across = np.clip((right - left) / (2.0 * wide), *GIRTHS)
    deep = np.clip((fore - rear) / (front + back), *GIRTHS)
    shift = rear - deep * (CAGE_Y - back)
    chest = (HULL_Z >= 60.0) & (HULL_Z <= 220.0)
    scale_x = 0.5 * float(np.median(across[chest])) + 0.5 * (0.5 * scale_z + 0.5)
    limbs = float(np.clip(scale_x, 0.85, 1.2))
    below = float(np.clip(0.5 * across[:3].mean() + 0.5 * limbs, 0.85, 1.3))
    pelvis_y = shift[:6].mean()
    if "urinary_bladder" in at:
        own = at["urinary_bladder"].middle[1] - limbs * MIDDLES["urinary_bladder"][1]
        pelvis_y = float(np.clip(own, pelvis_y - 45.0, pelvis_y + 45.0))
    neck_y = float(shift[-4:].mean())
    head_y = neck_y
    if "brain" in at:
        points = at["brain"].points_mm
        low, high = np.percentile(points[:, 1], (1.0, 99.0))
        head_y = float(np.clip((low + high) / 2.0 - MIDDLES["brain"][1], neck_y - 60.0, neck_y + 80.0))
    where = [-1180.0, -300.0, -230.0, -60.0, *HULL_Z[:-2], 300.0, 420.0, 640.0]
    table = [
        [limbs, limbs, limbs, below, *across[:-2], limbs, limbs, limbs],
        [limbs, limbs, limbs, float(np.clip(deep[:3].mean(), 0.85, 1.35)), *deep[:-2], limbs, limbs, limbs],
        [pelvis_y, pelvis_y, pelvis_y, shift[:3].mean(), *shift[:-2], neck_y, head_y, head_y],
    ]
    found = [gaussian_filter1d(np.interp(knots, where, row), 1.6, mode="nearest") for row in table]
    return found[0], found[1], found[2], limbs


def _residual(shape: FittedShape, at: Mapping[str, Measured]) -> Residual | None:
    """Middles of real organs pull, the spine holds; smaller until nothing folds."""
    nominal = {n: MIDDLES[n] for n in ("liver", "spleen", "stomach", "heart", "urinary_bladder") if n in at}
    for side, sign in (("right", 1.0), ("left", -1.0)):
        if f"kidney_{side}" in at:
            x, y, z = PAIRS["kidney"]
            nominal[f"kidney_{side}"] = (sign * x, y, z)
    fixed = [(0.0, y, z) for n, (y, z) in enumerate(CENTRES.values()) if n % 2 == 0] + [(0.0, -75.0, -205.0)]
    centres = np.array([shape.at(p) for p in (*nominal.values(), *fixed)])
    wanted = np.zeros_like(centres)
    for n, name in enumerate(nominal):
        wanted[n] = np.clip(at[name].middle - centres[n], -45.0, 45.0)
    square = ((centres[:, None] - centres) ** 2).sum(axis=2)
    kernel = np.exp(-square / RESIDUAL_MM**2)
    weights = np.linalg.solve(kernel + 0.05 * np.eye(len(centres)), wanted)
    found = Residual(centres, weights, RESIDUAL_MM)
    low, high = centres.min(axis=0) - 60.0, centres.max(axis=0) + 60.0
    for _ in range(8):
        if found.least_stretch(low, high) >= LEAST_STRETCH:
            return found
        found = replace(found, weights=0.8 * found.weights)
    return None


def _head(at: Mapping[str, Measured], shape: FittedShape) -> Point | None:
    """The head's scale from the real brain's width and length; None without enough of one."""
    if "brain" not in at or np.ptp(at["brain"].points_mm[:, 1]) < LEAST_BRAIN_MM:
        return None
    wide, long = (np.ptp(np.percentile(at["brain"].points_mm[:, a], (0.3, 99.7))) for a in (0, 1))
    across, deep = float(np.clip(wide / BRAIN_SIZE_MM[0], *HEADS)), float(np.clip(long / BRAIN_SIZE_MM[1], *HEADS))
    return across, deep, 0.5 * (across + deep)


def _clearance(codes: np.ndarray, grid: np.ndarray, names: tuple[str, ...]) -> Clearance:
    inside = np.isin(codes, [LABELS[n] for n in names])
    outer = distance_transform_edt(~inside, sampling=GRID_MM)
    inner = distance_transform_edt(inside, sampling=GRID_MM)
    distance = np.where(inside, GRID_MM / 2.0 - inner, outer - GRID_MM / 2.0).astype(np.float32)
    return Clearance(gaussian_filter(distance, 0.7), grid[:3, 3].copy(), GRID_MM)
