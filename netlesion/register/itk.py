"""The bridge to SimpleITK: images, masks and transforms, RAS+ here and LPS there. Imports it when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netlesion.errors import ConfigError
from netlesion.image.geometry import Geometry
from netlesion.image.transform import RigidTransform
from netlesion.image.volume import Volume

if TYPE_CHECKING:
    import SimpleITK

LPS = np.diag([-1.0, -1.0, 1.0])


def simpleitk():
    """The library, on one thread: sums of many threads differ from run to run. ConfigError where it is missing."""
    try:
        import SimpleITK
    except ImportError as error:
        raise ConfigError("registration needs SimpleITK, which is not installed; pip install SimpleITK") from error
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    return SimpleITK


def image_of(array_IJK: np.ndarray, geometry: Geometry) -> SimpleITK.Image:
    """An image that lies where the array does."""
    sitk = simpleitk()
    image = sitk.GetImageFromArray(np.ascontiguousarray(np.transpose(array_IJK)))
    spacing = geometry.spacing_mm
    image.SetSpacing(spacing)
    image.SetOrigin((LPS @ geometry.affine_ras[:3, 3]).tolist())
    image.SetDirection((LPS @ geometry.affine_ras[:3, :3] / spacing).ravel().tolist())
    return image


def volume_image(volume: Volume) -> SimpleITK.Image:
    """A Volume as a SimpleITK image, float32."""
    return image_of(volume.array.astype(np.float32), volume.geometry)


def to_itk(transform: RigidTransform, centre_mm: np.ndarray) -> SimpleITK.Euler3DTransform:
    """The same motion of points, about a centre (RAS+ mm) of the fixed world."""
    sitk = simpleitk()
    turn = LPS @ transform.matrix[:3, :3] @ LPS
    centre = LPS @ centre_mm
    made = sitk.Euler3DTransform()
    made.SetCenter(centre.tolist())
    made.SetMatrix(turn.ravel().tolist(), 1e-6)
    made.SetTranslation((LPS @ transform.matrix[:3, 3] + turn @ centre - centre).tolist())
    return made


def from_itk(transform: SimpleITK.Transform) -> RigidTransform:
    """A rigid SimpleITK transform of points (fixed to moving) as ours."""
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    turn = np.stack([np.array(transform.TransformPoint(tuple(e))) - origin for e in np.eye(3)], axis=1)
    matrix = np.eye(4)
    matrix[:3, :3] = LPS @ turn @ LPS
    matrix[:3, 3] = LPS @ origin
    return RigidTransform(matrix)
