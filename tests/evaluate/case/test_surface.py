import math

import numpy as np
import pytest

from netlesion.evaluate.case.foreground import foreground
from netlesion.evaluate.case.surface import (
    hausdorff_mm,
    mean_surface_distance_mm,
    normalised_surface_dice,
    surface_distances,
    surface_voxels,
)

SPACING_MM = (2.0, 3.0, 4.0)


def points(mask, spacing_mm=SPACING_MM):
    surface = surface_voxels(foreground(mask))
    return surface.index_N3[surface.of_mask_N] * np.array(spacing_mm)


def ball(shape, centre, radius_mm, spacing_mm=SPACING_MM):
    axes = np.ogrid[tuple(slice(0, n) for n in shape)]
    return sum(((x - c) * s) ** 2 for x, c, s in zip(axes, centre, spacing_mm, strict=True)) <= radius_mm**2


def test_the_surface_of_a_box_is_what_an_erosion_takes_away():
    mask = np.zeros((7, 9, 11), bool)
    mask[1:6, 2:7, 3:8] = True
    surface = surface_voxels(foreground(mask))
    assert len(surface.index_N3) == 125 - 27
    assert surface.inside_N.all()
    mask[:] = True
    surface = surface_voxels(foreground(mask))
    assert len(surface.index_N3) == 7 * 9 * 11 - 5 * 7 * 9  # beyond the array is outside
    assert not surface.inside_N.any()


def test_touching_instances_have_a_surface_between_them_that_the_mask_has_not():
    labels = np.zeros((5, 9, 5), np.uint16)
    labels[1:4, 1:4, 1:4], labels[1:4, 4:7, 1:4] = 3, 8
    surface = surface_voxels(foreground(labels))
    assert sorted(set(surface.label_N.tolist())) == [3, 8]
    assert (surface.label_N == 3).sum() == 26
    assert surface.of_mask_N.sum() == 54 - 4  # four voxels lie inside the mask along y


def test_two_single_voxels_three_apart():
    one, other = np.zeros((5, 7, 9), bool), np.zeros((5, 7, 9), bool)
    one[1, 2, 3] = other[1, 3, 3] = True
    distances = surface_distances(points(one), points(other))
    assert hausdorff_mm(distances) == mean_surface_distance_mm(distances) == 3.0
    assert normalised_surface_dice(distances, 3.0) == 1.0
    assert normalised_surface_dice(distances, 2.999) == 0.0


def test_an_empty_mask_has_no_distance():
    empty, full = np.zeros((5, 7, 9), bool), np.ones((5, 7, 9), bool)
    for pair in ((empty, full), (full, empty), (empty, empty)):
        distances = surface_distances(*map(points, pair))
        assert math.isnan(hausdorff_mm(distances))
        assert math.isnan(normalised_surface_dice(distances, 2.0))
        assert math.isnan(mean_surface_distance_mm(distances))


def test_more_tolerance_is_never_less_agreement_and_order_does_not_matter():
    one, other = ball((21, 17, 15), (9, 8, 7), 14), ball((21, 17, 15), (10, 8, 8), 12)
    distances = surface_distances(points(one), points(other))
    scores = [normalised_surface_dice(distances, mm) for mm in (0, 1, 2, 3, 4, 6, 40)]
    assert scores == sorted(scores)
    assert scores[-1] == 1.0
    back = surface_distances(points(other), points(one))
    assert hausdorff_mm(back) == hausdorff_mm(distances)
    assert normalised_surface_dice(back, 2.0) == normalised_surface_dice(distances, 2.0)


def random_masks(seed):
    rng = np.random.default_rng(seed)
    shape = (19, 15, 13)
    one = ball(shape, rng.uniform(5, 9, 3), rng.uniform(6, 12))
    other = ball(shape, rng.uniform(5, 9, 3), rng.uniform(6, 12)) | (rng.random(shape) < 0.01)
    return one, other


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_monai(seed):
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("monai.metrics")
    one, other = random_masks(seed)
    distances = surface_distances(points(one), points(other))
    g, p = (torch.from_numpy(m)[None, None] for m in (one, other))
    for mm in (2.0, 4.0):
        monai = metrics.compute_surface_dice(p, g, [mm], include_background=True, spacing=SPACING_MM)
        assert normalised_surface_dice(distances, mm) == pytest.approx(float(monai), abs=1e-6)
    for percentile in (95, 100):
        monai = metrics.compute_hausdorff_distance(
            p, g, include_background=True, percentile=percentile, spacing=SPACING_MM
        )
        assert hausdorff_mm(distances, percentile) == pytest.approx(float(monai), rel=1e-6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(4))
def test_is_near_to_surface_distance_which_weighs_by_area(seed):
    theirs = pytest.importorskip("surface_distance")
    spacing_mm = (1.0, 1.5, 2.0)
    rng = np.random.default_rng(seed)
    shape = (41, 33, 27)
    one = ball(shape, (20, 16, 13), rng.uniform(9, 12), spacing_mm)
    other = ball(shape, (20, 16, 13) + rng.uniform(-2, 2, 3), rng.uniform(9, 12), spacing_mm)
    ours = surface_distances(points(one, spacing_mm), points(other, spacing_mm))
    expected = theirs.compute_surface_distances(one, other, spacing_mm)
    assert hausdorff_mm(ours) == pytest.approx(theirs.compute_robust_hausdorff(expected, 95), abs=1.0)
    for mm in (2.0, 4.0):
        score = theirs.compute_surface_dice_at_tolerance(expected, mm)
        assert normalised_surface_dice(ours, mm) == pytest.approx(score, abs=0.15)


def test_a_distance_at_the_tolerance_is_within_it_though_a_file_rounds_its_voxels():
    """Two planes 4 mm apart; voxels of 2 mm that a file's float32 made 2.00000005 mm."""
    for spacing in (2.0, 2.00000005, 1.99999995):
        distances = surface_distances(*(np.array([[x * spacing, y, 0.0] for y in range(5)]) for x in (0, 2)))
        assert normalised_surface_dice(distances, 4.0) == 1.0
        assert normalised_surface_dice(distances, 3.99) == 0.0
