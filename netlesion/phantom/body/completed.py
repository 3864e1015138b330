"""A map of real organs completed by the built-in body: bones, bowel, vessels, muscle, skin and limbs grown around them.

`read_person` measures a map once and without chance; `complete_body` makes a Body of it. The built-in plans are drawn in
the frame that `fit` gives, real organs are painted over them in their own shape, and what is drawn anew goes around
them. Nothing of the map bends but its head; limbs do. Pure; knows nothing about files, uptake or grids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.body.bowel import draw_bowel
from netlesion.phantom.body.build import LANDMARKS, OF_HEAD
from netlesion.phantom.body.cavities import abdominal_cavity
from netlesion.phantom.body.chest import draw_lungs, draw_mediastinum
from netlesion.phantom.body.draw import factor
from netlesion.phantom.body.fit import LUNGS, Fit, fit_person
from netlesion.phantom.body.from_labels import BOWEL_SIGMA, LabelBody, Maker
from netlesion.phantom.body.head import draw_head, skull_base
from netlesion.phantom.body.label_anatomy import LabelAnatomy, Seen, see
from netlesion.phantom.body.label_solids import MaskSolid, solid_of_mask
from netlesion.phantom.body.label_tissues import ALIASES, BONES, LAYERS, kind_of
from netlesion.phantom.body.labels import LABELS
from netlesion.phantom.body.limbs import draw_limbs
from netlesion.phantom.body.outline import SKIN_MM, draw_outline, joints
from netlesion.phantom.body.parts import Body, Part
from netlesion.phantom.body.shape import BodySettings, head_shape
from netlesion.phantom.body.skeleton import draw_skeleton
from netlesion.phantom.body.stations import stations
from netlesion.phantom.body.urogenital import draw_urogenital
from netlesion.phantom.body.vessels import draw_vessels
from netlesion.phantom.body.viscera import draw_viscera
from netlesion.phantom.compounds import Offset, Within
from netlesion.phantom.solids import Half

if TYPE_CHECKING:
    from netlesion.image.volume import Volume

#: How far beyond the hull of the organs the chest's muscle reaches (ribs lie in it), and the share of the belly's fat
#: over it; how far hull and brain are known.
WALL_MM, WALL_FAT, HULL_REACH_MM, BRAIN_REACH_MM = 17.0, 0.45, 52.0, 24.0
#: Skull around the brain: from the outside inwards, mm beyond the brain; and the scalp's fat and skin.
VAULT_MM, SCALP_MM = (("cortical_bone", 9.0), ("bone_marrow", 7.2), ("cortical_bone", 4.8), ("csf", 3.0)), (11.0, 15.0)
#: A brain that the map's top cuts goes on by so many slices; the built-in one takes over this far above the cut.
CONTINUED_VOXELS, CUT_GAP_MM = 3, 3.0
#: From this volume on, the real salivary glands are all there are.
GLANDS = tuple(f"{g}_gland_{s}" for g in ("parotid", "submandibular") for s in ("left", "right"))
LEAST_GLANDS_ML = 20.0
#: A prostate of this size makes a man; without one, a sum of heart (ml) and torso decides [P].
LEAST_PROSTATE_ML, HEART_OF_A_MAN_ML = 8.0, 640.0
#: How fat under the skin follows the depth of the upper belly over the frame's width: correlation, mean and SD [P].
FAT_FOLLOWS, BELLY = 0.6, (1.05, 0.10)


@dataclass(frozen=True, eq=False)
class Person:
    """A map, measured for completion. shapes: every real organ in the map's mm; lungs: right, left; hull, skull: body's
    mm."""

    anatomy: LabelAnatomy
    lungs: tuple[MaskSolid, MaskSolid]
    hull: MaskSolid
    skull: MaskSolid | None
    fit: Fit
    has_glands: bool


def read_person(volume: Volume, names: Mapping[int, str], what: str) -> Person:
    """Measures a map; raises ConfigError as `label_anatomy.read_anatomy` and `fit.fit_person` do."""
    seen = see(volume, names, what)
    sex = "M" if _is_man(seen) else "F"
    fit = fit_person(seen, sex, what)
    shapes = {n: _light(solid_of_mask(*seen.mask(n))) for n in seen.organs if n not in (*LAYERS, *LUNGS)}
    if fit.is_brain_cut:
        shapes["brain"] = _light(solid_of_mask(*_continued(*seen.mask("brain"))))
    lungs = []
    for side in ("right", "left"):
        own = np.isin(seen.organ, [LABELS[n] for n in LUNGS if n.endswith(side)])
        lungs.append(_light(solid_of_mask(own, seen.affine)))
    hull = _light(solid_of_mask(fit.hull, fit.grid, HULL_REACH_MM))
    brain = fit.codes == LABELS["brain"]
    skull = _light(solid_of_mask(brain, fit.grid, BRAIN_REACH_MM)) if brain.any() and not fit.is_brain_cut else None
    whole = {"trunk": hull, "head": hull}
    anatomy = LabelAnatomy(seen.organs, shapes, whole, {}, seen.frame, seen.landmarks, {}, has_outline=False)
    glands_ml = sum(_ml(seen, n) for n in GLANDS)
    return Person(anatomy, (lungs[0], lungs[1]), hull, skull, fit, glands_ml >= LEAST_GLANDS_ML)


def _continued(mask: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An organ that the map's top cuts, its last slice repeated beyond."""
    axis = int(np.argmax(np.abs(affine[2, :3])))
    after = affine[2, axis] > 0
    more = np.repeat(mask.take([-1 if after else 0], axis=axis), CONTINUED_VOXELS, axis=axis)
    moved = affine.copy()
    if not after:
        moved[:3, 3] -= CONTINUED_VOXELS * affine[:3, axis]
    return np.concatenate([mask, more] if after else [more, mask], axis=axis), moved


