"""qkrenning by the table of clinical.md 3.2, the hottest lesions, and uptake and background of a place."""

from __future__ import annotations

import numpy as np
import pytest

from netlesion.answers.uptake import hottest, qkrenning, shell_around, uptake_at, voxels_at
from tests.answers.patients import GRID, ball, lesion, organ_map, pet, with_image


@pytest.mark.parametrize(
    ("x", "score"),
    [(0.5, 0), (1.0, 0), (1.01, 1), (3.99, 1), (4.0, 2), (5.5, 2), (5.51, 3), (20.0, 3), (20.1, 4), (100.0, 4)],
)
def test_qkrenning_of_blood_1_liver_5_spleen_20(x, score):
    assert qkrenning(x, 1.0, 5.0, 20.0) == score


def test_qkrenning_without_spleen_or_blood_pool_or_with_a_spleen_below_the_liver():
    assert qkrenning(100.0, 1.0, 5.0, None) == 3
    assert qkrenning(0.1, None, 5.0, 20.0) == 1
    assert qkrenning(5.6, 1.0, 5.0, 4.0) == 4


@pytest.mark.parametrize("factor", [0.1, 3.0])
def test_qkrenning_does_not_know_the_unit(factor):
    for x in np.linspace(0.1, 30, 50):
        assert qkrenning(x * factor, factor, 5 * factor, 20 * factor) == qkrenning(x, 1.0, 5.0, 20.0)


def test_reader_scored_medians_come_out_as_scored():
    """J Nucl Med 2019;60 suppl 1:1535: medians 2.8, 4, 10.7 and 22.6 of scores 1 to 4, with a liver of 4.2."""
    assert [qkrenning(x, 1.5, 4.2, 18.0) for x in (2.8, 4.0, 10.7, 22.6)] == [1, 2, 3, 4]


def test_the_hottest_lesions_are_at_most_so_many_of_one_organ():
    lesions = [lesion(n, "liver", suv=50 - n) for n in range(1, 6)] + [
        lesion(6, "bone", suv=5),
        lesion(7, "node", suv=4),
    ]
    assert [x.lesion_id for x in hottest(lesions, 5, 3)] == [1, 2, 3, 6, 7]
    assert [x.lesion_id for x in hottest(lesions, 2, 3)] == [1, 2]


def test_uptake_of_a_place_is_that_of_its_voxels():
    one = with_image(pet(lesion(1, at=(0, 0, 0), radius_mm=15, suv=8.0)))
    found = uptake_at(one.read_suv(), voxels_at(one, ball((0, 0, 0), 5)))
    assert (found.mean, found.max) == (8.0, 8.0)
    assert found.peak == pytest.approx(8.0, rel=1e-6)
    assert uptake_at(one.read_suv(), voxels_at(one, np.array([[900.0, 0, 0]]))) is None


def test_a_shell_leaves_lesions_and_hot_organs_out():
    other = lesion(2, at=(22, 0, 0), radius_mm=6, suv=50.0)
    one = with_image(pet(lesion(1, radius_mm=8, suv=9.0), other), 1.0, spots=[((0, 0, 20), 6, 30.0)])
    voxels = voxels_at(one, one.lesions[0].points_mm)
    hot = shell_around(one, one.read_suv(), voxels, 5, 15)
    assert hot.mean > 1.0
    from dataclasses import replace

    mapped = replace(one, read_organs=lambda: organ_map(kidney_left=((0, 0, 20), 8)))
    clean = shell_around(mapped, one.read_suv(), voxels, 5, 15, ("kidney",))
    assert (clean.mean, clean.sd) == (1.0, 0.0)
    distance = np.linalg.norm(GRID.to_world(voxels), axis=1).max()
    assert clean.num_voxels * GRID.voxel_volume_ml < 4.19e-3 * (distance + 16) ** 3
