"""Projections show the body the right way round, in true proportions."""

import itertools

import numpy as np
import pytest

from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.report.mip import OUTLINE_RGB, PIXEL_MM, mip_rgb


def body(orientation):
    """A hot spot in the right upper front corner (x, y, z large), on a grid of any orientation."""
    order, flips = orientation
    spacing = np.array([4.0, 2.0, 6.0])
    shape = np.array([11, 9, 7])
    canonical = np.zeros(shape)
    canonical[9, 7, 5] = 20.0
    affine = np.eye(4)
    columns = np.diag(spacing * flips)
    affine[:3, :3] = columns[:, order]
    affine[:3, 3] = [(shape[a] - 1) * spacing[a] if flips[a] < 0 else 0.0 for a in range(3)]
    array = np.flip(canonical, [a for a in range(3) if flips[a] < 0]).transpose(order)
    return Volume(array, Geometry(affine, array.shape), Quantity.SUVBW)


ORIENTATIONS = [([0, 1, 2], (1, 1, 1)), ([0, 1, 2], (-1, -1, 1)), ([2, 0, 1], (-1, 1, -1)), ([1, 2, 0], (1, -1, 1))]


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_right_is_left_head_is_up_front_is_left_on_the_sagittal(orientation):
    suv = body(orientation)
    lesions = suv.with_array((suv.array > 10).astype(np.uint8), Quantity.LABEL)
    picture = mip_rgb(suv, lesions)
    coronal_width = round(11 * 4.0 / PIXEL_MM)
    red = np.argwhere((picture == OUTLINE_RGB).all(axis=-1))
    coronal, sagittal = red[red[:, 1] < coronal_width], red[red[:, 1] > coronal_width]
    assert picture.shape[0] == round(7 * 6.0 / PIXEL_MM)
    assert coronal[:, 0].max() < picture.shape[0] / 2, "z large is up"
    assert coronal[:, 1].max() < coronal_width / 2, "the patient's right is on the left"
    assert sagittal[:, 1].max() - coronal_width - 6 < 9 * 2.0 / PIXEL_MM / 2, "anterior is on the left"


def test_no_lesion_no_red():
    suv = body(ORIENTATIONS[0])
    picture = mip_rgb(suv, suv.with_array(np.zeros(suv.array.shape, np.uint8), Quantity.LABEL))
    assert not (picture == OUTLINE_RGB).all(axis=-1).any()
    assert picture.min() < 30


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flip", [(), (0,), (0, 1), (2,)])
def test_the_picture_does_not_depend_on_how_the_array_runs(order, flip):
    rng = np.random.default_rng(0)
    array = rng.gamma(1.0, 2.0, size=(11, 13, 9))
    labels = (rng.uniform(size=array.shape) > 0.97).astype(np.uint8)
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    turned = affine.copy()
    for axis in flip:
        turned[:3, 3] += turned[:3, axis] * (array.shape[axis] - 1)
        turned[:3, axis] *= -1
    turned[:3, :3] = turned[:3, list(order)]
    pictures = []
    for matrix, run in ((affine, lambda a: a), (turned, lambda a: np.flip(a, flip).transpose(order))):
        geometry = Geometry(matrix, run(array).shape)
        suv, lesions = (Volume(run(a), geometry, q) for a, q in ((array, Quantity.SUVBW), (labels, Quantity.LABEL)))
        pictures.append(mip_rgb(suv, lesions))
    assert np.array_equal(*pictures)
