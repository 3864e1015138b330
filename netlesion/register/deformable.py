"""From a rigid fit to a displacement field: a B-spline that raises mutual information, with SimpleITK.

Takes a pair that lies roughly right, returns a field on a coarse grid over the fixed image. Control points lie about
MESH_MM apart, so that organs move and lesions are not squeezed. Knows nothing about whether the result can be trusted.
"""

from __future__ import annotations

import numpy as np

from netlesion.image.geometry import Geometry
from netlesion.image.transform import DisplacementField, RigidTransform, grid_points
from netlesion.register.itk import LPS, image_of, simpleitk, to_itk, volume_image
from netlesion.register.rigid import Prepared

#: Distance of control points, and of the grid on which the field is kept [P]; clinical.md 7.4's motions are as smooth.
MESH_MM, FIELD_MM = 70.0, 8.0
#: (voxel in mm, Gaussian sigma in mm) of each level, and what fraction of the mask's voxels the metric sees.
LEVELS = ((12.0, 6.0), (8.0, 3.0))
SAMPLING = (0.6, 0.25)
ITERATIONS = 25


def refine(fixed: Prepared, moving: Prepared, rigid: RigidTransform, seed: int = 0) -> DisplacementField:
    """The rigid motion with a smooth deformation after it, as one field on the fixed world."""
    sitk = simpleitk()
    image = volume_image(fixed.image)
    extent = np.array(fixed.image.geometry.shape) * fixed.image.geometry.spacing_mm
    mesh = np.maximum(1, np.rint(extent / MESH_MM)).astype(int).tolist()
    spline = sitk.BSplineTransformInitializer(image, mesh, order=3)
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentagePerLevel(list(SAMPLING), seed + 1)
    method.SetMetricFixedMask(image_of(fixed.mask.astype(np.uint8), fixed.image.geometry))
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel([max(1, round(mm / min(fixed.image.geometry.spacing_mm))) for mm, _ in LEVELS])
    method.SetSmoothingSigmasPerLevel([sigma for _, sigma in LEVELS])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetOptimizerAsLBFGSB(
        gradientConvergenceTolerance=1e-6, numberOfIterations=ITERATIONS, maximumNumberOfCorrections=5,
        maximumNumberOfFunctionEvaluations=3 * ITERATIONS,
    )  # fmt: skip
    method.SetMovingInitialTransform(to_itk(rigid, fixed.centre_mm))
    method.SetInitialTransform(spline, inPlace=True)
    method.Execute(image, volume_image(moving.image))
    return _field(sitk, spline, rigid, fixed.image.geometry)


def _field(sitk, spline, rigid: RigidTransform, geometry: Geometry) -> DisplacementField:
    """Points of the fixed world go through the spline, then through the rigid motion."""
    grid = geometry.resampled((FIELD_MM,) * 3)
    sampled = sitk.TransformToDisplacementField(
        spline, sitk.sitkVectorFloat64, grid.shape,
        (LPS @ grid.affine_ras[:3, 3]).tolist(), grid.spacing_mm,
        (LPS @ grid.affine_ras[:3, :3] / grid.spacing_mm).ravel().tolist(),
    )  # fmt: skip
    bent = sitk.GetArrayFromImage(sampled).transpose(2, 1, 0, 3).reshape(-1, 3) @ LPS
    points = grid_points(grid)
    return DisplacementField((rigid.apply(points + bent) - points).reshape(*grid.shape, 3), grid)