def _light(solid: MaskSolid) -> MaskSolid:
    """Half as large to keep; distances right to 0.01 mm at a surface."""
    return replace(solid, distance_IJK=solid.distance_IJK.astype(np.float16))


def is_for_completion(names: Mapping[int, str]) -> bool:
    """Whether a map has what a body is completed around, and lacks skin or bones."""
    found = {ALIASES.get(n, n) for n in names.values()}
    around = "liver" in found and ("lungs" in found or bool(found & set(LUNGS)))
    return around and not ("skin" in found and any(kind_of(n) in BONES for n in found))


def complete_body(person: Person, rng: np.random.Generator, settings: BodySettings) -> LabelBody:
    """A body around the map. The same number of draws whatever the map."""
    fit = person.fit
    fat = float(np.clip(rng.normal(), -2.4, 2.4))
    shape = replace(fit.shape, fat_mm=_fat_mm(fit, fat, settings))
    soft, guts, vessels = (replace(s, fat_mm=shape.fat_mm) for s in (fit.soft, fit.guts, fit.vessels))
    uneven = {kind: factor(rng, BOWEL_SIGMA) for kind in ("small_bowel", "colon", "duodenum")}
    real = Maker(person.anatomy, fit.to_body, uneven)
    known = set(person.anatomy.shapes) | {"lung"}
    if {"kidney_left", "kidney_right"} & known:
        known |= {"kidney_left", "kidney_right", "renal_pelvis_left", "renal_pelvis_right"}
    if "brain" in known and not fit.is_brain_cut:
        known |= {"cerebellum"}

    if person.has_glands:
        known |= set(GLANDS)
    outline, skeleton, limbs = draw_outline(rng, shape), draw_skeleton(rng, shape), draw_limbs(rng, shape)
    head, chest = draw_head(rng, shape), draw_mediastinum(rng, guts)
    bowel, urogenital = draw_bowel(rng, guts), draw_urogenital(rng, soft)
    viscera, ways = draw_viscera(rng, guts), draw_vessels(rng, vessels)
    right, left = (s.solid(fit.to_body) for s in person.lungs)
    lungs = draw_lungs(rng, soft, (right, left))
    soft_limbs = [p for p in limbs if p.tissue in ("muscle", "fat", "blood")]
    bones = [p for p in limbs if p.tissue not in ("muscle", "fat", "blood")]
    grown = [
        *_layers(person, outline, shape),
        *(p for p in chest if p.organ != "mediastinum"), *soft_limbs, *bowel, *urogenital, *viscera, *ways,
        *skeleton, *bones, *_head(person, head, shape),
    ]  # fmt: skip
    parts = [p for p in grown if p.organ not in known or (p.organ == "brain" and fit.is_brain_cut)]
    parts += lungs
    parts += real.organs()
    landmarks = {n: (head_shape(shape) if n in OF_HEAD else shape).at(p) for n, p in LANDMARKS.items()}
    dome = person.anatomy.landmarks["diaphragm_dome"]
    landmarks["diaphragm_dome"] = real.at(dome)
    body = Body(shape.sex, shape.height_cm, tuple(parts), stations(guts), joints(shape), landmarks)
    remark = f"; completed by the built-in body, {'man' if shape.sex == 'M' else 'woman'} of {shape.height_cm:g} cm"
    return LabelBody(body, (), (), remark)


