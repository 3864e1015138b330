"""A posed body with its foci and uptake, painted on one grid: what is true there, before any scanner.

`paint_tracers` gives the SUV without noise or blur, the labels of tissues and organs, the lesions' instances and the
physiologic map of each tracer; `paint_values` gives any other property of tissue (CT number, MR signal). Pure. Knows
nothing about scanners, files or time points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.biodistribution import FDG, SSTR
from netlesion.phantom.body.labels import LABELS
from netlesion.phantom.chain import apart
from netlesion.phantom.compounds import Offset
from netlesion.phantom.focus import LESION_KINDS
from netlesion.phantom.paint import paint, shares_of
from netlesion.phantom.shares import NOTHING, Share, blend
from netlesion.phantom.texture import Texture, cells
from netlesion.phantom.tissues import TISSUE_LABELS

if TYPE_CHECKING:
    from netlesion.phantom.biodistribution import Uptake
    from netlesion.phantom.body.parts import Body
    from netlesion.phantom.focus import Focus
    from netlesion.phantom.stage import Stage

#: A lesion shows in a tracer's map from this contrast on (true mean over what lies around it before it grew), and above
#: the blood pool of that PET: no reader calls a lesion of SUV 0.6 FDG-avid because fat around it holds 0.3. Readers'
#: "positive" is above background, a modified Krenning score of 2 (clinical.md 3.1, 3.5) [P].
LEAST_CONTRAST = 1.5
#: How far around a lesion its background is looked at.
SURROUNDINGS_MM = 5.0


@dataclass(frozen=True)
class PaintSettings:
    """Uneven uptake as coefficients of variation, its width in mm, and where uptake is called physiologic; all [P]."""

    liver_cov: float = 0.10
    bowel_cov: float = 0.20
    spleen_cov: float = 0.06
    muscle_cov: float = 0.08
    texture_fwhm_mm: float = 12.0
    physiologic_min_suv: Mapping[str, float] = field(default_factory=lambda: {SSTR: 3.0, FDG: 2.5})

    def cov(self, tissue: str) -> float:
        """How uneven this tissue is."""
        if tissue in ("jejunum", "ileum", "duodenum", "colon", "stomach_wall"):
            return self.bowel_cov
        return {"liver": self.liver_cov, "spleen": self.spleen_cov, "muscle": self.muscle_cov}.get(tissue, 0.0)


@dataclass(frozen=True)
class SeenFocus:
    """One focus in one tracer on one grid: voxels (0: none), contrast to its surroundings, SUVs over its voxels.

    lesion_id: of a lesion; of a mimic its number, from 1, in the order in which mimics were given.
    """

    lesion_id: int
    num_voxels: int
    contrast: float
    mask_suv_mean: float
    mask_suv_max: float


@dataclass(frozen=True, eq=False)
class TracerTruth:
    """Everything true about one tracer on one grid. IJK: suv float32 (no noise or blur), the others uint8 or uint16.

    mimics: instances of what a reader may take for a lesion, numbered from 1 in the order given.
    """

    suv: np.ndarray
    tissue: np.ndarray
    organ: np.ndarray
    instances: np.ndarray
    physiologic: np.ndarray
    mimics: np.ndarray
    seen: tuple[SeenFocus, ...]
    seen_mimics: tuple[SeenFocus, ...]

    def of_tissue(self, values: Mapping[str, float]) -> np.ndarray:
        """A property of tissue at every voxel, float32; 0 where there is no body."""
        table = np.zeros(len(TISSUE_LABELS) + 1, dtype=np.float32)
        for name, label in TISSUE_LABELS.items():
            table[label] = values.get(name, 0.0)
        return table[self.tissue]


def paint_tracers(
    body: Body,
    foci: tuple[Focus, ...],
    uptake: Uptake,
    channels: tuple[str, ...],
    stage: Stage,
    settings: PaintSettings,
    texture_seed: int,
) -> dict[str, TracerTruth]:
    """The truth of every tracer seen on one grid in one posture; shapes are drawn once for all.

    foci: mimics and lesions in painting order; mimics are body, lesions get instances.
    """
    shape = stage.geometry.shape
    suv = {c: np.zeros(shape, dtype=np.float32) for c in channels}
    tissue, organ = np.zeros(shape, dtype=np.uint8), np.zeros(shape, dtype=np.uint8)
    textures = {c: Texture(texture_seed + n, settings.texture_fwhm_mm) for n, c in enumerate(channels)}
    for part, share in paint(stage, body.parts):
        cov = settings.cov(part.tissue)
        if cov > 0.0:
            stage.keep([share.box], part.segment)
            places = cells(*stage.middles(part.segment, share.box), settings.texture_fwhm_mm)
        for channel in channels:
            value = uptake.suv[channel][part.tissue] * part.factor
            if cov > 0.0:
                value = np.float32(value) * textures[channel].factors(places, cov)
            blend(suv[channel], share, value)
        inside = share.share >= 0.5
        np.copyto(tissue[share.box], TISSUE_LABELS[part.tissue], where=inside)
        if part.organ:
            np.copyto(organ[share.box], LABELS[part.organ], where=inside)
    drawn = _draw_foci(stage, foci)
    return {
        channel: _with_foci(channel, suv[channel], tissue, organ, drawn, settings, uptake.suv[channel]["blood"])
        for channel in channels
    }


@dataclass(frozen=True, eq=False)
class _DrawnFocus:
    """A focus on the grid: the share of each voxel in it, in it or its surroundings, and in its core if it has one."""

    focus: Focus
    share: Share
    around: Share
    core: Share


def _draw_foci(stage: Stage, foci: tuple[Focus, ...]) -> list[_DrawnFocus]:
    """Mimics first, then lesions, each in the order given."""
    ordered = sorted(foci, key=lambda f: f.kind in LESION_KINDS)
    shapes = []
    for focus in ordered:
        solid = focus.solid
        shapes += [(apart(s), focus.segment) for s in (solid, Offset(solid, SURROUNDINGS_MM))]
    cores = [(apart(f.core), f.segment) for f in ordered if f.core is not None]
    shares, of_cores = shares_of(stage, shapes), shares_of(stage, cores)
    return [_DrawnFocus(f, next(shares), next(shares), NOTHING if f.core is None else next(of_cores)) for f in ordered]


def _with_foci(
    channel: str,
    suv: np.ndarray,
    tissue: np.ndarray,
    organ: np.ndarray,
    drawn: list[_DrawnFocus],
    settings: PaintSettings,
    blood_suv: float,
) -> TracerTruth:
    """Paints the foci over the body's uptake, in place, and notes what is true of each lesion."""
    lesions = [d for d in drawn if d.focus.kind in LESION_KINDS]
    mimics = [d for d in drawn if d.focus.kind not in LESION_KINDS]
    mimic_map, mimic_contrasts = np.zeros(suv.shape, dtype=np.uint16), []
    for number, mimic in enumerate(mimics, start=1):
        contrast = mimic.focus.suv[channel] / max(_mean(suv, mimic.around), 1e-3)
        mimic_contrasts.append(contrast)
        blend(suv, mimic.share, mimic.focus.suv[channel])
        if contrast >= LEAST_CONTRAST and mimic.focus.suv[channel] > blood_suv and mimic.share.share.size:
            mimic_map[mimic.share.box][_voxels_of(mimic.share)] = number
    contrasts = [d.focus.mean_suv(channel) / max(_mean(suv, d.around), 1e-3) for d in lesions]
    instances = np.zeros(suv.shape, dtype=np.uint16)
    of_lesions = np.zeros(suv.shape, dtype=bool)
    for lesion, contrast in zip(lesions, contrasts, strict=True):
        focus, share = lesion.focus, lesion.share
        if not share.share.size:
            continue
        blend(suv, share, focus.suv[channel])
        if lesion.core.share.size:
            blend(suv, lesion.core, focus.suv[channel] * focus.core_ratio)
        voxels = _voxels_of(share)
        of_lesions[share.box][voxels] = True
        if contrast >= LEAST_CONTRAST and focus.mean_suv(channel) > blood_suv:
            instances[share.box][voxels] = focus.lesion_id
    physiologic = (suv >= settings.physiologic_min_suv[channel]) & ~of_lesions
    mimic_map[of_lesions] = 0
    seen = tuple(
        _seen(d.focus.lesion_id, contrast, suv[d.share.box], instances[d.share.box])
        for d, contrast in zip(lesions, contrasts, strict=True)
    )
    seen_mimics = tuple(
        _seen(n, contrast, suv[d.share.box], mimic_map[d.share.box])
        for n, (d, contrast) in enumerate(zip(mimics, mimic_contrasts, strict=True), start=1)
    )
    return TracerTruth(suv, tissue, organ, instances, physiologic.view(np.uint8), mimic_map, seen, seen_mimics)


