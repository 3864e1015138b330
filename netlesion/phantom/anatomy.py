"""A body and its organs as superellipsoids in RAS+ mm, varied from patient to patient.

Origin: midline, mid-depth, first lumbar vertebra; x to the right, y to the front, z to the head. Takes a random
generator and returns a frozen Anatomy: parts in painting order, a later part replaces what an earlier one put there.
`rasterise` and `parts_at` only read it. Knows nothing about uptake values, lesions or scanners.

Confessed: no ribs, no discs, no arms (raised above the field of view), bowel as separate sausages. Sizes are
adult averages from memory, to be replaced by an atlas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.body_plan import BODY, BOWEL_LOOPS, NODE_STATIONS, ORGANS, PROSTATE, UTERUS, Row
from netlesion.phantom.superellipsoid import Share, Superellipsoid, share_of_voxels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netlesion.geometry import Geometry

#: SD of an organ's position (mm) and of the logarithm of its size, beyond the scaling of the whole body.
POSITION_SD_MM = 3.0
SIZE_SD = 0.06
#: Nominal adult, scaled by height, width and depth.
NOMINAL_HEIGHT_CM = 172.0
NOMINAL_WEIGHT_KG = 74.0
#: SD of the logarithm of uptake between loops of one bowel and between pieces of one ureter.
SEGMENT_SIGMA = {"colon": 0.35, "jejunum": 0.15, "ileum": 0.15, "duodenum": 0.1, "ureter": 0.4}


@dataclass(frozen=True)
class Part:
    """One shape of one tissue; `uptake_factor` multiplies the tissue's SUV in this part (1 but for bowel, ureter)."""

    tissue: str
    shape: Superellipsoid
    uptake_factor: float = 1.0


@dataclass(frozen=True)
class Anatomy:
    """One patient's body: parts in painting order, node stations (places, not tissue), and what a scale would show."""

    parts: tuple[Part, ...]
    node_stations: tuple[Superellipsoid, ...]
    sex: str
    height_cm: float
    weight_kg: float
    half_width_mm: float
    half_depth_mm: float
    body_scale: tuple[float, float, float]

    def shapes_of(self, *tissues: str) -> tuple[Superellipsoid, ...]:
        """The shapes of these tissues, in painting order."""
        return tuple(part.shape for part in self.parts if part.tissue in tissues)


@dataclass(frozen=True)
class _Frame:
    """How nominal millimetres become this patient's."""

    scale: tuple[float, float, float]
    fat_mm: float


def draw_anatomy(rng: np.random.Generator) -> Anatomy:
    """One patient's anatomy: body size and fat first, then each organ's own size and place."""
    sex = "F" if rng.random() < 0.5 else "M"
    tall = float(np.clip(rng.normal(0.965 if sex == "F" else 1.02, 0.035), 0.88, 1.12))
    wide = float(np.clip(rng.normal(0.97 if sex == "F" else 1.02, 0.04), 0.88, 1.12))
    deep = float(np.clip(wide * rng.normal(1.0, 0.03), 0.88, 1.12))
    frame = _Frame(scale=(wide, deep, tall), fat_mm=float(np.clip(rng.normal(14.0, 5.0), 6.0, 28.0)))
    body = [Part("fat", _placed(row, frame, grow_mm=frame.fat_mm)) for row in BODY]
    body += [Part("muscle", _placed(row, frame, grow_mm=0.0)) for row in BODY]
    organs = [_draw_part(rng, row, frame) for row in ORGANS]
    loops = [part for loop in BOWEL_LOOPS for part in _draw_loops(rng, loop.tissue, loop.region, loop.count, frame)]
    pelvic = [_draw_part(rng, UTERUS if sex == "F" else PROSTATE, frame)]
    shell = [part.shape for part in body if part.tissue == "fat"]
    return Anatomy(
        parts=tuple(_in_order(body + organs + loops + pelvic + _draw_ureters(rng, frame))),
        node_stations=tuple(_placed(row, frame) for row in NODE_STATIONS),
        sex=sex,
        height_cm=round(NOMINAL_HEIGHT_CM * tall, 1),
        weight_kg=round(NOMINAL_WEIGHT_KG * wide * deep * tall * (1.0 + 0.012 * (frame.fat_mm - 14.0)), 1),
        half_width_mm=max(abs(s.centre_mm[0]) + s.semi_axes_mm[0] for s in shell),
        half_depth_mm=max(abs(s.centre_mm[1]) + s.semi_axes_mm[1] for s in shell),
        body_scale=frame.scale,
    )


