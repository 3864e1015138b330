"""Head and neck: skull, brain with its cortical ribbon, pituitary, eyes, airways, glands, tonsils, thyroid; nominal mm.

The brain is grey matter with a rough core of white matter in it, so that a ribbon a few mm wide folds around; central
nuclei and ventricles inside. Takes a generator and a BodyShape; returns parts in painting order,
all on the head segment
but the thyroid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.body.draw import Organ, draw_organ, factor, fused
from netlesion.phantom.body.parts import SIDES, Part
from netlesion.phantom.body.shape import head_shape
from netlesion.phantom.compounds import Mirrored, Offset, Rough, Union, Within
from netlesion.phantom.solids import Capsule, Ellipsoid, Half, Plate, sphere

if TYPE_CHECKING:
    from netlesion.phantom.body.shape import BodyShape
    from netlesion.phantom.solids import Point, Solid

HEAD = "head"


def draw_head(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """Everything inside the outline of head and neck but the spine."""
    own = head_shape(shape)
    return [*_skull(rng, own), *_brain(rng, own), *_face(rng, own), *_glands(rng, own), *_throat(rng, shape)]


def _skull(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """A vault over a base that rises forwards; orbits, cheeks, nose, upper jaw; lower jaw with its branches; teeth."""
    o = draw_organ(rng, shape, (0, 0, 480), shift_sd_mm=0.0, size_sd=0.01)
    bend = rng.normal(0.0, 1.0, 6)
    vault, inside = o.ellipsoid((0, 3, 490), (70, 90, 77)), o.ellipsoid((0, 3, 490), (64, 84, 71))
    shell = Within(vault, skull_base(o, -5.0))
    marrow = Within(Offset(vault, -1.8), skull_base(o, -3.0), (Within(Offset(inside, 1.8), skull_base(o, 1.8)),))
    bones: list[Solid] = [
        o.ellipsoid((0, 30, 430), (17, 17, 10)),
        *o.tube(((0, 16, 428), (0, 2, 424), (0, -8, 416)), (8, 7, 6)).solids,
        o.ellipsoid((0, 62, 409), (26, 20, 3.5)),
        *o.tube(
            ((31, 48, 402), (27, 68, 402), (14, 84, 402), (0, 87, 402), (-14, 84, 402), (-27, 68, 402), (-31, 48, 402)),
            6.0,
        ).solids,
        Plate((o.at((0, 92, 456)), o.at((8, 84, 454)), o.at((0, 100, 440))), 2.0),
        Plate((o.at((0, 92, 456)), o.at((-8, 84, 454)), o.at((0, 100, 440))), 2.0),
        Plate((o.at((0, 84, 452)), o.at((0, 44, 448)), o.at((0, 60, 412))), 1.0),
    ]
    jaw: list[Solid] = [o.ellipsoid((0, 88 + bend[0], 368), (14, 8, 9))]
    for s in (1.0, -1.0):

        def at(x: float, y: float, z: float, s: float = s) -> Point:
            return o.at((s * x, y, z))

        rim = [
            (s * (31 + 20 * np.cos(a)), 80 - 8 * max(np.cos(a), 0.0), 446 + 17 * np.sin(a))
            for a in np.linspace(0, 2 * np.pi, 11)
        ]
        bones += o.tube(tuple(rim), 3.6).solids
        bones += o.tube(
            ((s * 34, 78, 430), (s * (53 + bend[1]), 62, 431), (s * (64 + bend[1]), 34, 433), (s * 68, 2, 437)),
            (6, 7, 4.5, 5),
        ).solids
        bones += o.tube(((s * 24, 2, 438), (s * 60, -10, 440), (s * 66, -16, 424)), (7, 10, 9)).solids
        bones += o.tube(((s * 22, 38, 424), (s * 24, 36, 404)), (4, 3.5)).solids
        bones += [
            Plate((at(24, 83, 429), at(13, 86, 404), at(46, 62, 424)), 1.6),
            Plate((at(13, 86, 404), at(34, 52, 404), at(46, 62, 424)), 1.6),
            Plate((at(47, 62, 446), at(44, 40, 440), at(46, 58, 428)), 2.0),
            Plate((at(10, 82, 450), at(12, 46, 448), at(12, 50, 432)), 0.8),
            Plate((at(14, 84, 462), at(46, 70, 458), at(36, 40, 448)), 1.6),
            Plate((at(14, 84, 462), at(14, 40, 446), at(36, 40, 448)), 1.6),
        ]  # fmt: skip
        condyle, crown, angle, front = at(57, 8, 430), at(51, 28, 424), at(50 + bend[2], 18, 386), at(47, 36, 390)
        jaw += [Plate((condyle, angle, front), 3.8), Plate((condyle, crown, front), 3.4)]
        low = (
            (s * (50 + bend[2]), 20, 383),
            (s * 43, 46, 376),
            (s * 30, 72, 370),
            (s * 12, 88 + bend[0], 366),
            (0, 90 + bend[0], 366),
        )
        jaw += [
            *o.tube(low, (6, 7, 7.5, 8, 8)).solids,
            *o.tube(tuple((0.94 * x, y - 1, z + 12) for x, y, z in low), 5.0).solids,
        ]
    rows = []
    for z, wide in ((396.5, 1.0), (388.5, 0.95)):
        for angle in np.linspace(-82.0, 82.0, 14):
            a = np.radians(angle)
            rows.append(o.ellipsoid((wide * 31 * np.sin(a), 50 + wide * 37 * np.cos(a), z), (3.4, 3.4, 5.0)))
    lower = Union(tuple(jaw))
    return [
        Part("skull", "cortical_bone", shell, HEAD),
        Part("skull", "bone_marrow", marrow, HEAD),
        Part("brain", "csf", Within(inside, skull_base(o, 0.0)), HEAD),
        Part("skull", "cortical_bone", Union(tuple(bones)), HEAD),
        Part("mandible", "cortical_bone", lower, HEAD),
        Part("mandible", "bone_marrow", Offset(lower, -2.4), HEAD),
        Part("skull", "cortical_bone", Union(tuple(rows)), HEAD),
    ]


def skull_base(o: Organ | BodyShape, above_mm: float) -> tuple[Half, Half]:
    """Everything above the skull's base: a plane from the foramen magnum forwards, and a steeper one in front."""
    return Half(o.at((0.0, 0.0, 419.0 + above_mm)), (0.0, 0.2, -1.0)), Half(
        o.at((0.0, 40.0, 432.0 + above_mm)), (0.0, 0.72, -1.0)
    )


