"""One examination of a drawn patient as images: PET of its tracers, CT or MR, and what is true on each grid.

`render_exam` is pure: all chance is in the PatientDraw. A PET/CT has a CT that breathes and lies a little otherwise; a
PET/MR has its sequences on their own grids, diffusion bent by EPI distortion, and a PET that reads low near bone
because its attenuation map has none. Knows nothing about files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from netlesion.errors import ConfigError
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.phantom.blur import FWHM_PER_SIGMA
from netlesion.phantom.ct_physics import Metal, ct_image
from netlesion.phantom.focus import HU_OF_SITE, LESION_KINDS, Focus
from netlesion.phantom.mr_physics import LESION_TISSUE, SEQUENCES, Sequence, mr_image
from netlesion.phantom.patient import NUCLIDE, known, z_range_mm
from netlesion.phantom.pet_physics import Breathing, Counts, pet_image
from netlesion.phantom.posture import pose_of
from netlesion.phantom.render import TracerTruth, paint_tracers, paint_values
from netlesion.phantom.scanners import SCANNERS, ScannerModel
from netlesion.phantom.stage import Stage
from netlesion.phantom.tissues import TISSUES

if TYPE_CHECKING:
    from netlesion.phantom.patient import Exam, PatientDraw
    from netlesion.phantom.pose import Pose
    from netlesion.phantom.settings import PhantomSettings

BODY_MARGIN_MM = 12.0
#: Width over which missing bone in an MR attenuation map is felt, and the share of bone that is felt in full.
MR_BIAS_FWHM_MM = 25.0
FULL_BONE = 0.2
#: CT grid: never finer than this, and this share of the PET's spacing otherwise.
CT_FINEST_MM, CT_SHARE = (1.2, 1.2, 2.0), (0.7, 0.7, 1.0)
CT_FIELD_MM = 500.0
EPI_SHIFT_MM = (2.0, 8.0)


@dataclass(frozen=True, eq=False)
class PetScan:
    """One PET: the image (SUVbw), the truth on its grid, activity and time facts that go into a side-car.

    activity_in_fov_bq: true activity in the field of view at the start of the scan.
    """

    channel: str
    image: Volume
    truth: TracerTruth
    scanner: ScannerModel
    activity_in_fov_bq: float


@dataclass(frozen=True, eq=False)
class ExamImages:
    """Everything of one examination: PET by channel, CT or MR by name, and the pose of the PET."""

    pets: Mapping[str, PetScan]
    anatomical: Mapping[str, Volume]
    pose: Pose


def render_exam(patient: PatientDraw, exam: Exam, settings: PhantomSettings) -> ExamImages:
    """Images and truth of one examination."""
    pets, pose = render_pets(patient, exam, settings)
    foci = (*patient.mimics, *exam.foci)
    still = pose_of(exam.anatomical, patient.body)
    if exam.modality == "PET/CT":
        anatomical = {"ct": _render_ct(patient, exam, foci, still, settings)}
    else:
        anatomical = _render_mr(patient, exam, foci, still, settings)
    return ExamImages(pets, anatomical, pose)


def render_pets(patient: PatientDraw, exam: Exam, settings: PhantomSettings) -> tuple[dict[str, PetScan], Pose]:
    """The PETs of one examination by channel, and the pose they were made in."""
    pose = pose_of(exam.posture, patient.body)
    grid = pet_grid(patient, exam, pose, settings)
    foci = (*patient.mimics, *exam.foci)
    truths = paint_tracers(
        patient.body, foci, exam.uptake, exam.channels, Stage(grid, pose), settings.paint, exam.seeds["texture"]
    )
    # every tracer is seen through the same body
    truth = next(iter(truths.values()))
    mu = truth.of_tissue({name: t.mu_per_cm for name, t in TISSUES.items()})
    lung = truth.of_tissue({"lung": 1.0})
    pets = {
        channel: _pet_scan(patient, exam, channel, truth, mu, lung, grid, pose, settings)
        for channel, truth in truths.items()
    }
    return pets, pose


def pet_grid(patient: PatientDraw, exam: Exam, pose: Pose, settings: PhantomSettings) -> Geometry:
    """The grid of this examination's PET: settings.spacing_mm or the scanner's own."""
    scanner = SCANNERS[exam.scanner]
    spacing = scanner.spacing_mm if settings.spacing_mm is None else settings.spacing_mm
    low, high = body_box(patient, pose, settings)
    if settings.in_plane == "scanner":
        half = np.array(scanner.matrix) * scanner.spacing_mm[:2] / 2.0
        low[:2], high[:2] = -half, half
    return grid_around(low, high, spacing, "LAS")


def body_box(patient: PatientDraw, pose: Pose, settings: PhantomSettings) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest corner (mm) of the body in this pose between the ends of the field of view."""
    foot, head = z_range_mm(patient.body, settings.ends)
    ends = pose.to_scan(np.array([[0.0, 0.0, foot], [0.0, 0.0, head]]), "trunk")[:, 2]
    margin = BODY_MARGIN_MM if "vertex" in settings.ends or "sole" in settings.ends else 0.0
    z_low = ends[0] - (margin if settings.ends[0] == "sole" else 0.0)
    z_high = ends[1] + (margin if settings.ends[1] == "vertex" else 0.0)
    low, high = np.array([np.inf, np.inf, z_low]), np.array([-np.inf, -np.inf, z_high])
    corners: dict[str, list[np.ndarray]] = {}
    for part in patient.body.parts_of(tissue="skin"):
        corners.setdefault(part.segment, []).append(corners_of(part.solid.bounds_mm()))
    for segment, own in corners.items():
        for points in np.split(pose.to_scan(np.concatenate(own), segment), len(own)):
            if points[:, 2].max() > z_low and points[:, 2].min() < z_high:
                low[:2] = np.minimum(low[:2], points[:, :2].min(axis=0))
                high[:2] = np.maximum(high[:2], points[:, :2].max(axis=0))
    low[:2] -= BODY_MARGIN_MM
    high[:2] += BODY_MARGIN_MM
    return low, high


