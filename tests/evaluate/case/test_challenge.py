import math

import numpy as np
import pytest
from scipy import ndimage

from netlesion.evaluate.case.challenge import (
    autopet1_dice,
    autopet1_fnv_ml,
    autopet1_fpv_ml,
    autopet_dice,
    autopet_fnv_ml,
    autopet_fpv_ml,
    deep_psma_surface_dice,
    deep_psma_suv_mean_ratio,
    deep_psma_volume_ratio,
    hecktor_dice_aggregated,
    hecktor_f1_aggregated,
)

SHAPE = (7, 11, 5)
ML = 0.024


def published(gt, pred, voxel_ml):
    """The organisers' loop over components, one at a time, with scipy's labelling in place of cc3d."""
    structure = ndimage.generate_binary_structure(3, 2)
    false_positive = false_negative = 0
    labels, count = ndimage.label(pred, structure)
    for n in range(1, count + 1):
        if not (gt & (labels == n)).any():
            false_positive += (labels == n).sum()
    labels, count = ndimage.label(gt, structure)
    for n in range(1, count + 1):
        if not (pred & (labels == n)).any():
            false_negative += (labels == n).sum()
    return false_positive * voxel_ml, false_negative * voxel_ml


def test_one_lesion_touched_by_a_voxel_one_missed_one_invented():
    reference, prediction = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    reference[0:2, 0:3, 0] = True  # 6 voxels, touched at one: detected, whatever the overlap
    reference[6, 10, :] = True  # 5 voxels on the border, missed
    prediction[1, 2, 0:4] = True  # 4 voxels, one of them inside
    prediction[4, 5, 3:5] = True  # 2 voxels, invented
    assert autopet_fpv_ml(reference, prediction, voxel_volume_ml=ML) == pytest.approx(2 * ML)
    assert autopet_fnv_ml(reference, prediction, voxel_volume_ml=ML) == pytest.approx(5 * ML)
    assert autopet_dice(reference, prediction) == pytest.approx(2 * 1 / (11 + 6))


def test_components_join_over_edges_and_not_over_corners():
    reference, prediction = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    reference[3, 3, 3] = True
    prediction[3, 3, 3] = prediction[4, 4, 3] = True  # joined over an edge: hit as a whole
    assert autopet_fpv_ml(reference, prediction, voxel_volume_ml=ML) == 0
    prediction[4, 4, 3], prediction[4, 4, 4] = False, True  # over a corner: a component of its own
    assert autopet_fpv_ml(reference, prediction, voxel_volume_ml=ML) == pytest.approx(ML)


def test_a_prediction_that_bridges_everything_has_no_false_volume():
    reference = np.zeros(SHAPE, bool)
    reference[0, 0, 0] = reference[6, 10, 4] = True
    everything = np.ones(SHAPE, bool)
    assert autopet_fpv_ml(reference, everything, voxel_volume_ml=ML) == 0
    assert autopet_fnv_ml(reference, everything, voxel_volume_ml=ML) == 0


def test_empty_masks():
    empty, voxel = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    voxel[6, 0, 4] = True
    assert math.isnan(autopet_dice(empty, empty))
    assert math.isnan(autopet_dice(empty, voxel))
    assert autopet_dice(voxel, empty) == 0.0
    assert math.isnan(autopet_fnv_ml(empty, empty, voxel_volume_ml=ML))
    assert math.isnan(autopet_fnv_ml(empty, voxel, voxel_volume_ml=ML))
    assert autopet_fnv_ml(voxel, empty, voxel_volume_ml=ML) == pytest.approx(ML)
    assert autopet_fpv_ml(empty, empty, voxel_volume_ml=ML) == 0.0
    assert autopet_fpv_ml(voxel, empty, voxel_volume_ml=ML) == 0.0
    assert autopet_fpv_ml(empty, voxel, voxel_volume_ml=ML) == pytest.approx(ML)


@pytest.mark.parametrize("seed", range(8))
def test_agrees_with_the_published_loop(seed):
    reference, prediction = np.random.default_rng(seed).random((2, *SHAPE)) < 0.06
    false_positive, false_negative = published(reference, prediction, ML)
    assert autopet_fpv_ml(reference, prediction, voxel_volume_ml=ML) == pytest.approx(false_positive)
    assert autopet_fnv_ml(reference, prediction, voxel_volume_ml=ML) == pytest.approx(false_negative)
    assert false_positive > 0


