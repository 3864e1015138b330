"""Somebody's organ label map instead of the built-in body.

`body_from_labels` makes a Body of what `label_anatomy.read_anatomy` measured, its size varied as BodySettings say
people vary around their mean. The map lies on segment `trunk`, limbs too (they do not bend); above the skull's base it
is segment `head` where brain or skull are labelled. Limbs beyond the map are not invented. Small organs that the
tracers see and the map lacks are placed by landmark. The origin moves to the middle of the first lumbar vertebra.
Pure; knows nothing about files, uptake or grids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.body.draw import factor
from netlesion.phantom.body.head import draw_head
from netlesion.phantom.body.label_anatomy import BEYOND_MM, LabelAnatomy
from netlesion.phantom.body.label_frame import NOMINAL
from netlesion.phantom.body.label_tissues import NOT_MISSED, PLACED, PLACED_IN_HEAD, RECIPES, kind_of
from netlesion.phantom.body.labels import LABELS
from netlesion.phantom.body.parts import Body, Part, Station
from netlesion.phantom.body.shape import NOMINAL_HEIGHT_CM, BodySettings, draw_shape
from netlesion.phantom.body.stations import PLACES
from netlesion.phantom.body.urogenital import draw_urogenital
from netlesion.phantom.body.viscera import draw_viscera
from netlesion.phantom.compounds import Offset, Turned, Within
from netlesion.phantom.solids import Ellipsoid, Half, contains, sphere

if TYPE_CHECKING:
    from netlesion.phantom.solids import Point, Solid

SKIN_MM, HEAD_FAT_MM = 2.0, 4.0
BOWEL_SIGMA, JEJUNUM_SHARE, HEAD_OF_PANCREAS_SHARE = 0.15, 0.4, 0.4
#: Ventricle: its axis towards the apex, thickness of wall and septum, and red marrow around a joint.
APEX, LEFT_WALL_MM, RED_MARROW_MM = np.array([-0.66, 0.52, -0.54]), 11.0, 45.0


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


def body_from_labels(anatomy: LabelAnatomy, rng: np.random.Generator, settings: BodySettings) -> LabelBody:
    """A person around this map: sex as labelled or drawn, size varied as BodySettings let people differ.

    Takes the same number of draws whatever the map.
    """
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
    made = Maker(anatomy, to_body, uneven)
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
class Maker:
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