def rasterise(anatomy: Anatomy, geometry: Geometry) -> Iterator[tuple[Part, Share]]:
    """Each part that reaches the grid, in painting order, with the share of each voxel it fills."""
    for part in anatomy.parts:
        share = share_of_voxels(part.shape, geometry)
        if share.share.size:
            yield part, share


def blend(canvas: np.ndarray, share: Share, value: float | np.ndarray) -> None:
    """Paints `value` (a number, or an array of the share's box) into the canvas, in place, by share of voxel."""
    view = canvas[share.box]
    view += share.share * (value - view)


def parts_at(anatomy: Anatomy, points_N3: np.ndarray) -> list[Part | None]:
    """The part found at each point, RAS+ mm (N, 3): the last painted that contains it, None in air."""
    found = np.full(len(points_N3), -1)
    for n, part in enumerate(anatomy.parts):
        found[part.shape.contains(points_N3)] = n
    return [None if n < 0 else anatomy.parts[n] for n in found]


def _placed(row: Row, frame: _Frame, grow_mm: float = 0.0) -> Superellipsoid:
    """The row's shape scaled to this patient, `grow_mm` thicker in x and y (z ends stay)."""
    x, y, z = (a * s for a, s in zip(row.semi_axes_mm, frame.scale, strict=True))
    return Superellipsoid(
        centre_mm=tuple(c * s for c, s in zip(row.centre_mm, frame.scale, strict=True)),
        semi_axes_mm=(x + grow_mm, y + grow_mm, z + (grow_mm if row.axial_power == 2.0 else 0.0)),
        power=row.power,
        axial_power=row.axial_power,
        turn_deg=row.turn_deg,
    )


def _draw_part(rng: np.random.Generator, row: Row, frame: _Frame) -> Part:
    """An organ of its own size and place, unless the row is rigid (skeleton and shells must stay aligned)."""
    shift = rng.normal(0.0, POSITION_SD_MM, 3)
    size = float(np.exp(rng.normal(0.0, SIZE_SD * row.size_spread)))
    factor = float(np.exp(rng.normal(0.0, SEGMENT_SIGMA.get(row.tissue, 0.0))))
    shape = _placed(row, frame)
    if row.rigid:
        return Part(row.tissue, shape, factor)
    moved = tuple(float(c + s) for c, s in zip(shape.centre_mm, shift, strict=True))
    scaled = tuple(a * size for a in shape.semi_axes_mm)
    return Part(row.tissue, Superellipsoid(moved, scaled, shape.power, shape.axial_power, shape.turn_deg), factor)


def _draw_loops(rng: np.random.Generator, tissue: str, region: Row, count: int, frame: _Frame) -> list[Part]:
    """Bowel loops scattered through a region, each a sausage of its own direction and uptake."""
    place = _placed(region, frame)
    loops = []
    for _ in range(count):
        direction = rng.normal(size=3)
        at = place.at_surface(direction[None] / np.linalg.norm(direction) * rng.random() ** (1 / 3))[0]
        radius = float(rng.uniform(11.0, 15.0))
        turn = (0.0, float(rng.uniform(-70, 70)), float(rng.uniform(-90, 90)))
        shape = Superellipsoid(tuple(at.tolist()), (float(rng.uniform(24, 40)), radius, radius), turn_deg=turn)
        loops.append(Part(tissue, shape, float(np.exp(rng.normal(0.0, SEGMENT_SIGMA[tissue])))))
    return loops


def _draw_ureters(rng: np.random.Generator, frame: _Frame) -> list[Part]:
    """0 to 3 filled pieces of ureter per side, on a line from kidney to bladder."""
    parts = []
    for side in (1.0, -1.0):
        for along in rng.random(int(rng.integers(0, 4))):
            top, foot = np.array([36.0 * side, -38.0, -55.0]), np.array([26.0 * side, -12.0, -245.0])
            at = (top + along * (foot - top)) * frame.scale + rng.normal(0.0, 3.0, 3)
            shape = Superellipsoid(tuple(at.tolist()), (3.2, 3.2, float(rng.uniform(8.0, 18.0))))
            parts.append(Part("ureter", shape, float(np.exp(rng.normal(0.0, SEGMENT_SIGMA["ureter"])))))
    return parts


def _in_order(parts: list[Part]) -> list[Part]:
    """Bowel loops go under the solid organs they would otherwise eat; the rest keeps its order."""
    loops = [p for p in parts if p.tissue in ("jejunum", "ileum")]
    rest = [p for p in parts if p.tissue not in ("jejunum", "ileum")]
    first_organ = next(n for n, p in enumerate(rest) if p.tissue == "bone_marrow")
    return rest[:first_organ] + loops + rest[first_organ:]
