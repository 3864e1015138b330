"""One visit of one digital patient: draw everything, then render it.

`make_visit` takes an index, a seed and settings, and returns images with their truth. Here is only the second half:
`render` paints a PatientDraw on the grids of two PET and a CT, lets the scanner blur and add noise, and marks what
is true; it is pure. All images show one and the same body: no motion between them. Knows nothing about files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from netlesion.phantom.anatomy import blend, rasterise
from netlesion.phantom.lesions import HU_OF_LESION, Lesion
from netlesion.phantom.patient import PatientDraw, PhantomSettings, draw_patient, fov_z_mm
from netlesion.phantom.scanner import ct_image, grid_around, lognormal_texture, noise_field, pet_image
from netlesion.phantom.superellipsoid import share_of_voxels
from netlesion.phantom.uptake import CHANNELS, FDG, HU_OF_TISSUE, SSTR
from netlesion.study import Scan, Tracer, Visit
from netlesion.volume import Quantity, Volume

if TYPE_CHECKING:
    from netlesion.geometry import Geometry

__all__ = ["LesionTruth", "PhantomSettings", "PhantomVisit", "draw_patient", "make_visit", "render"]

BACKGROUND, PHYSIOLOGIC, PRIMARY, METASTASIS = 0, 1, 2, 3
CLASS_OF_KIND: Mapping[str, int] = {"primary": PRIMARY, "metastasis": METASTASIS}
#: Bowel tissues whose uptake is mottled rather than even.
MOTTLED_BOWEL = frozenset({"stomach", "duodenum", "jejunum", "ileum", "colon"})
#: Lesions are few voxels across; their shares come from this many samples per voxel and axis.
LESION_OVERSAMPLE = 4


@dataclass(frozen=True)
class LesionTruth:
    """One lesion as it is, not as it is seen; volume_ml is continuous, suv is before blur (a core is colder).

    avid: channels whose `classes` and `instances` show it, with at least one voxel each. May be empty: a lesion
    that is there, and visible in neither tracer.
    """

    lesion_id: int
    kind: Literal["primary", "metastasis"]
    region: str
    centre_mm: tuple[float, float, float]
    volume_ml: float
    suv: Mapping[str, float]
    avid: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class PhantomVisit:
    """A visit and all that is true about it; classes and instances are LABEL volumes on each PET's own grid."""

    visit: Visit
    classes: Mapping[str, Volume]
    instances: Mapping[str, Volume]
    lesions: tuple[LesionTruth, ...]


@dataclass(frozen=True, eq=False)
class TracerTruth:
    """What one tracer does in the body, before any scanner: SUV, and the share of each voxel that is physiologic."""

    suv: np.ndarray
    physiologic_share: np.ndarray


def make_visit(index: int, *, seed: int, settings: PhantomSettings) -> PhantomVisit:
    """The visit of patient `index` (0 or more) of the cohort `seed`; bit-identical for the same three arguments."""
    return render(draw_patient(index, seed=seed, settings=settings), settings)


def render(draw: PatientDraw, settings: PhantomSettings) -> PhantomVisit:
    """Images and truth of a drawn patient; pure."""
    patient_id = f"{draw.index:03d}"
    scans: dict[str, Scan] = {}
    classes: dict[str, Volume] = {}
    instances: dict[str, Volume] = {}
    for channel in CHANNELS:
        grid = pet_grid(draw, channel, settings)
        truth = paint_tracer(draw, channel, grid, settings)
        scans[channel] = _pet_scan(draw, channel, truth, grid, settings)
        instances[channel] = label_instances(draw.lesions, channel, grid)
        classes[channel] = label_classes(draw.lesions, truth, instances[channel])
    scans["ct"] = _ct_scan(draw, settings)
    shown = {channel: set(np.unique(instances[channel].array).tolist()) for channel in CHANNELS}
    return PhantomVisit(
        visit=Visit(patient_id, f"sub-{patient_id}_ses-01", scans, masks=dict(classes)),
        classes=classes,
        instances=instances,
        lesions=tuple(_truth_of(lesion, shown) for lesion in draw.lesions),
    )


def pet_grid(draw: PatientDraw, channel: str, settings: PhantomSettings) -> Geometry:
    """The grid of one PET, tight around the body; the FDG's lies a few mm aside, as after another positioning."""
    orientation = settings.sstr_orientation if channel == SSTR else settings.fdg_orientation
    offset_mm = draw.fdg_offset_mm if channel == FDG else (0.0, 0.0, 0.0)
    return _body_grid(draw, settings, settings.pet_spacing_mm, orientation, offset_mm)


