import dataclasses
import json
import math

import numpy as np
import pytest

from netlesion.errors import CohortError, ConfigError
from netlesion.evaluate.case.localise import CaseCandidates
from netlesion.evaluate.case.outcome import MatchSettings
from netlesion.evaluate.case.result import COLUMNS
from netlesion.evaluate.case.score import evaluate_case
from netlesion.evaluate.cohort.interval import METHOD
from netlesion.evaluate.cohort.summary import summarise

SHAPE = (13, 11, 3)


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
    assert list(found["mean"]) == [c for c in COLUMNS if c not in ("case", "patient", "tracer", "scanner")]


def test_a_summary_states_its_settings_and_is_plain_json(counted, make):
    settings = MatchSettings(min_iou=0.25)
    first = evaluate_case("a", "a", *counted, settings=settings)
    rows = [dataclasses.replace(row, lesion_ppv=math.nan) for row in (first, make("b", "b", settings=settings))]
    found = summarise(rows, 11)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["match_settings"] == dataclasses.asdict(settings)
    assert found["interval"] == {
        "method": METHOD,
        "method_of_curves": "expanded BCa bootstrap over patients",
        "method_of_kappa": "expanded BCa over patients, and over patients and a quarter of one rated by chance",
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


def test_a_share_of_cases_has_an_interval_where_all_agree(make):
    """Five patients with lesions, all of them found: the exact interval of five; one healthy patient, called."""
    rows = [make(f"c{n}", f"p{n}", num_lesions_reference=1, num_lesions_prediction=1) for n in range(5)]
    rows.append(make("free", "p9", num_lesions_reference=0, num_lesions_prediction=2, num_true_positives=0))
    found = summarise(rows, 0)
    sensitivity, specificity = found["case_sensitivity"], found["case_specificity"]
    assert (sensitivity["value"], sensitivity["n"]) == (1.0, 5)
    assert (sensitivity["low"], sensitivity["high"]) == pytest.approx((0.025**0.2, 1.0))
    assert (specificity["value"], specificity["n"]) == (0.0, 1)
    assert specificity["high"] == pytest.approx(0.975)
    assert sensitivity["note"] == "only 5 patients; the interval is exact"
    rows.append(
        make("small", "p8", num_lesions_reference=0, num_dont_care=1, num_lesions_prediction=0, num_true_positives=0)
    )
    assert summarise(rows, 0)["case_specificity"] == specificity, "a lesion too small to count is a lesion"


def test_localisation_counts_the_patients_it_rests_on(make):
    rows = [
        make(f"c{n}", f"p{n}", candidates=CaseCandidates(f"c{n}", f"p{n}", n < 9, (0.8,), (n < 6,))) for n in range(12)
    ]
    found = summarise(rows, 0, remark="partial cohort")["localisation"]
    for name, n in (("hit_at_1", 9), ("mean_reciprocal_rank", 9), ("specificity_below_0.9", 3), ("lroc_area", 12)):
        assert found[name]["n"] == n
        assert found[name]["note"].startswith("partial cohort")
        assert (f"only {n} patients" in found[name]["note"]) == (n < 10)
    assert found["hit_at_1"]["value"] == pytest.approx(6 / 9)
    every = summarise(rows[:6], 0)["localisation"]["hit_at_1"]
    assert (every["low"], every["high"]) == pytest.approx((0.025 ** (1 / 6), 1.0))
    assert "no interval" not in every["note"]


def test_nonsense_cohorts_are_refused(make):
    with pytest.raises(CohortError, match="no case to summarise"):
        summarise([], 0)
    with pytest.raises(CohortError, match="case a was given 2 times"):
        summarise([make("a", "p1"), make("a", "p2")], 0)
    with pytest.raises(ConfigError, match="case b was matched under"):
        summarise([make("a", "p1"), make("b", "p2", settings=MatchSettings(min_iou=0.5))], 0)
