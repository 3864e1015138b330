import dataclasses
import math
from itertools import permutations, product

import numpy as np
import pytest

from netlesion.errors import GeometryError, QuantityError
from netlesion.evaluate.case.result import COLUMNS, CaseResult
from netlesion.evaluate.case.score import evaluate_case
from netlesion.image.volume import Quantity

SHAPE = (13, 11, 3)
ML = 0.024  # the oblique, left-handed grid of conftest


@pytest.fixture
def counted(label):
    """Reference: 6 voxels found in full, 5 on the border missed. Prediction: those 6, and 4 invented."""
    reference = label(SHAPE, np.s_[2:5, 2:4, 1], np.s_[12, 6:11, 2])
    prediction = label(SHAPE, np.s_[2:5, 2:4, 1], np.s_[8:12, 0, 0])
    return reference, prediction


def test_a_case_counted_by_hand(counted):
    found = evaluate_case("sub-01_ses-1_trc-dotatate", "sub-01", *counted).row()
    assert found == pytest.approx(
        {
            "case": "sub-01_ses-1_trc-dotatate",
            "patient": "sub-01",
            "tracer": "",
            "scanner": "",
            "dice": 12 / 21,
            "nsd_2mm": 12 / 21,  # every voxel of so small a lesion is surface
            "nsd_4mm": 12 / 21,
            "hd95_mm": pytest.approx(found["hd95_mm"]),
            "volume_reference_ml": 11 * ML,
            "volume_prediction_ml": 10 * ML,
            "volume_shared_ml": 6 * ML,
            "tlsre_reference_g": math.nan,
            "tlsre_prediction_g": math.nan,
            "autopet_dice": 12 / 21,
            "autopet_fpv_ml": 4 * ML,
            "autopet_fnv_ml": 5 * ML,
            "autopet1_dice": 12 / 21,
            "autopet1_fpv_ml": 4 * ML,
            "autopet1_fnv_ml": 5 * ML,
            "deep_psma_surface_dice": 12 / 21,
            "deep_psma_suv_mean_ratio": math.nan,
            "deep_psma_volume_ratio": 10 / 11,
            "num_voxels_reference": 11,
            "num_voxels_prediction": 10,
            "num_voxels_shared": 6,
            "lesion_sensitivity": 1 / 2,
            "lesion_ppv": 1 / 2,
            "lesion_f1": 1 / 2,
            "panoptic_quality": 1 / 2,
            "num_lesions_reference": 2,
            "num_lesions_prediction": 2,
            "num_true_positives": 1,
            "num_false_positives": 1,
            "num_false_negatives": 1,
            "num_splits": 0,
            "num_merges": 0,
            "num_dont_care": 0,
            "max_score": math.nan,
            "top_candidate_hit": math.nan,
            "culprit_reciprocal_rank": math.nan,
        },
        nan_ok=True,
    )


def test_columns_are_the_fields_in_order_each_with_a_meaning_and_a_unit():
    rest = ["lesions", "detections", "candidates", "panoptic", "remarks", "settings"]
    assert [*COLUMNS, *rest] == [f.name for f in dataclasses.fields(CaseResult)]
    for column, entry in COLUMNS.items():
        assert set(entry) == {"Description", "Units"}
        assert column.endswith("_ml") == (entry["Units"] == "ml")
        assert column.endswith("_mm") == (entry["Units"] == "mm")


def test_both_empty(label):
    found = evaluate_case("a", "a", label(SHAPE), label(SHAPE)).row()
    assert found["dice"] == 1.0
    for column in ("autopet_dice", "autopet_fnv_ml", "lesion_sensitivity", "lesion_ppv", "lesion_f1"):
        assert math.isnan(found[column])
    assert found["autopet_fpv_ml"] == found["volume_reference_ml"] == found["num_lesions_prediction"] == 0


def test_one_empty(counted, label):
    reference, prediction = counted
    missed = evaluate_case("a", "a", reference, label(SHAPE))
    assert (missed.dice, missed.autopet_dice, missed.lesion_sensitivity, missed.lesion_f1) == (0, 0, 0, 0)
    assert math.isnan(missed.lesion_ppv)
    assert (missed.autopet_fpv_ml, missed.autopet_fnv_ml) == (0, pytest.approx(11 * ML))
    invented = evaluate_case("a", "a", label(SHAPE), prediction)
    assert (invented.dice, invented.lesion_ppv, invented.lesion_f1) == (0, 0, 0)
    assert math.isnan(invented.lesion_sensitivity)
    assert invented.autopet_fpv_ml == pytest.approx(10 * ML)


def test_a_dont_care_lesion_is_in_the_volume_and_not_in_the_count(label):
    found = evaluate_case("a", "a", label(SHAPE, np.s_[0, 0, 0:2]), label(SHAPE))
    assert (found.num_lesions_reference, found.num_false_negatives) == (0, 0)
    assert math.isnan(found.lesion_sensitivity)
    assert found.volume_reference_ml == pytest.approx(2 * ML)


def test_instances_enter_the_challenge_metrics_as_one_mask(label):
    reference = label(SHAPE, {1: np.s_[0:3, 0:3, 0]}, {2: np.s_[3:6, 0:3, 0]})
    found = evaluate_case("a", "a", reference, label(SHAPE, np.s_[0:3, 0:3, 0]))
    assert (found.num_lesions_reference, found.num_true_positives) == (2, 1)
    assert found.autopet_fnv_ml == 0  # one component of the mask, and it is touched


def test_permuting_axes_and_flipping_changes_no_number(counted, turned):
    expected = evaluate_case("a", "a", *counted).row()
    for axes, flips in product(permutations(range(3)), product((False, True), repeat=3)):
        found = evaluate_case("a", "a", *(turned(v, list(axes), flips) for v in counted)).row()
        assert found == pytest.approx(expected, nan_ok=True), (axes, flips)


def test_probability_and_suv_reach_the_matching(label):
    reference, prediction = label(SHAPE, np.s_[0:3, 5, 1]), label(SHAPE, np.s_[2:13, 4:7, 0:3])
    values = np.zeros(SHAPE, dtype=np.float32)
    values[3, 5, 1] = 0.4  # beside the lesion: found by this peak, not by overlap
    assert evaluate_case("a", "a", reference, prediction).num_true_positives == 0
    for keyword, quantity in (("probability", Quantity.PROBABILITY), ("suv", Quantity.SUVBW)):
        image = {keyword: reference.with_array(values, quantity)}
        assert evaluate_case("a", "a", reference, prediction, **image).num_true_positives == 1


def test_an_error_names_the_case_and_keeps_its_kind(counted, label):
    reference, prediction = counted
    with pytest.raises(QuantityError, match="^case sub-9: the prediction holds PROBABILITY, expected LABEL"):
        evaluate_case("sub-9", "sub-9", reference, prediction.with_array(prediction.array, Quantity.PROBABILITY))
    with pytest.raises(GeometryError, match="^case sub-9: the reference and the prediction are on different grids"):
        evaluate_case("sub-9", "sub-9", reference, label((13, 11, 5)))
