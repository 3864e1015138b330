"""Confluent disease in a row of voxels of 4 mm, whose uptake can be read."""

import numpy as np
import pytest
from scipy import ndimage

from netlesion.errors import QuantityError
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.quantify.split import basins, split_lesions

SPACING = (4.0, 3.0, 5.0)


def row(*values, axis=0):
    shape = [1, 1, 1]
    shape[axis] = len(values)
    return np.array(values, float).reshape(shape)


def split_row(*values, axis=0, spacing=(4.0, 4.0, 4.0)):
    suv = row(*values, axis=axis)
    return basins(suv, suv > 0, spacing).ravel().tolist()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_two_peaks_with_a_deep_saddle_16_mm_apart_are_two(axis):
    """The saddle of 6 is 25 % below the lower peak of 8, which is just enough; its voxel goes up the steeper side."""
    assert split_row(5, 8, 7, 6, 7.5, 10, 5, axis=axis) == [2, 2, 2, 1, 1, 1, 1]
    assert split_row(5, 8, 7.5, 6, 7, 10, 5, axis=axis) == [2, 2, 2, 2, 1, 1, 1]


def test_a_shallow_saddle_joins_them():
    assert split_row(5, 8, 7, 6.1, 7, 10, 5) == [1] * 7


def test_peaks_nearer_than_12_mm_are_one_however_deep_the_saddle():
    """Peaks two voxels apart: 8 mm, and 12 mm where voxels are longer."""
    assert split_row(5, 8, 1, 10, 5) == [1] * 5
    assert split_row(5, 8, 1, 10, 5, spacing=(6.0, 4.0, 4.0)) == [2, 2, 1, 1, 1]


def test_a_low_peak_goes_to_the_neighbour_over_the_highest_saddle():
    """Peaks of 20, 5 and 12; from the one of 5 the way to 12 (over 4.5) is higher than that to 20 (over 2)."""
    assert split_row(20, 15, 10, 2, 5, 4.5, 8, 12, 8) == [1, 1, 1, 1, 2, 2, 2, 2, 2]


def test_a_plateau_is_one_peak_and_outside_the_mask_is_none():
    assert split_row(0, 7, 7, 7, 7, 7, 0) == [0, 1, 1, 1, 1, 1, 0]
    assert basins(np.ones((2, 3, 4)), np.zeros((2, 3, 4), bool), SPACING).max() == 0


def blobs(centres, shape=(30, 25, 21), fwhm_mm=12.0):
    grid = np.stack(np.meshgrid(*(np.arange(n) * s for n, s in zip(shape, SPACING, strict=True)), indexing="ij"), -1)
    sigma = fwhm_mm / 2.355
    return sum(h * np.exp(-((grid - c) ** 2).sum(-1) / 2 / sigma**2) for c, h in centres)


def test_blobs_with_noise_are_found_and_the_hottest_is_first():
    centres = [((30, 30, 50), 10.0), ((60, 30, 50), 20.0), ((60, 55, 70), 15.0)]
    suv = blobs(centres) + np.random.default_rng(3).normal(0, 0.2, (30, 25, 21)) + 1
    mask = suv > 2.5
    found = basins(suv, mask, SPACING)
    assert found.max() == 3
    assert [int(found[tuple(np.rint(np.array(c) / SPACING).astype(int))]) for c, _ in centres] == [3, 1, 2]
    assert np.array_equal(found > 0, mask)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_flipped_image_is_split_alike(axis):
    suv = blobs([((30, 30, 50), 10.0), ((60, 30, 50), 20.0)]) + np.random.default_rng(1).uniform(0, 0.3, (30, 25, 21))
    mask = suv > 2
    assert np.array_equal(
        np.flip(basins(np.flip(suv, axis), np.flip(mask, axis), SPACING), axis), basins(suv, mask, SPACING)
    )


def test_basins_without_rules_are_those_of_scikit_image():
    """Its watershed floods from every maximum; the two differ by the voxels on the ridge alone."""
    segmentation = pytest.importorskip("skimage.segmentation")
    suv = ndimage.gaussian_filter(np.random.default_rng(7).random((23, 19, 17)), 2.0)
    mask = suv > np.percentile(suv, 30)
    ours = basins(suv, mask, SPACING, min_contrast=0.0, min_distance_mm=0.0)
    maxima = ndimage.label((suv == ndimage.maximum_filter(suv, footprint=np.ones((3, 3, 3)))) & mask)[0]
    theirs = segmentation.watershed(-suv, maxima, mask=mask, connectivity=ndimage.generate_binary_structure(3, 2))
    assert ours.max() >= maxima.max()
    same = sum(np.bincount(ours[theirs == n]).max() for n in range(1, theirs.max() + 1))
    assert same / mask.sum() > 0.9


def test_a_label_map_is_split_lesion_by_lesion_and_numbered_by_size():
    geometry = Geometry(np.diag([-4.0, 4.0, 3.0, 1.0]), (9, 5, 7))
    suv, labels = np.zeros(geometry.shape), np.zeros(geometry.shape, np.uint8)
    suv[:7, 1, 1], labels[:7, 1, 1] = [5, 8, 7, 4, 7.5, 10, 5], 1
    suv[2:5, 3, 5], labels[2:5, 3, 5] = 3, 4
    pet = Volume(suv, geometry, Quantity.SUVBW)
    found = split_lesions(Volume(labels, geometry, Quantity.LABEL), pet).array
    assert found[:7, 1, 1].tolist() == [2, 2, 2, 1, 1, 1, 1]
    assert found[2:5, 3, 5].tolist() == [3, 3, 3]
    with pytest.raises(QuantityError, match="SUVBW"):
        split_lesions(pet, pet)