@pytest.mark.filterwarnings("ignore")
def test_dice_agrees_with_monai_that_ignores_empty_references():
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("monai.metrics")
    masks = np.random.default_rng(1).random((5, 2, *SHAPE)) < 0.3
    masks[0, 0] = False
    masks[1, 1] = False
    monai = metrics.DiceMetric(include_background=True, reduction="none", ignore_empty=True)
    expected = monai(torch.tensor(masks[:, 1][:, None]).float(), torch.tensor(masks[:, 0][:, None]).float())
    found = [autopet_dice(g, p) for g, p in masks]
    assert found == pytest.approx(expected.ravel().tolist(), abs=1e-6, nan_ok=True)
    assert math.isnan(found[0])


def published_first(gt, pred):
    """autoPET I/II val_script.py: Dice without a special case, components over the whole arrays."""
    total = gt.sum() + pred.sum()
    overlap = 2 * (gt * pred).sum() / total if total else math.nan
    return overlap, *published(gt, pred, ML)


def test_autopet_one_and_three_differ_where_the_reference_is_empty():
    empty, voxel = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    voxel[6, 0, 4] = True
    assert math.isnan(autopet1_dice(empty, empty))
    assert autopet1_dice(empty, voxel) == 0.0  # NaN in III/IV, and so left out of the mean
    assert autopet1_fnv_ml(empty, voxel, voxel_volume_ml=ML) == 0.0  # NaN in III/IV
    assert autopet1_fpv_ml(empty, voxel, voxel_volume_ml=ML) == pytest.approx(ML)


@pytest.mark.parametrize("seed", range(3))
def test_autopet_one_agrees_with_the_published_loop(seed):
    reference, prediction = np.random.default_rng(seed).random((2, *SHAPE)) < 0.06
    expected = published_first(reference, prediction)
    assert autopet1_dice(reference, prediction) == pytest.approx(expected[0])
    assert autopet1_fpv_ml(reference, prediction, voxel_volume_ml=ML) == pytest.approx(expected[1])
    assert autopet1_fnv_ml(reference, prediction, voxel_volume_ml=ML) == pytest.approx(expected[2])


def test_a_shift_by_one_voxel_ruins_surface_dice_at_tolerance_zero():
    reference, prediction = np.zeros((2, 11, 9, 7), bool)
    reference[2:5, 2:5, 2:5] = True
    prediction[3:6, 2:5, 2:5] = True  # of 26 contour voxels each, 16 lie on the other's
    assert deep_psma_surface_dice(reference, reference) == 1.0
    assert deep_psma_surface_dice(reference, prediction) == pytest.approx(16 / 26)
    assert math.isnan(deep_psma_surface_dice(reference & False, reference & False))
    assert deep_psma_surface_dice(reference, reference & False) == 0.0


@pytest.mark.parametrize("seed", range(4))
def test_surface_dice_agrees_with_the_published_one_of_simpleitk(seed):
    sitk = pytest.importorskip("SimpleITK")
    rng = np.random.default_rng(seed)
    masks = rng.random((2, 11, 9, 7)) < 0.4
    masks[:, :4, :5, :3] = True  # up to the border of the image, where ITK draws no contour
    contours = [sitk.LabelContour(sitk.GetImageFromArray(m.astype(np.uint8)) == 1, False) for m in masks]
    distance = sitk.Abs(sitk.SignedMaurerDistanceMap(contours[1], squaredDistance=False, useImageSpacing=True))
    on_g, on_p = (sitk.GetArrayFromImage(c) == 1 for c in contours)
    expected = 2 * (sitk.GetArrayFromImage(distance)[on_g] == 0).sum() / (on_g.sum() + on_p.sum())
    assert deep_psma_surface_dice(*masks) == pytest.approx(expected)


def test_ratios_of_deep_psma_look_at_amounts_and_not_at_places():
    reference, prediction = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    reference[0:2, 0, 0], prediction[5:7, 9, 3:5] = True, True
    suv = np.ones(SHAPE)
    suv[5:7] = 3.0
    assert deep_psma_volume_ratio(reference, prediction) == 2.0
    assert deep_psma_suv_mean_ratio(reference, prediction, suv) == 3.0
    assert math.isnan(deep_psma_volume_ratio(reference & False, prediction))
    assert math.isnan(deep_psma_suv_mean_ratio(reference, prediction & False, suv))


def test_hecktor_sums_before_it_divides():
    assert hecktor_dice_aggregated([10, 0], [10, 2], [10, 0]) == pytest.approx(20 / 22)  # the mean would be 1/2
    assert hecktor_dice_aggregated([0, 0], [0, 0], [0, 0]) == 1.0  # a class absent everywhere
    assert hecktor_f1_aggregated([3, 0], [1, 0], [0, 2]) == pytest.approx(6 / 9)
    assert hecktor_f1_aggregated([], [], []) == 1.0