def paint_tracer(draw: PatientDraw, channel: str, grid: Geometry, settings: PhantomSettings) -> TracerTruth:
    """True SUV of one tracer on a grid, organs first and lesions last."""
    suv = np.zeros(grid.shape, dtype=np.float32)
    physiologic = np.zeros(grid.shape, dtype=np.float32)
    mottle = noise_field(grid.shape, grid.spacing_mm, settings.mottle_fwhm_mm, draw.field_seeds[f"{channel}_mottle"])
    for part, share in rasterise(draw.anatomy, grid):
        value = draw.uptake.suv[channel][part.tissue] * part.uptake_factor
        marked = draw.uptake.is_physiologic(channel, part.tissue, part.uptake_factor, settings.physiologic_min_suv)
        blend(physiologic, share, float(marked))
        cov = _mottle_cov(part.tissue, settings)
        blend(suv, share, value if cov == 0.0 else np.float32(value) * lognormal_texture(mottle[share.box], cov))
    for lesion in draw.lesions:
        share = share_of_voxels(lesion.shape, grid, LESION_OVERSAMPLE)
        blend(physiologic, share, 0.0)
        blend(suv, share, lesion.suv[channel])
        if lesion.core_ratio < 1.0:
            core = share_of_voxels(lesion.core, grid, LESION_OVERSAMPLE)
            blend(suv, core, lesion.suv[channel] * lesion.core_ratio)
    return TracerTruth(suv, physiologic)


def label_instances(lesions: tuple[Lesion, ...], channel: str, grid: Geometry) -> Volume:
    """lesion_id in every voxel of which at least half lies inside a lesion avid in this tracer; later ids win."""
    labels = np.zeros(grid.shape, dtype=np.uint16)
    for lesion in lesions:
        if channel in lesion.avid:
            share = share_of_voxels(lesion.shape, grid, LESION_OVERSAMPLE)
            labels[share.box][share.share >= 0.5] = lesion.lesion_id
    return Volume(labels, grid, Quantity.LABEL)


def label_classes(lesions: tuple[Lesion, ...], truth: TracerTruth, instances: Volume) -> Volume:
    """0 background, 1 physiologic, 2 primary, 3 metastasis; a lesion's voxels are those of `instances`."""
    class_of_id = np.zeros(len(lesions) + 1, dtype=np.uint8)
    for lesion in lesions:
        class_of_id[lesion.lesion_id] = CLASS_OF_KIND[lesion.kind]
    physiologic = np.where(truth.physiologic_share >= 0.5, PHYSIOLOGIC, BACKGROUND)
    classes = np.where(instances.array > 0, class_of_id[instances.array], physiologic)
    return instances.with_array(classes.astype(np.uint8))


def _pet_scan(draw: PatientDraw, channel: str, truth: TracerTruth, grid: Geometry, settings: PhantomSettings) -> Scan:
    is_sstr = channel == SSTR
    image = pet_image(
        truth.suv,
        grid,
        psf_fwhm_mm=settings.psf_mm(channel),
        noise_cov=settings.noise_cov,
        noise_reference_suv=settings.sstr_noise_reference_suv if is_sstr else settings.fdg_noise_reference_suv,
        noise_fwhm_mm=settings.noise_fwhm_mm,
        seed=draw.field_seeds[f"{channel}_noise"],
    )
    return Scan(channel, Volume(image, grid, Quantity.SUVBW), Tracer(channel), draw.acquisitions[channel])


def _ct_scan(draw: PatientDraw, settings: PhantomSettings) -> Scan:
    grid = _body_grid(draw, settings, settings.ct_spacing_mm, settings.ct_orientation)
    hu = np.full(grid.shape, -1000.0, dtype=np.float32)
    for part, share in rasterise(draw.anatomy, grid):
        blend(hu, share, HU_OF_TISSUE[part.tissue])
    for lesion in draw.lesions:
        blend(hu, share_of_voxels(lesion.shape, grid, LESION_OVERSAMPLE), HU_OF_LESION[lesion.region])
    image = ct_image(
        hu,
        grid,
        noise_hu=settings.ct_noise_hu,
        noise_fwhm_mm=settings.ct_noise_fwhm_mm,
        seed=draw.field_seeds["ct_noise"],
    )
    return Scan("ct", Volume(image, grid, Quantity.HU))


def _body_grid(
    draw: PatientDraw,
    settings: PhantomSettings,
    spacing_mm: tuple[float, float, float],
    orientation: str,
    offset_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Geometry:
    """A grid over the body's width and depth and the field of view's length, moved by offset_mm."""
    foot, head = fov_z_mm(draw.anatomy, settings)
    half = np.array([draw.anatomy.half_width_mm, draw.anatomy.half_depth_mm]) + settings.fov_margin_mm
    low = np.array([*-half, foot]) + offset_mm
    high = np.array([*half, head]) + offset_mm
    return grid_around(tuple(low.tolist()), tuple(high.tolist()), spacing_mm, orientation)


def _mottle_cov(tissue: str, settings: PhantomSettings) -> float:
    if tissue == "liver":
        return settings.liver_mottle_cov
    return settings.bowel_mottle_cov if tissue in MOTTLED_BOWEL else 0.0


def _truth_of(lesion: Lesion, shown: Mapping[str, set[int]]) -> LesionTruth:
    """The lesion as reported; avid only where it kept at least one voxel on that tracer's grid."""
    return LesionTruth(
        lesion_id=lesion.lesion_id,
        kind=lesion.kind,
        region=lesion.region,
        centre_mm=lesion.shape.centre_mm,
        volume_ml=lesion.volume_ml,
        suv=dict(lesion.suv),
        avid=tuple(channel for channel in CHANNELS if lesion.lesion_id in shown[channel]),
    )
