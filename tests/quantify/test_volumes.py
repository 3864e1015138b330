"""Volumes by threshold, hand-counted in a row of voxels of 0.1 ml."""

import numpy as np
import pytest

from netlesion.image.geometry import Geometry
from netlesion.quantify.box import LesionBox
from netlesion.quantify.volumes import secondary_volumes

SPACING = (4.0, 5.0, 5.0)


def box_of(values, mask, other=()):
    """A row along the first axis in the middle of a field of zeros."""
    shape = (len(values), 3, 3)
    suv, labels = np.zeros(shape), np.zeros(shape, np.uint8)
    suv[:, 1, 1] = values
    labels[list(mask), 1, 1] = 7
    labels[list(other), 1, 1] = 2
    return LesionBox(np.zeros(3, int), suv, labels, 7, Geometry(np.diag([*SPACING, 1.0]), shape))


def test_every_threshold_is_counted():
    """A lesion of 3, 4, 10, 4.3, 4; half of 10 over a background of 2 is 6."""
    found = secondary_volumes(box_of([1, 3, 4, 10, 4.3, 4, 1], range(1, 6)), 2.0)
    assert found.fixed4_ml == pytest.approx(0.4)
    assert found.rel41_ml == pytest.approx(0.2)
    assert found.rel45_grown_ml == pytest.approx(0.1)
    assert found.rel45_suvmean == 10.0
    assert found.adaptive_ml == pytest.approx(0.1)
    assert found.num_basins == 1


def test_45_percent_grows_one_voxel_beyond_the_mask_and_no_further():
    found = secondary_volumes(box_of([5, 6, 10, 7, 6, 5.5], [2, 3]), None)
    assert found.rel45_grown_ml == pytest.approx(0.4)  # 6, 10, 7, 6
    assert found.rel45_suvmean == pytest.approx((6 + 10 + 7 + 6) / 4)
    assert found.adaptive_ml is None


def test_45_percent_does_not_grow_into_another_lesion_or_over_a_gap():
    assert secondary_volumes(box_of([1, 6, 10, 7, 6], [2, 3], other=[4]), None).rel45_grown_ml == pytest.approx(0.3)
    assert secondary_volumes(box_of([5, 1, 10, 7, 2], range(5)), None).rel45_grown_ml == pytest.approx(0.2)


def test_a_cold_lesion_of_confluent_disease_does_not_vanish():
    """Peaks of 20 and 6, 16 mm apart, with a saddle of 2: 41 % is 8.2 of one and 2.46 of the other."""
    found = secondary_volumes(box_of([10, 20, 9, 2, 5, 6, 3], range(7)), 1.0)
    assert found.num_basins == 2
    assert found.rel41_ml == pytest.approx(0.6)
    assert found.rel45_grown_ml == pytest.approx(0.6)
    assert found.adaptive_ml == pytest.approx(0.3)  # at least 10.5: 20; at least 3.5: 5 and 6
