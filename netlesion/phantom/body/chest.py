"""Lungs in five lobes with their vessels, airway, esophagus, mediastinum, thymus and heart, in nominal mm.

The lungs fill the thoracic cavity; the mediastinum is painted over them, the heart into it. The left ventricle is a
horseshoe of myocardium open towards the base. Takes a generator and a BodyShape; returns parts in painting order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.body.cavities import thoracic_cavity
from netlesion.phantom.body.draw import Organ, draw_organ, fused, toward
from netlesion.phantom.body.parts import Part
from netlesion.phantom.compounds import Union, Within
from netlesion.phantom.solids import Capsule, Half, Loft, Section, contains

if TYPE_CHECKING:
    from netlesion.phantom.body.shape import BodyShape
    from netlesion.phantom.solids import Point, Solid

BRANCHINGS = 4


def draw_chest(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """Everything in the thoracic cavity but the great vessels."""
    cavity = thoracic_cavity(shape)
    return [*draw_lungs(rng, shape, (cavity, cavity)), *draw_mediastinum(rng, shape), *_heart(rng, shape)]


def draw_lungs(rng: np.random.Generator, shape: BodyShape, cavities: tuple[Solid, Solid]) -> list[Part]:
    """Lobes and vessels of the right and the left lung, each in its cavity, on its side of the midline.

    Lower lobes lie behind the oblique fissures; the middle lobe under the horizontal one.
    """
    parts = []
    for side, sign, cavity in (("right", 1.0, cavities[0]), ("left", -1.0, cavities[1])):
        o = draw_organ(rng, shape, (70 * sign, 0, 160), shift_sd_mm=3.0, size_sd=0.0)
        half = Half((0.0, 0.0, 0.0), (-sign, 0.0, 0.0))
        oblique = Half(o.at((0, 0, 165)), (0.0, 0.78, 0.62))
        parts.append(Part(f"lung_upper_lobe_{side}", "lung", Within(cavity, (half,))))
        if sign > 0:
            parts.append(
                Part(
                    "lung_middle_lobe_right", "lung", Within(cavity, (half, Half(o.at((0, 40, 165)), (0.0, -0.1, 1.0))))
                )
            )
        parts.append(Part(f"lung_lower_lobe_{side}", "lung", Within(cavity, (half, oblique))))
        root = o.at((26 * sign, -10, 192))
        tree = _tree(rng, root, sign, o.length(1.0))
        ends = contains(cavity, np.array([piece.end_mm for piece in tree]))
        parts.append(Part("", "blood", Union(tuple(p for p, inside in zip(tree, ends, strict=True) if inside))))
    return parts


def _tree(rng: np.random.Generator, root: Point, sign: float, scale: float) -> list[Capsule]:
    """Lung vessels: a tree of straight pieces that halves its calibre at every branching."""
    pieces = []
    ends: list[tuple[np.ndarray, np.ndarray, float]] = []
    for tilt in (-1.0, -0.35, 0.3, 0.9):
        for front in (-0.5, 0.5):
            direction = np.array([0.9 * sign, front, tilt * 1.1]) + rng.normal(0.0, 0.15, 3)
            ends.append((np.array(root), direction / np.linalg.norm(direction), 4.2))
    for level in range(BRANCHINGS):
        grown = []
        for start, direction, radius in ends:
            length = scale * (34.0 - 4.0 * level) * float(rng.uniform(0.75, 1.1))
            end = start + length * direction
            pieces.append(Capsule(tuple(start.tolist()), tuple(end.tolist()), radius, 0.8 * radius))
            for _ in range(2):
                turned = direction + rng.normal(0.0, 0.45, 3)
                grown.append((end, turned / np.linalg.norm(turned), 0.68 * radius))
        ends = grown if level < 1 else grown[::2] + grown[1::4]
    return pieces


def draw_mediastinum(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """Fat between the lungs, thymus remnant, esophagus, trachea with the main bronchi."""
    cavity = thoracic_cavity(shape)
    o = draw_organ(rng, shape, (0, 0, 180), shift_sd_mm=1.5, size_sd=0.03)
    middle = Loft(
        tuple(
            Section(z * shape.scale[2], w * shape.scale[0], f * shape.scale[1], b * shape.scale[1], x * shape.scale[0], y * shape.scale[1], 2.2)
            for z, w, f, b, x, y in (
                (60, 44, 44, 52, -10, 6), (110, 52, 62, 54, -14, 4), (150, 44, 60, 52, -8, 2), (190, 30, 58, 48, -2, 2),
                (225, 30, 44, 40, 0, 0), (262, 26, 30, 34, 0, -4), (300, 24, 26, 28, 0, -4),
            )
        )
    )  # fmt: skip
    thymus = fused(o.ellipsoid((7, 60, 208), (8, 6, 26)), o.ellipsoid((-7, 60, 205), (8, 6, 28)), round_mm=6.0)
    gullet = o.tube(
        ((0, -14, 312), (-3, -20, 250), (-2, -24, 200), (-8, -22, 150), (-14, -12, 112), (-26, -4, 92), (-46, -4, 84)),
        8.0,
    )
    airway = o.tube(((0, 4, 330), (0, -2, 280), (1, -8, 216)), 8.5)
    bronchi = Union(
        (
            *o.tube(((1, -8, 218), (22, -12, 196), (44, -12, 180), (58, -20, 160)), (7.5, 7.0, 5.5, 3.5)).solids,
            *o.tube(((1, -8, 218), (-24, -14, 192), (-44, -14, 182), (-58, -24, 158)), (7.0, 6.0, 5.0, 3.5)).solids,
        )
    )
    return [
        Part("mediastinum", "visceral_fat", Within(middle, (cavity,))),
        Part("thymus", "thymus", Within(thymus, (cavity,))),
        Part("esophagus", "esophagus", gullet),
        Part("trachea", "air", Union((*airway.solids, *bronchi.solids))),
    ]


def _heart(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """Atria and right ventricle as blood in a thin wall, the left ventricle as a thick cup around its blood."""
    o = draw_organ(rng, shape, (-20, 28, 140), shift_sd_mm=3.0, size_sd=0.06)
    axis = np.array([-0.66, 0.52, -0.54]) + rng.normal(0.0, 0.08, 3)
    axis /= np.linalg.norm(axis)
    turn = toward(tuple(axis.tolist()))
    centre = np.array([-34.0, 30.0, 136.0])

    def along(mm: float) -> Point:
        return tuple((centre + mm * axis).tolist())

    wall = Within(o.ellipsoid(tuple(centre.tolist()), (37, 37, 55), turn), holes=(_base(o, along(-26), axis),))
    cavity = Within(o.ellipsoid(along(-8), (25, 25, 49), turn), holes=(_base(o, along(-30), axis),))
    outer = fused(
        o.ellipsoid(tuple(centre.tolist()), (38, 38, 55), turn),
        o.ellipsoid((-2, 48, 126), (43, 28, 36), (0, 18, -20)),
        o.ellipsoid((28, 22, 148), (27, 30, 36)),
        o.ellipsoid((-4, -6, 162), (38, 25, 27)),
        round_mm=10.0,
    )
    return [
        Part("heart", "myocardium", outer, factor=0.35),
        Part("heart", "blood", o.ellipsoid((-2, 49, 127), (38, 23, 31), (0, 18, -20))),
        Part("heart", "blood", o.ellipsoid((28, 22, 148), (24, 27, 33))),
        Part("heart", "blood", o.ellipsoid((-4, -6, 162), (35, 22, 24))),
        Part("heart", "myocardium", wall),
        Part("heart", "blood", cavity),
    ]


def _base(o: Organ, point: Point, axis: np.ndarray) -> Half:
    """The open end of the ventricle: everything on the atrial side of a plane across its axis."""
    return Half(o.at(point), tuple(axis.tolist()))