def corners_of(box: np.ndarray) -> np.ndarray:
    """(8, 3) of a box (2, 3)."""
    return np.array(np.meshgrid(*box.T, indexing="ij")).reshape(3, -1).T


def grid_around(low: np.ndarray, high: np.ndarray, spacing_mm: tuple[float, ...], orientation: str) -> Geometry:
    """The smallest grid of this spacing whose voxels cover the RAS+ box, centred on it.

    orientation: towards where I, J and K grow, e.g. "LAS"; I must run along L-R, J along P-A, K along I-S.
    Raises ConfigError for any other string.
    """
    if len(orientation) != 3 or any(o not in pair for o, pair in zip(orientation, ("RL", "AP", "SI"), strict=True)):
        raise ConfigError(f"orientation {orientation!r} is not understood; expected one of R/L, A/P, S/I, e.g. 'LAS'")
    spacing = np.array(spacing_mm, dtype=np.float64)
    shape = np.maximum(1, np.ceil((high - low) / spacing - 1e-9)).astype(int)
    signs = np.array([1.0 if o in "RAS" else -1.0 for o in orientation])
    affine = np.diag([*(spacing * signs), 1.0])
    affine[:3, 3] = (low + high) / 2.0 - signs * spacing * (shape - 1) / 2.0
    return Geometry(affine, tuple(shape.tolist()))


def _pet_scan(
    patient: PatientDraw,
    exam: Exam,
    channel: str,
    truth: TracerTruth,
    mu_IJK: np.ndarray,
    lung_share_IJK: np.ndarray,
    grid: Geometry,
    pose: Pose,
    settings: PhantomSettings,
) -> PetScan:
    """What the scanner makes of one tracer's truth. mu_IJK: 1/cm at 511 keV. lung_share_IJK: 1 in lung."""
    facts = exam.acquisitions[channel]
    bq_ml_per_suv = 1.0 / known(facts.suv_factor)
    scanner = SCANNERS[exam.scanner]
    dome = pose.to_scan(np.array([patient.body.landmarks["diaphragm_dome"]]), "trunk")[0, 2]
    image = pet_image(
        truth.suv,
        mu_IJK,
        grid,
        scanner=scanner,
        counts=Counts(NUCLIDE[channel], bq_ml_per_suv, exam.seconds_per_bed if settings.noise else np.inf),
        lung_share_IJK=lung_share_IJK,
        breathing=Breathing(float(dome), exam.breathing_mm),
        seed=exam.seeds["noise"] + exam.channels.index(channel),
    )
    if exam.modality == "PET/MR":
        lower_near_bone(image, truth, grid, exam, settings)
    activity = float(truth.suv.sum(dtype=np.float64)) * grid.voxel_volume_ml * bq_ml_per_suv
    return PetScan(channel, Volume(image, grid, Quantity.SUVBW), truth, scanner, activity)


def lower_near_bone(
    image: np.ndarray, truth: TracerTruth, grid: Geometry, exam: Exam, settings: PhantomSettings
) -> None:
    """In place: an MR attenuation map has no bone, so PET reads 5-15 % low in and around it (clinical.md 7.6)."""
    bone = truth.of_tissue({"cortical_bone": 1.0, "bone_marrow": 0.5})
    sigma = [MR_BIAS_FWHM_MM / FWHM_PER_SIGMA / s for s in grid.spacing_mm]
    bone = gaussian_filter(bone, sigma, mode="constant", truncate=2.5)
    least, most = settings.mr_bias
    strength = least + (most - least) * float(np.random.default_rng(exam.seeds["misc"]).random())
    image *= np.exp(-np.float32(strength) * np.minimum(bone / FULL_BONE, 1.0))


