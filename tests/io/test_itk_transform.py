"""Every kind of rigid transform that is read moves points as SimpleITK moves them; others are refused."""

import numpy as np
import pytest

from netlesion.errors import CohortError, GeometryError
from netlesion.io.itk_transform import read_rigid_ras

sitk = pytest.importorskip("SimpleITK")
POINTS_RAS = np.array([[0.0, 0, 0], [100, -20, 7], [-3, 250, -400]])


def euler(zyx=False):
    transform = sitk.Euler3DTransform((3.0, -40.0, 500.0), 0.11, -0.23, 0.31, (7.0, -11.0, 23.0))
    transform.SetComputeZYX(zyx)
    return transform


def versor():
    return sitk.VersorRigid3DTransform(
        sitk.VersorTransform((0.0, 0.6, 0.8), 0.4).GetVersor(), (1.0, 2.0, 3.0), (9.0, 8, 7)
    )


def affine():
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(euler().GetMatrix())
    transform.SetTranslation((5.0, 6.0, -7.0))
    transform.SetCenter((1.0, 2.0, 30.0))
    return transform


@pytest.mark.parametrize(
    "transform", [euler(), euler(zyx=True), versor(), affine(), sitk.TranslationTransform(3, (1.0, -2.0, 3.5))]
)
def test_points_go_where_simpleitk_takes_them(tmp_path, transform):
    sitk.WriteTransform(transform, str(tmp_path / "x.tfm"))
    matrix = read_rigid_ras(tmp_path / "x.tfm")
    for x, y, z in POINTS_RAS:
        there = transform.TransformPoint((-x, -y, z))
        assert (matrix @ (x, y, z, 1))[:3] == pytest.approx((-there[0], -there[1], there[2]), abs=1e-4)


def test_what_is_not_rigid_or_no_transform_is_refused(tmp_path):
    scaled = sitk.AffineTransform(3)
    scaled.Scale(1.02)
    sitk.WriteTransform(scaled, str(tmp_path / "scaled.tfm"))
    with pytest.raises(GeometryError, match="scales, shears or mirrors"):
        read_rigid_ras(tmp_path / "scaled.tfm")
    sitk.WriteTransform(sitk.CompositeTransform([euler(), affine()]), str(tmp_path / "two.tfm"))
    with pytest.raises(CohortError, match="transforms, expected one"):
        read_rigid_ras(tmp_path / "two.tfm")
    sitk.WriteTransform(sitk.ScaleTransform(3), str(tmp_path / "scale.tfm"))
    with pytest.raises(CohortError, match="ScaleTransform with 3 parameters cannot be read"):
        read_rigid_ras(tmp_path / "scale.tfm")
    (tmp_path / "text.tfm").write_text("hello\n")
    with pytest.raises(CohortError, match="not an ITK transform file"):
        read_rigid_ras(tmp_path / "text.tfm")
    with pytest.raises(CohortError, match="no such file"):
        read_rigid_ras(tmp_path / "absent.tfm")
