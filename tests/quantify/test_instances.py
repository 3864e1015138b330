import numpy as np
import pytest
from scipy import ndimage

from netlesion.errors import QuantityError
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.quantify.instances import components, extract, instances

GRID = Geometry(np.diag([-4.0, 4.0, 3.0, 1.0]), (7, 5, 11))


def label(array):
    return Volume(array, GRID, Quantity.LABEL)


def test_agrees_with_scipy_18_connectivity():
    mask = np.random.default_rng(0).random(GRID.shape) > 0.7
    ours = components(label(mask)).array
    theirs, count = ndimage.label(mask, ndimage.generate_binary_structure(3, 2))
    assert ours.max() == count
    assert len(set(zip(ours[mask].tolist(), theirs[mask].tolist(), strict=True))) == count


def test_edge_neighbours_are_one_lesion_corner_neighbours_are_two():
    edge, corner = np.zeros(GRID.shape, bool), np.zeros(GRID.shape, bool)
    edge[1, 1, 1] = edge[2, 2, 1] = True
    corner[1, 1, 1] = corner[2, 2, 2] = True
    assert components(label(edge)).array.max() == 1
    assert components(label(corner)).array.max() == 2


def test_the_largest_lesion_is_number_one():
    mask = np.zeros(GRID.shape, bool)
    mask[0, 0, 0] = True
    mask[3:6, 2:4, 5:8] = True
    assert components(label(mask)).array[4, 3, 6] == 1


def test_a_binary_mask_is_split_and_instances_are_kept():
    mask = np.zeros(GRID.shape, np.uint8)
    mask[0, 0, 0] = mask[6, 4, 10] = 1
    assert instances(label(mask)).array.max() == 2
    mask[6, 4, 10] = 7
    assert set(np.unique(instances(label(mask)).array)) == {0, 1, 7}


def test_the_threshold_is_inclusive_and_nothing_above_it_is_no_lesion():
    probability = Volume(np.full(GRID.shape, 0.5), GRID, Quantity.PROBABILITY)
    assert extract(probability, 0.5).array.max() == 1
    assert extract(probability, 0.6).array.max() == 0
    with pytest.raises(QuantityError, match="PROBABILITY"):
        extract(label(np.zeros(GRID.shape)), 0.5)
