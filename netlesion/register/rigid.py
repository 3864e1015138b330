"""Rigid registration of one image to another by mutual information (Mattes), coarse to fine, with SimpleITK.

Takes two Volumes of any quantities, returns the motion that takes points of the fixed image to the moving one. Both
directions are registered and their mean is kept; how far they disagree is the pair's inverse-consistency error. Same
images, same seed, same transform: sampling is seeded and one thread sums. Knows nothing about files or what is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from netlesion.image.transform import RigidTransform, grid_points
from netlesion.image.volume import Volume
from netlesion.preprocess.harmonise import resample
from netlesion.register.itk import from_itk, simpleitk, to_itk, volume_image
from netlesion.register.itk import image_of as itk_image
from netlesion.register.metric import Referee, compressed
from netlesion.register.trunk import body, diaphragm_z_mm, trunk, without_breathing

#: Images finer than this are made this coarse first [P]: a rigid motion has six unknowns and a million voxels.
WORKING_MM = 4.0
#: (voxel in mm, Gaussian sigma in mm) of each level [P].
LEVELS = ((16.0, 8.0), (8.0, 4.0), (4.0, 2.0))
#: How many places in the mask the metric looks at on each level, where there are as many [P].
SAMPLES = (7_000, 16_000, 33_000)
#: Shifts tried along the body before the optimiser starts, in mm, where headers say nothing [P].
SEARCH_MM = tuple(range(-240, 241, 24))


@dataclass(frozen=True, eq=False)
class Prepared:
    """An image ready for a metric: about 4 mm, intensities compressed, where its trunk, diaphragm and body are."""

    image: Volume
    mask: np.ndarray
    dome_z_mm: float | None = None
    body: np.ndarray | None = None

    @property
    def centre_mm(self) -> np.ndarray:
        """(3,) RAS+ mm: the middle of the trunk, or of the image where there is none."""
        places = np.argwhere(self.mask) if self.mask.any() else (np.array([self.image.geometry.shape]) - 1) / 2.0
        return self.image.geometry.to_world(places.mean(axis=0)[None])[0]

    def still(self, dome_z_mm: float | None) -> Prepared:
        """The same image with a mask that breathing leaves alone."""
        index = np.zeros((self.image.geometry.shape[2], 3))
        index[:, 2] = np.arange(len(index))
        z = self.image.geometry.to_world(index)[:, 2]
        return Prepared(self.image, without_breathing(self.mask, z, dome_z_mm), dome_z_mm)

    def trunk_points(self, most: int = 2000) -> np.ndarray:
        """(N, 3) RAS+ mm: places spread over the trunk at which transforms are compared."""
        places = np.flatnonzero(self.mask)
        return grid_points(self.image.geometry, places[:: max(1, places.size // most)])


def prepare(volume: Volume) -> Prepared:
    """Axes to RAS+, voxels to WORKING_MM where finer, intensities compressed, the trunk found."""
    spacing = tuple(max(WORKING_MM, s) for s in volume.geometry.resampled(volume.geometry.spacing_mm).spacing_mm)
    coarse = resample(volume, volume.geometry.resampled(spacing))
    whole = body(coarse)
    inside = trunk(whole)
    return Prepared(compressed(coarse), inside, diaphragm_z_mm(coarse, inside), whole)


@dataclass(frozen=True, eq=False)
class RigidFit:
    """The mean of both directions, and how far apart they are over the trunk (median, mm)."""

    transform: RigidTransform
    inverse_consistency_mm: float


def register_rigid(fixed: Prepared, moving: Prepared, *, same_frame: bool, seed: int = 0) -> RigidFit:
    """same_frame: the scanner holds both in one world (PET/CT), so the optimiser starts from the headers, and what
    breathing moves is not looked at: there the two differ by their breathing, and no rigid motion can mend that.
    """
    if same_frame:
        dome = moving.dome_z_mm if fixed.dome_z_mm is None else fixed.dome_z_mm
        fixed, moving = fixed.still(dome), moving.still(dome)
    start = None if same_frame else coarse_shift(fixed, moving)
    start = RigidTransform(np.eye(4)) if start is None else start
    there = optimised(fixed, moving, start, seed)
    back = optimised(moving, fixed, start.inverse(), seed + 1)
    points = fixed.trunk_points()
    apart = np.linalg.norm(back.apply(there.apply(points)) - points, axis=1) if len(points) else np.array([np.inf])
    return RigidFit(mean_of(there, back.inverse(), fixed.centre_mm), float(np.median(apart)))


def coarse_shift(fixed: Prepared, moving: Prepared) -> RigidTransform:
    """The best of the headers' alignment and of middle over middle, each shifted along the body."""
    referee = Referee(fixed.image, moving.image, fixed.mask, most_points=6000)
    middle = moving.centre_mm - fixed.centre_mm
    best, best_score = np.zeros(3), referee.score(None)
    for base in (np.zeros(3), middle, middle * [1.0, 1.0, 0.0]):
        for z in SEARCH_MM:
            shift = base + [0.0, 0.0, float(z)]
            score = referee.score(_shifted(shift))
            if score > best_score:
                best, best_score = shift, score
    return _shifted(best)


def mean_of(first: RigidTransform, second: RigidTransform, centre_mm: np.ndarray) -> RigidTransform:
    """Half-way between two motions: mean turn, and mean of where the centre goes."""
    turn = Rotation.from_matrix(np.stack([first.matrix[:3, :3], second.matrix[:3, :3]])).mean().as_matrix()
    goes = (first.apply(centre_mm[None])[0] + second.apply(centre_mm[None])[0]) / 2.0
    matrix = np.eye(4)
    matrix[:3, :3] = turn
    matrix[:3, 3] = goes - turn @ centre_mm
    return RigidTransform(matrix)


def _shifted(shift_mm: np.ndarray) -> RigidTransform:
    matrix = np.eye(4)
    matrix[:3, 3] = shift_mm
    return RigidTransform(matrix)


def _shares(fixed: Prepared) -> list[float]:
    """SAMPLES as shares of the voxels of each level's grid."""
    finest = min(fixed.image.geometry.spacing_mm)
    counts = [max(int(fixed.mask.sum()), 1) / max(1, round(mm / finest)) ** 3 for mm, _ in LEVELS]
    return [min(1.0, wanted / count) for wanted, count in zip(SAMPLES, counts, strict=True)]


def optimised(fixed: Prepared, moving: Prepared, start: RigidTransform, seed: int) -> RigidTransform:
    """The motion of most mutual information over the fixed mask, from a start; the start where nothing is seen."""
    sitk = simpleitk()
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentagePerLevel(_shares(fixed), seed + 1)
    if fixed.mask.any():
        method.SetMetricFixedMask(itk_image(fixed.mask.astype(np.uint8), fixed.image.geometry))
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel([max(1, round(mm / min(fixed.image.geometry.spacing_mm))) for mm, _ in LEVELS])
    method.SetSmoothingSigmasPerLevel([sigma for _, sigma in LEVELS])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=4.0, minStep=0.02, numberOfIterations=80, relaxationFactor=0.6, gradientMagnitudeTolerance=1e-7
    )
    method.SetOptimizerScalesFromPhysicalShift()
    motion = to_itk(start, fixed.centre_mm)
    method.SetInitialTransform(motion, inPlace=True)
    try:
        method.Execute(volume_image(fixed.image), volume_image(moving.image))
    except RuntimeError:  # ITK's way to say that every sample left the moving image: there is no fit to improve on
        return start
    return from_itk(motion)
