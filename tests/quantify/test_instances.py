import numpy as np
import pytest
from scipy import ndimage

from netlesion.errors import QuantityError
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.quantify.instances import components, extract, instances, voxels_by_label

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


def test_a_lesion_smaller_than_asked_for_is_left_out():
    """Three components of 1, 2 and 4 voxels of 0.048 ml."""
    mask = np.zeros(GRID.shape, np.uint8)
    mask[0, 0, 0] = mask[3, 0, 0] = mask[3, 1, 0] = 1
    mask[5, 3, 4:8] = 1
    probability = Volume(mask * 0.9, GRID, Quantity.PROBABILITY)
    assert [int(extract(probability, 0.5, min_volume_ml=v).array.max()) for v in (0.0, 0.048, 0.096, 0.1, 0.2)] == [
        3, 3, 2, 1, 0,
    ]  # fmt: skip
    assert int(instances(label(mask), min_volume_ml=0.06).array.max()) == 2
    assert extract(probability, 0.5, min_volume_ml=0.1).array[5, 3, 4] == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_recomputed_result_has_the_same_ids(seed):
    """As numbers in whatever order memory holds them, as a crop of a larger scan, and from its own label map."""
    mask = np.random.default_rng(seed).random(GRID.shape) > 0.8
    first = components(label(mask)).array
    assert np.array_equal(components(label(np.asfortranarray(mask))).array, first)
    padded = np.pad(mask, 2)
    larger = Volume(padded, Geometry(np.diag([-4.0, 4.0, 3.0, 1.0]), padded.shape), Quantity.LABEL)
    assert np.array_equal(components(larger).array[2:-2, 2:-2, 2:-2], first)
    assert np.array_equal(instances(label((first > 0).astype(np.uint8))).array, first)
    assert np.array_equal(instances(label(first)).array, first)


@pytest.mark.parametrize("order", ["C", "F"])
def test_voxels_of_a_label_map_come_label_by_label_in_array_order(order):
    labels = np.zeros(GRID.shape, np.uint8, order=order)
    labels[1, 4, 2], labels[1, 0, 9], labels[0, 3, 3], labels[6, 4, 10] = 2, 2, 2, 9
    found = [(n, voxels.tolist()) for n, voxels in voxels_by_label(labels)]
    assert found == [(2, [[0, 3, 3], [1, 0, 9], [1, 4, 2]]), (9, [[6, 4, 10]])]
    assert list(voxels_by_label(np.zeros(GRID.shape, np.uint8, order=order))) == []
