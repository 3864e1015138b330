"""Reliability of scores in a summary: bins, ECE and Brier counted by hand, before and after a recalibration."""

import dataclasses
import math

import numpy as np
import pytest

from netlesion.errors import CohortError, QuantityError
from netlesion.evaluate.case.detections import CaseDetections
from netlesion.evaluate.case.score import evaluate_points
from netlesion.evaluate.cohort.interval import Resampling
from netlesion.evaluate.cohort.reliability import detections_of, score_reliability
from netlesion.statistics.calibration import Recalibration


@pytest.fixture
def cases(label):
    """cases({"a": [(0.3, True)], ...}) -> results of one case per patient with these scored detections."""
    empty = evaluate_points("x", "x", label((7, 11, 5)), np.zeros((0, 3)), ())

    def make(rows):
        found = []
        for name, pairs in rows.items():
            scores, true = tuple(s for s, _ in pairs), tuple(t for _, t in pairs)
            detections = CaseDetections(name, name, scores, true, ())
            found.append(dataclasses.replace(empty, case=name, patient=name, detections=detections))
        return found

    return make


ROWS = {"a": [(0.3, True), (0.95, True)], "b": [(0.35, False)], "c": [(1.0, True)], "d": []}


def test_bins_ece_and_brier_by_hand(cases):
    found = score_reliability(cases(ROWS), Resampling(0, 50, "partial cohort"))
    bins = [(b["from"], b["to"], b["num_detections"], b["share_true"]["value"]) for b in found["reliability"]]
    assert bins == [(0.3, 0.4, 2, 0.5), (0.9, 1.0, 2, 1.0)]
    assert found["reliability"][0]["mean_score"] == pytest.approx(0.325)
    calibration = found["calibration"]
    assert (calibration["num_detections"], calibration["num_true"]) == (4, 3)
    assert calibration["ece"]["value"] == pytest.approx((2 * 0.175 + 2 * 0.025) / 4)
    assert calibration["brier"]["value"] == pytest.approx((0.7**2 + 0.05**2 + 0.35**2 + 0) / 4)
    for name in ("ece", "brier"):
        assert calibration[name]["n"] == 3
        assert calibration[name]["note"].startswith("partial cohort")
        assert "only 3 patients" in calibration[name]["note"]
    assert "recalibrated" not in calibration


def test_a_recalibration_stands_beside_the_scores_as_they_are(cases):
    halves = Recalibration(2.0, (), frozenset({"z"}))
    results = cases(ROWS)
    plain, found = (score_reliability(results, Resampling(0, 50), r)["calibration"] for r in (None, halves))
    assert found["ece"] == plain["ece"]
    after = found["recalibrated"]
    assert (after["method"], after["temperature"], after["num_patients_learned_on"]) == ("temperature", 2.0, 1)
    softer = [1 / (1 + math.sqrt((1 - s) / s)) for s in (0.3, 0.95, 0.35)]
    brier = ((1 - softer[0]) ** 2 + (1 - softer[1]) ** 2 + softer[2] ** 2) / 4
    assert after["brier"]["value"] == pytest.approx(brier, abs=2e-6)  # the score of 1 is held 1e-6 away
    assert [b["num_detections"] for b in after["reliability"]] == [1, 1, 1, 1]
    assert [d.score_calibrated for d in detections_of(results, halves)][:2] == pytest.approx(softer[:2])


def test_what_has_no_calibration_says_why(cases):
    resampling = Resampling(0, 20)
    assert score_reliability(cases({"a": []}), resampling)["calibration"] == {"not_run": "nothing was predicted"}
    ends = score_reliability(cases({"a": [(0.0, False)], "b": [(1.0, True)]}), resampling)["calibration"]
    assert ends["ece"]["value"] == ends["brier"]["value"] == 0.0
    ratings = score_reliability(cases({"a": [(4.0, True)]}), resampling)
    assert (ratings["reliability"], ratings["calibration"]["not_run"][:26]) == (None, "a score is outside 0 to 1:")
    unscored = [dataclasses.replace(cases({"a": []})[0], detections=None)]
    assert "not every case has a score" in score_reliability(unscored, resampling)["calibration"]["not_run"]
    assert detections_of(unscored) is None


def test_what_a_recalibration_refuses(cases):
    with pytest.raises(CohortError, match="patient a is one that the recalibration was learned on"):
        detections_of(cases(ROWS), Recalibration(2.0, (), frozenset({"a"})))
    with pytest.raises(QuantityError, match="outside 0 to 1"):
        detections_of(cases({"a": [(4.0, True)]}), Recalibration(2.0, (), frozenset({"z"})))