def _brain(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """Two hemispheres around the falx with folds down to the white matter, nuclei, ventricles, stem and cerebellum."""
    o = draw_organ(rng, shape, (0, 0, 490), shift_sd_mm=0.0, size_sd=0.012)
    falx = Union(
        (
            o.ellipsoid((0, 3, 570), (1.8, 100, 60)),
            o.ellipsoid((0, 78, 492), (1.8, 28, 50)),
            o.ellipsoid((0, -78, 500), (1.8, 28, 44)),
        )
    )
    lobes = Union(
        (
            o.ellipsoid((26, -45, 451), (29, 29, 22), (-14, 0, 0)),
            o.ellipsoid((-26, -45, 451), (29, 29, 22), (-14, 0, 0)),
            o.ellipsoid((0, -42, 452), (13, 22, 22)),
        )
    )
    clefts = tuple(o.ellipsoid((s * 58, 22, 474), (20, 40, 2.2), (20, s * 12, 0)) for s in (1.0, -1.0))
    hull = o.ellipsoid((0, 3, 490), (61, 80, 67.5), power=2.1)
    sella = o.ellipsoid((0, 22, 440), (19, 24, 17))
    cortex = Within(hull, skull_base(o, 3.0), (falx, Offset(lobes, 2.5), sella, *clefts))
    inner = fused(
        o.ellipsoid((24, 4, 493), (26, 65, 47), power=2.2), o.ellipsoid((-24, 4, 493), (26, 65, 47), power=2.2),
        o.ellipsoid((42, 22, 457), (12, 26, 10)), o.ellipsoid((-42, 22, 457), (12, 26, 10)), round_mm=8.0,
    )  # fmt: skip
    folds = Rough(Rough(inner, 4.0, 21.0, o.phases), 2.4, 13.0, tuple(reversed(o.phases)))
    nuclei, ventricles = [], []
    for s in (1.0, -1.0):
        nuclei += [o.ellipsoid((s * 12, -8, 490), (8, 15, 10)),
        o.ellipsoid((s * 25, 12, 490), (7, 20, 12), (0, 0, -s * 14)),
                   o.ellipsoid((s * 14, 30, 496), (6, 11, 11)), o.ellipsoid((s * 26, 8, 460), (7, 14, 7))]  # fmt: skip
        ventricles += o.tube(((s * 9, 36, 504), (s * 11, 0, 512), (s * 22, -36, 496)), (4, 4.5, 5.5)).solids
    stem = o.tube(((0, -6, 470), (0, -8, 448), (0, -18, 424), (0, -26, 408)), (14, 13, 8, 6))
    # 7.6 to 9.9 mm as a sphere (clinical.md 7.2: 5-10 mm), broader than high
    gland = float(rng.uniform(3.6, 4.7))
    pituitary = Ellipsoid(o.at((0, 26, 444)), (gland * 1.3, gland * 1.05, gland * 0.85))
    return [
        Part("brain", "brain_grey", cortex, HEAD),
        Part("brain", "brain_white", Within(folds, (Offset(cortex, -2.5),)), HEAD),
        Part("brain", "brain_grey", Union(tuple(nuclei)), HEAD),
        Part("brain", "csf", Union(tuple(ventricles)), HEAD),
        Part("brain", "brain_white", stem, HEAD),
        Part(
            "cerebellum",
            "cerebellum",
            Within(Rough(lobes, 0.8, 14.0, o.phases), (*skull_base(o, 2.0), o.ellipsoid((0, 3, 490), (63, 83, 70)))),
            HEAD,
        ),
        Part("pituitary", "pituitary", pituitary, HEAD),
    ]


def _face(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    o = draw_organ(rng, shape, (0, 50, 420), shift_sd_mm=1.0, size_sd=0.02)
    parts = []
    for side, s in zip(SIDES, (1.0, -1.0), strict=True):
        parts.append(Part("fat", "fat", o.ellipsoid((s * 31, 70, 446), (18, 22, 16)), HEAD))
        parts.append(Part(f"eye_{side}", "eye", sphere(o.at((s * 31, 80, 446)), o.length(11.5)), HEAD))
        parts.append(Part("nasal_cavity", "air", o.ellipsoid((s * 26, 60, 424), (13, 15, 14)), HEAD))
    return [
        *parts,
        Part("nasal_cavity", "nasal_mucosa", o.ellipsoid((0, 64, 432), (12, 30, 20)), HEAD),
        Part(
            "nasal_cavity", "air", Union(tuple(o.ellipsoid((s * 5, 66, 430), (2.5, 25, 15)) for s in (1.0, -1.0))), HEAD
        ),
        Part("nasal_cavity", "air", o.ellipsoid((0, 46, 446), (11, 9, 8)), HEAD),
        Part("tongue", "muscle", o.ellipsoid((0, 44, 392), (22, 32, 17)), HEAD),
        Part("soft_palate", "soft_palate", o.ellipsoid((0, 24, 406), (15, 9, 4)), HEAD),
        Part("airway", "air", o.tube(((0, 20, 424), (0, 10, 402), (0, 10, 380), (0, 8, 350)), (7, 7, 7, 8)), HEAD),
    ]


def _glands(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    parts = []
    for side, s in zip(SIDES, (1.0, -1.0), strict=True):
        o = draw_organ(rng, shape, (54, 0, 400), shift_sd_mm=1.5, size_sd=0.06)
        parotid = fused(
            o.ellipsoid((57, 2, 411), (9.5, 17, 21), (0, 6, 0)), o.ellipsoid((50, -6, 398), (10, 12, 15)), round_mm=8.0
        )
        jaw_gland = o.ellipsoid((34, 34, 374), (10, 15, 11), (0, 0, -30))
        for organ, tissue, solid in (
            (f"parotid_gland_{side}", "parotid", parotid), (f"submandibular_gland_{side}", "submandibular", jaw_gland),
            ("tonsil_palatine", "palatine_tonsil", o.ellipsoid((15, 18, 400), (5.5, 7, 10))),
        ):  # fmt: skip
            parts.append(Part(organ, tissue, solid if s > 0 else Mirrored(solid), HEAD, factor(rng, 0.08)))
    o = draw_organ(rng, shape, (0, 40, 380), shift_sd_mm=1.0, size_sd=0.05)
    under = Union(tuple(o.ellipsoid((s * 12, 62, 376), (5, 13, 6), (0, 0, s * 20)) for s in (1.0, -1.0)))
    return [
        *parts,
        Part("sublingual_gland", "sublingual", under, HEAD),
        Part("tonsil_lingual", "lingual_tonsil", o.ellipsoid((0, 18, 384), (14, 5, 7)), HEAD),
    ]


def _throat(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """Larynx and thyroid, which lie on the trunk's neck."""
    larynx = draw_organ(rng, shape, (0, 10, 350), shift_sd_mm=0.0, size_sd=0.02)
    cartilage = larynx.tube(((0, 14, 366), (0, 12, 340)), (14, 12))
    airway = larynx.tube(((0, 10, 384), (0, 8, 352), (0, 4, 326)), (7.5, 7, 8))
    o = draw_organ(rng, shape, (0, 18, 318), shift_sd_mm=2.0, size_sd=0.1)
    lobes = [o.ellipsoid((s * 17, 12, 322), (7.5, 9, 20), (0, -s * 10, 0)) for s in (1.0, -1.0)]
    bridge = Capsule(o.at((11, 19, 314)), o.at((-11, 19, 314)), o.length(4.0), o.length(4.0))
    parts = [Part("", "cartilage", cartilage), Part("airway", "air", airway)]
    return [*parts, Part("thyroid_gland", "thyroid", fused(*lobes, bridge, round_mm=6.0))]