def paint_values(
    body: Body,
    foci: tuple[Focus, ...],
    stage: Stage,
    values_of_tissue: Sequence[Mapping[str, float]],
    values_of_focus: Callable[[Focus], Sequence[float] | None],
    empty: float,
) -> list[np.ndarray]:
    """Any properties, each float32 IJK: `empty` where there is no body; a focus of value None is not to be seen."""
    images = [np.full(stage.geometry.shape, empty, dtype=np.float32) for _ in values_of_tissue]
    for part, share in paint(stage, body.parts):
        for image, values in zip(images, values_of_tissue, strict=True):
            blend(image, share, values[part.tissue])
    seen = [(focus, values) for focus in foci if (values := values_of_focus(focus)) is not None]
    shares = shares_of(stage, [(apart(focus.solid), focus.segment) for focus, _ in seen])
    for share, (_, values) in zip(shares, seen, strict=True):
        for image, value in zip(images, values, strict=True):
            blend(image, share, value)
    return images


def _mean(suv: np.ndarray, share: Share) -> float:
    """Mean SUV where the share is; 0 off the grid."""
    total = float(share.share.sum(dtype=np.float64))
    return float((suv[share.box] * share.share).sum(dtype=np.float64)) / total if total > 0.0 else 0.0


def _voxels_of(share: Share) -> np.ndarray:
    """At least half inside; the fullest voxel for a lesion so small that none is."""
    inside = share.share >= 0.5
    return inside if inside.any() or share.share.max() == 0.0 else share.share == share.share.max()


def _seen(lesion_id: int, contrast: float, suv: np.ndarray, instances: np.ndarray) -> SeenFocus:
    values = suv[instances == lesion_id]
    if not values.size:
        return SeenFocus(lesion_id, 0, contrast, float("nan"), float("nan"))
    return SeenFocus(lesion_id, int(values.size), contrast, float(values.mean(dtype=np.float64)), float(values.max()))