def _ml(seen: Seen, name: str) -> float:
    if name not in seen.organs:
        return 0.0
    mask, affine = seen.mask(name)
    return float(mask.sum()) * abs(float(np.linalg.det(affine[:3, :3]))) / 1000.0


def _is_man(seen: Seen) -> bool:
    if any(n.startswith(("uterus", "ovary", "breast")) for n in seen.organs):
        return False
    return _ml(seen, "prostate") >= LEAST_PROSTATE_ML or _ml(seen, "heart") >= HEART_OF_A_MAN_ML


def _fat_mm(fit: Fit, deviate: float, settings: BodySettings) -> float:
    """Fat under the belly's skin: of the person's sex, more where the belly is deep."""
    mean, sd = settings.female_fat_mm if fit.shape.sex == "F" else settings.male_fat_mm
    deep = float(np.clip((fit.belly - BELLY[0]) / BELLY[1], -2.0, 2.5))
    own = FAT_FOLLOWS * deep + (1.0 - FAT_FOLLOWS**2) ** 0.5 * deviate
    return max(6.0, mean + sd * own)


def _layers(person: Person, outline: list[Part], shape) -> list[Part]:
    """The outline, and under it what keeps every real organ inside: wall, fat and skin beyond the organs' hull."""
    hull = person.hull.solid(np.eye(4))
    fat_mm = WALL_MM + WALL_FAT * shape.fat_mm
    more: dict[str, list[Part]] = {
        "skin": [Part("skin", "skin", Offset(hull, fat_mm + SKIN_MM))],
        "fat": [Part("fat", "fat", Offset(hull, fat_mm))],
        "muscle": [Part("muscle", "muscle", Offset(hull, WALL_MM))],
    }
    if person.skull is not None:
        brain = person.skull.solid(np.eye(4))
        above = skull_base(head_shape(shape), -14.0)
        for tissue, beyond in (("skin", SCALP_MM[1]), ("fat", SCALP_MM[1] - SKIN_MM), ("muscle", SCALP_MM[0])):
            more[tissue].append(Part(tissue, tissue, Within(Offset(brain, beyond), above), "head"))
    found = []
    for tissue in ("skin", "fat", "breast", "muscle"):
        found += [*(p for p in outline if p.tissue == tissue), *more.get(tissue, [])]
    above = Half((0.0, 0.0, person.fit.to_body[2, :3] @ person.anatomy.landmarks["diaphragm_dome"]
                  + person.fit.to_body[2, 3] - 30.0), (0.0, 0.0, -1.0))  # fmt: skip
    return [
        *found,
        Part("visceral_fat", "visceral_fat", abdominal_cavity(shape)),
        Part("visceral_fat", "visceral_fat", hull),
        Part("mediastinum", "visceral_fat", Within(hull, (above,))),
    ]


def _head(person: Person, head: list[Part], shape) -> list[Part]:
    """The built-in head; its vault around the real brain, its brain only above where the map is cut."""
    if "brain" not in person.anatomy.shapes:
        return head
    fit = person.fit
    own = head_shape(shape)
    if not fit.is_brain_cut:
        assert person.skull is not None
        brain = person.skull.solid(np.eye(4))
        vault = [Part("skull", t, Within(Offset(brain, mm), skull_base(own, 1.0)), "head") for t, mm in VAULT_MM]
        return [*vault, *(p for p in head if not (p.organ == "skull" and isinstance(p.solid, Within)))]
    points = person.anatomy.organs["brain"].points_mm @ fit.to_body[:3, :3].T + fit.to_body[:3, 3]
    over = Half((0.0, 0.0, float(points[:, 2].max()) + CUT_GAP_MM), (0.0, 0.0, -1.0))
    found = []
    for part in head:
        if part.organ == "brain" and part.tissue == "csf":
            part = replace(part, organ="")
        elif part.organ in ("brain", "cerebellum"):
            part = replace(part, solid=Within(part.solid, (over,)))
        found.append(part)
    return found