def _render_ct(
    patient: PatientDraw, exam: Exam, foci: tuple[Focus, ...], pose: Pose, settings: PhantomSettings
) -> Volume:
    """CT in HU: venous phase, native in a third of patients; truncated at 500 mm; sometimes metal in a hip."""
    rng = np.random.default_rng(exam.seeds["misc"])
    spacing_pet = SCANNERS[exam.scanner].spacing_mm if settings.spacing_mm is None else settings.spacing_mm
    finer = tuple(max(f, c * s) for f, c, s in zip(CT_FINEST_MM, CT_SHARE, spacing_pet, strict=True))
    spacing = finer if settings.ct_spacing_mm is None else settings.ct_spacing_mm
    low, high = body_box(patient, pose, settings)
    low[:2], high[:2] = np.maximum(low[:2], -CT_FIELD_MM / 2 - 10.0), np.minimum(high[:2], CT_FIELD_MM / 2 + 10.0)
    grid = grid_around(low, high, spacing, "LPS")
    contrast = rng.random() > 0.33
    hu = {name: t.hu for name, t in TISSUES.items()} if contrast else {name: native_hu(name) for name in TISSUES}
    strength = 1.0 if contrast else 0.6

    def value(focus: Focus) -> tuple[float] | None:
        if focus.kind in LESION_KINDS or focus.kind == "inflamed_node":
            return (HU_OF_SITE[focus.site] * (1.0 if focus.site == "bone" else strength),)
        return {"fracture": (500.0,), "degenerative": (420.0,)}.get(focus.kind)

    (true,) = paint_values(patient.body, foci, Stage(grid, pose), [hu], value, -1000.0)
    noise_hu = float(rng.uniform(*settings.ct_noise_hu))
    metal: tuple[Metal, ...] = ()
    if rng.random() < settings.metal_share and "hip_left" in patient.body.joints:
        metal = (
            Metal(tuple(pose.to_scan(np.array([patient.body.joints["hip_left"]]), "thigh_left")[0].tolist()), 18.0),
        )
    image = ct_image(true, grid, noise_hu=noise_hu, kernel_fwhm_mm=2.5, seed=exam.seeds["ct_noise"], metal=metal)
    return Volume(image, grid, Quantity.HU)


def native_hu(tissue: str) -> float:
    """CT number without contrast medium: enhancing tissues fall to about that of muscle."""
    enhanced = {
        "blood": 42.0,
        "liver": 58.0,
        "spleen": 48.0,
        "kidney_cortex": 34.0,
        "kidney_medulla": 32.0,
        "myocardium": 45.0,
    }
    hu = TISSUES[tissue].hu
    if tissue in enhanced:
        return enhanced[tissue]
    return min(hu, 45.0) if 55.0 < hu < 185.0 and tissue not in ("cartilage", "tendon", "bone_marrow") else hu


def _render_mr(
    patient: PatientDraw, exam: Exam, foci: tuple[Focus, ...], pose: Pose, settings: PhantomSettings
) -> dict[str, Volume]:
    """Every sequence on its own grid, those of one grid painted together; echo-planar ones are bent along y."""
    factor = 1.0 if settings.spacing_mm is None else max(1.0, min(settings.spacing_mm) / 2.2)
    alike: dict[tuple, list[Sequence]] = {}
    for sequence in SEQUENCES.values():
        alike.setdefault((sequence.spacing_mm, sequence.distorted), []).append(sequence)
    found: dict[str, Volume] = {}
    for (spacing_mm, distorted), sequences in alike.items():
        own = _bent(pose, exam) if distorted else pose
        low, high = body_box(patient, own, settings)
        grid = grid_around(low, high, tuple(min(6.0, s * factor) for s in spacing_mm), "LPS")
        signals = [{name: s.signal(t) for name, t in TISSUES.items()} for s in sequences]
        lesion = [s.signal(LESION_TISSUE) for s in sequences]
        images = paint_values(patient.body, foci, Stage(grid, own), signals, lambda f, lesion=lesion: lesion, 0.0)
        for sequence, own_signals in zip(sequences, signals, strict=True):
            rng = np.random.default_rng([exam.seeds["mr_noise"], list(SEQUENCES).index(sequence.name)])
            brightest = max(own_signals.values())
            scale = float(np.exp(rng.normal(np.log(500.0), 0.4))) / brightest
            seed = int(rng.integers(2**62))
            image = mr_image(images.pop(0), grid, noise=sequence.noise * brightest, scale=scale, seed=seed)
            found[sequence.name] = Volume(image, grid, Quantity.MR)
    return {name: found[name] for name in SEQUENCES}


def _bent(pose: Pose, exam: Exam) -> Pose:
    """The pose under EPI distortion: a smooth shift along y, largest 2-8 mm, the same for both b values."""
    rng = np.random.default_rng([exam.seeds["misc"], 1])
    assert pose.displacement is not None, "a drawn posture has a displacement"
    values = pose.displacement.values.copy()
    field = gaussian_filter(rng.normal(size=values.shape[1:]), 1.0, mode="wrap")
    values[1] += field / np.abs(field).max() * float(rng.uniform(*EPI_SHIFT_MM))
    return replace(pose, displacement=replace(pose.displacement, values=values))
