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


def test_a_lesion_is_kept_whole_where_its_peak_is_high_enough():
    """Two components of 0.3: the larger has a voxel of 0.9, the smaller of 0.5."""
    array = np.zeros(GRID.shape, dtype=np.float32)
    array[1, 1, 1:5], array[5, 3, 7:10] = 0.3, 0.3
    array[1, 1, 2], array[5, 3, 8] = 0.5, 0.9
    probability = Volume(array, GRID, Quantity.PROBABILITY)
    kept = extract(probability, 0.2, peak_threshold=0.6).array
    assert np.argwhere(kept == 1).tolist() == [[5, 3, 7], [5, 3, 8], [5, 3, 9]]
    assert kept.max() == 1
    assert extract(probability, 0.2, peak_threshold=0.5).array.max() == 2
    assert extract(probability, 0.2, peak_threshold=0.95).array.max() == 0
    assert extract(probability, 0.2).array.max() == 2
