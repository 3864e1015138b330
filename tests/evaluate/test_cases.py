import dataclasses
import json
import math
from itertools import permutations, product

import numpy as np
import pytest

from netlesion.errors import CohortError, ConfigError, GeometryError, QuantityError
from netlesion.evaluate.cases import COLUMNS, CaseResult, evaluate_case, summarise
from netlesion.evaluate.outcome import MatchSettings
from netlesion.volume import Quantity

SHAPE = (13, 11, 3)
ML = 0.024  # the oblique, left-handed grid of conftest


@pytest.fixture
def counted(label):
    """Reference: 6 voxels found in full, 5 on the border missed. Prediction: those 6, and 4 invented."""
    reference = label(SHAPE, np.s_[2:5, 2:4, 1], np.s_[12, 6:11, 2])
    prediction = label(SHAPE, np.s_[2:5, 2:4, 1], np.s_[8:12, 0, 0])
    return reference, prediction


@pytest.fixture
def make(counted):
    """make("case", "patient", ...) -> that row, with fields replaced."""
    row = evaluate_case("a", "a", *counted)
    return lambda case, patient, **changes: dataclasses.replace(row, case=case, patient=patient, **changes)


def test_a_case_counted_by_hand(counted):
    found = evaluate_case("sub-01_ses-1_trc-dotatate", "sub-01", *counted).row()
    assert found == pytest.approx(
        {
            "case": "sub-01_ses-1_trc-dotatate",
            "patient": "sub-01",
            "dice": 12 / 21,
            "autopet_dice": 12 / 21,
            "autopet_fpv_ml": 4 * ML,
            "autopet_fnv_ml": 5 * ML,
            "lesion_sensitivity": 1 / 2,
            "lesion_ppv": 1 / 2,
            "lesion_f1": 1 / 2,
            "num_lesions_reference": 2,
            "num_lesions_prediction": 2,
            "num_true_positives": 1,
            "num_false_positives": 1,
            "num_false_negatives": 1,
            "num_splits": 0,
            "num_merges": 0,
            "volume_reference_ml": 11 * ML,
            "volume_prediction_ml": 10 * ML,
        }
    )


def test_columns_are_the_fields_in_order_each_with_a_meaning_and_a_unit():
    assert [*COLUMNS, "settings"] == [f.name for f in dataclasses.fields(CaseResult)]
    for column, entry in COLUMNS.items():
        assert set(entry) == {"Description", "Units"}
        assert column.endswith("_ml") == (entry["Units"] == "ml")


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
    reference = label(SHAPE, {1: np.s_[0:3, 0:3, 0]}, {5: np.s_[3:6, 0:3, 0]})
    found = evaluate_case("a", "a", reference, label(SHAPE, np.s_[0:3, 0:3, 0]))
    assert (found.num_lesions_reference, found.num_true_positives) == (2, 1)
    assert found.autopet_fnv_ml == 0  # one component of the mask, and it is touched


def test_permuting_axes_and_flipping_changes_no_number(counted, turned):
    expected = evaluate_case("a", "a", *counted).row()
    for axes, flips in product(permutations(range(3)), product((False, True), repeat=3)):
        found = evaluate_case("a", "a", *(turned(v, list(axes), flips) for v in counted)).row()
        assert found == pytest.approx(expected), (axes, flips)


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


def test_a_summary_pools_lesions_and_counts_false_positives_for_each_patient(make):
    def row(case, patient, tp, lesions, fp, sensitivity):
        return make(
            case,
            patient,
            num_true_positives=tp,
            num_lesions_reference=lesions,
            num_false_positives=fp,
            lesion_sensitivity=sensitivity,
        )

    rows = [
        row("p1-a", "p1", 1, 1, 2, 1.0),
        row("p1-b", "p1", 0, 0, 3, math.nan),
        row("p2-a", "p2", 2, 8, 0, 0.25),
    ]
    found = summarise(rows, 0)
    assert (found["num_cases"], found["num_patients"]) == (3, 2)
    assert found["pooled_lesion_sensitivity"]["value"] == pytest.approx(3 / 9)
    assert found["false_positives_per_patient"]["value"] == pytest.approx(5 / 2)
    assert found["mean"]["lesion_sensitivity"]["value"] == pytest.approx(0.625)
    assert found["mean"]["lesion_sensitivity"]["note"].startswith("1 of 3 cases have no value and are left out; only 2")
    assert found["mean"]["dice"]["n"] == 2
    assert list(found["mean"]) == [c for c in COLUMNS if c not in ("case", "patient")]


def test_a_summary_states_its_settings_and_is_plain_json(counted, make):
    settings = MatchSettings(min_iou=0.25)
    first = evaluate_case("a", "a", *counted, settings=settings)
    rows = [dataclasses.replace(row, lesion_ppv=math.nan) for row in (first, make("b", "b", settings=settings))]
    found = summarise(rows, 11)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["match_settings"] == dataclasses.asdict(settings)
    assert found["interval"] == {
        "method": "bootstrap-t over patients",
        "confidence": 0.95,
        "num_resamples": 2000,
        "seed": 11,
    }
    assert found["mean"]["lesion_ppv"]["value"] is None


def test_a_summary_depends_on_the_seed_alone(make):
    values = np.linspace(0, 1, 12) ** 2
    rows = [make(f"c{n}", f"p{n % 11}", dice=float(v)) for n, v in enumerate(values)]
    assert summarise(rows, 0) == summarise(rows, 0)
    assert summarise(rows[::-1], 0)["mean"]["dice"] == pytest.approx(summarise(rows, 0)["mean"]["dice"])
    assert summarise(rows, 1)["mean"]["dice"]["low"] != summarise(rows, 0)["mean"]["dice"]["low"]


def test_nonsense_cohorts_are_refused(make):
    with pytest.raises(CohortError, match="no case to summarise"):
        summarise([], 0)
    with pytest.raises(CohortError, match="case a was given 2 times"):
        summarise([make("a", "p1"), make("a", "p2")], 0)
    with pytest.raises(ConfigError, match="case b was matched under"):
        summarise([make("a", "p1"), make("b", "p2", settings=MatchSettings(min_iou=0.5))], 0)
