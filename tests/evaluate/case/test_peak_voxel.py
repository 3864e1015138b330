import numpy as np
import pytest

from netlesion.errors import GeometryError
from netlesion.evaluate.case.peak_voxel import peak_voxels

SHAPE = (7, 11, 5)


@pytest.fixture
def two(label):
    """Label 3: a row of five along K. Label 9: three voxels along J on the border."""
    return label(SHAPE, {3: np.s_[2, 5, 0:5]}, {9: np.s_[6, 8:11, 4]})


def found(peaks):
    return {(int(n), *map(int, i)) for n, i in zip(peaks.labels_N, peaks.index_N3, strict=True)}


def test_without_values_it_is_the_voxel_nearest_the_centroid(two):
    assert found(peak_voxels(two.array, two.geometry)) == {(3, 2, 5, 2), (9, 6, 9, 4)}


def test_with_values_it_is_the_highest_inside_the_lesion(two):
    values = np.zeros(SHAPE, dtype=np.float32)
    values[2, 5, 4] = 0.3
    values[6, 8, 4] = 0.2
    values[0, 0, 0] = 0.9  # in no lesion
    assert found(peak_voxels(two.array, two.geometry, values)) == {(3, 2, 5, 4), (9, 6, 8, 4)}


def test_of_a_plateau_it_is_the_voxel_nearest_the_centroid_and_all_if_they_tie(two):
    values = np.ones(SHAPE, dtype=np.float32)
    assert found(peak_voxels(two.array, two.geometry, values)) == {(3, 2, 5, 2), (9, 6, 9, 4)}
    values[2, 5, 2] = values[6, 9, 4] = 0
    assert found(peak_voxels(two.array, two.geometry, values)) == {
        (3, 2, 5, 1),
        (3, 2, 5, 3),
        (9, 6, 8, 4),
        (9, 6, 10, 4),
    }


def test_nearest_is_in_millimetres(label):
    """An L: counted in voxels the long limb is nearer to the centroid, but its steps are 2 mm and the other's 4 mm."""
    lesion = label(SHAPE, np.s_[0:5, 3, 0], np.s_[0, 3, 1:4])
    index = np.argwhere(lesion.array)
    distance = {}
    for name, position in (("mm", lesion.geometry.to_world(index)), ("voxels", index)):
        away = np.linalg.norm(position - position.mean(axis=0), axis=1)
        distance[name] = index[away.argmin()].tolist()
    assert distance["mm"] != distance["voxels"]
    assert found(peak_voxels(lesion.array, lesion.geometry)) == {(1, *distance["mm"])}


def test_no_lesion_has_no_peak(label):
    empty = label(SHAPE)
    assert found(peak_voxels(empty.array, empty.geometry)) == set()


def test_values_on_another_grid_are_refused(two):
    with pytest.raises(GeometryError, match="image of values has shape"):
        peak_voxels(two.array, two.geometry, np.ones((7, 11, 4)))
