"""Head and neck: skull, brain with its cortical ribbon, pituitary, eyes, airways, glands, tonsils, thyroid; nominal mm.

The brain is grey matter with a rough core of white matter in it, so that a ribbon a few mm wide folds around; central
nuclei and ventricles inside. Takes a generator and a BodyShape; returns parts in painting order, all on the head segment
but the thyroid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netlesion.phantom.body.draw import draw_organ, factor, fused
from netlesion.phantom.body.parts import SIDES, Part
from netlesion.phantom.solids import Capsule, Ellipsoid, Mirrored, Offset, Rough, Union, Within, sphere

if TYPE_CHECKING:
    import numpy as np

    from netlesion.phantom.body.shape import BodyShape

HEAD = "head"


def draw_head(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """Everything inside the outline of head and neck but the spine."""
    return [*_skull(rng, shape), *_brain(rng, shape), *_face(rng, shape), *_glands(rng, shape), *_thyroid(rng, shape)]


def _skull(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    o = draw_organ(rng, shape, (0, 0, 480), shift_sd_mm=0.0, size_sd=0.01)
    vault = o.ellipsoid((0, 3, 495), (72, 91, 86))
    inside = o.ellipsoid((0, 3, 496), (66, 85, 80))
    base = o.ellipsoid((0, 8, 428), (46, 54, 12), (-10, 0, 0))
    maxilla = o.ellipsoid((0, 64, 418), (34, 28, 20), power=2.4)
    brow = o.ellipsoid((0, 76, 462), (46, 14, 12))
    cheeks = [o.tube(((s * 34, 76, 432), (s * 58, 52, 432), (s * 66, 10, 436)), (8, 6, 5)) for s in (1.0, -1.0)]
    jaw = o.tube(
        ((60, 8, 426), (56, 16, 396), (46, 42, 376), (22, 82, 366), (0, 92, 364), (-22, 82, 366), (-46, 42, 376), (-56, 16, 396),
         (-60, 8, 426)), (6, 7, 8.5, 9, 10, 9, 8.5, 7, 6)
    )  # fmt: skip
    teeth = o.tube(((36, 50, 392), (24, 78, 392), (0, 88, 392), (-24, 78, 392), (-36, 50, 392)), 6.5)
    return [
        Part("skull", "cortical_bone", vault, HEAD),
        Part("skull", "bone_marrow", Within(Offset(vault, -2.0), holes=(Offset(inside, 2.0),)), HEAD),
        Part("skull", "csf", inside, HEAD),
        Part("skull", "cortical_bone", fused(base, maxilla, brow, round_mm=10.0), HEAD),
        Part("skull", "bone_marrow", Offset(fused(base, maxilla, brow, round_mm=10.0), -3.0), HEAD),
        Part("skull", "cortical_bone", Union(tuple(p for c in cheeks for p in c.solids)), HEAD),
        Part("mandible", "cortical_bone", jaw, HEAD),
        Part("mandible", "bone_marrow", Offset(jaw, -2.6), HEAD),
        Part("skull", "cortical_bone", teeth, HEAD),
    ]


def _brain(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    o = draw_organ(rng, shape, (0, 0, 490), shift_sd_mm=0.0, size_sd=0.015)
    hemispheres = fused(
        o.ellipsoid((29, 4, 499), (31, 77, 63)), o.ellipsoid((-29, 4, 499), (31, 77, 63)),
        o.ellipsoid((42, 26, 456), (22, 36, 24)), o.ellipsoid((-42, 26, 456), (22, 36, 24)), round_mm=5.0,
    )  # fmt: skip
    white = fused(
        o.ellipsoid((26, 4, 497), (23, 67, 50)), o.ellipsoid((-26, 4, 497), (23, 67, 50)),
        o.ellipsoid((42, 26, 458), (15, 28, 16)), o.ellipsoid((-42, 26, 458), (15, 28, 16)), round_mm=8.0,
    )  # fmt: skip
    folds = Rough(Rough(white, 3.2, 22.0, o.phases), 1.8, 15.0, tuple(reversed(o.phases)))
    nuclei, ventricles = [], []
    for s in (1.0, -1.0):
        nuclei += [o.ellipsoid((s * 12, -6, 490), (8, 15, 10)), o.ellipsoid((s * 24, 14, 490), (7, 20, 12), (0, 0, -s * 14)),
                   o.ellipsoid((s * 14, 32, 496), (6, 10, 11))]  # fmt: skip
        ventricles += [o.tube(((s * 10, 34, 504), (s * 11, 0, 512), (s * 20, -34, 498)), (4, 4.5, 5)).solids]
    lobes = Union((o.ellipsoid((25, -44, 440), (27, 27, 20)), o.ellipsoid((-25, -44, 440), (27, 27, 20)), o.ellipsoid((0, -40, 442), (14, 22, 20))))
    stem = o.tube(((0, -6, 470), (0, -10, 446), (0, -22, 420), (0, -30, 404)), (13, 12, 8, 6))
    gland = float(rng.uniform(2.7, 4.2))
    pituitary = Ellipsoid(o.at((0, 26, 444)), (gland * 1.25, gland, gland))
    return [
        Part("brain", "brain_grey", hemispheres, HEAD),
        Part("brain", "brain_white", Within(folds, (Offset(hemispheres, -2.5),)), HEAD),
        Part("brain", "brain_grey", Union(tuple(nuclei)), HEAD),
        Part("brain", "csf", Union(tuple(p for v in ventricles for p in v)), HEAD),
        Part("brain", "brain_white", stem, HEAD),
        Part("cerebellum", "cerebellum", Rough(lobes, 0.8, 14.0, o.phases), HEAD),
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
        Part("nasal_cavity", "air", Union(tuple(o.ellipsoid((s * 5, 66, 430), (2.5, 25, 15)) for s in (1.0, -1.0))), HEAD),
        Part("nasal_cavity", "air", o.ellipsoid((0, 46, 446), (11, 9, 8)), HEAD),
        Part("tongue", "muscle", o.ellipsoid((0, 44, 392), (22, 32, 17)), HEAD),
        Part("soft_palate", "soft_palate", o.ellipsoid((0, 24, 406), (15, 9, 4)), HEAD),
        Part("airway", "air", o.tube(((0, 20, 424), (0, 10, 402), (0, 10, 380), (0, 8, 350)), (7, 7, 7, 8)), HEAD),
        Part("airway", "air", o.tube(((0, 8, 352), (0, 4, 330)), 8.0)),
    ]


def _glands(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    parts = []
    for side, s in zip(SIDES, (1.0, -1.0), strict=True):
        o = draw_organ(rng, shape, (54, 0, 400), shift_sd_mm=1.5, size_sd=0.06)
        parotid = fused(o.ellipsoid((60, 0, 410), (10, 17, 22), (0, 6, 0)), o.ellipsoid((52, -8, 398), (10, 12, 16)), round_mm=8.0)
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


def _thyroid(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    o = draw_organ(rng, shape, (0, 18, 318), shift_sd_mm=2.0, size_sd=0.1)
    lobes = [o.ellipsoid((s * 17, 12, 322), (8, 10, 22), (0, -s * 10, 0)) for s in (1.0, -1.0)]
    bridge = Capsule(o.at((11, 19, 314)), o.at((-11, 19, 314)), o.length(4.0), o.length(4.0))
    return [Part("thyroid_gland", "thyroid", fused(*lobes, bridge, round_mm=6.0))]

