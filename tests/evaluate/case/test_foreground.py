import numpy as np
import pytest

from netlesion.evaluate.case.foreground import foreground


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.uint32])
@pytest.mark.parametrize("order", ["C", "F"])
def test_agrees_with_numpys_unique_whatever_the_layout(dtype, order):
    rng = np.random.default_rng(0)
    labels = np.asarray((rng.random((7, 5, 3)) < 0.4) * rng.integers(1, 9, (7, 5, 3)), dtype=dtype, order=order)
    found = foreground(labels)
    index = np.argwhere(labels)
    ids, owner, sizes = np.unique(labels[tuple(index.T)], return_inverse=True, return_counts=True)
    assert found.index_N3.tolist() == index.tolist()
    assert found.ids_L.tolist() == ids.tolist()
    assert found.owner_N.tolist() == owner.tolist()
    assert found.sizes_L.tolist() == sizes.tolist()
    image = np.asarray(rng.random(labels.shape), order=order)
    assert found.at(image).tolist() == image[tuple(index.T)].tolist()


def test_large_labels_take_no_table():
    labels = np.zeros((5, 3, 2), np.uint32)
    labels[1, 2, 0], labels[4, 0, 1], labels[4, 1, 1] = 4_000_000_000, 7, 7
    found = foreground(labels)
    assert found.ids_L.tolist() == [7, 4_000_000_000]
    assert found.sizes_L.tolist() == [2, 1]
    assert found.centroid_L3.tolist() == [[4, 0.5, 1], [1, 2, 0]]


def test_an_empty_map_has_no_voxel_label_or_centroid():
    found = foreground(np.zeros((5, 3, 2), np.uint8))
    assert (len(found.flat_N), len(found.ids_L), found.centroid_L3.shape) == (0, 0, (0, 3))


def test_the_label_at_a_place_is_that_of_the_nearest_voxel_and_0_outside():
    labels = np.zeros((5, 3, 2), np.uint8)
    labels[4, 2, 1] = 9
    found = foreground(labels)
    assert found.labels_at(np.array([[4.4, 1.6, 1], [3.4, 2, 1], [4.6, 2, 1], [-1, 0, 0]])).tolist() == [9, 0, 0, 0]
