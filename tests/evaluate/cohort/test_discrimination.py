"""Areas under the ROC curve in a summary: who is a row, and scikit-learn's area."""

import dataclasses

import numpy as np
import pytest

from netlesion.evaluate.case.detections import CaseDetections
from netlesion.evaluate.case.score import evaluate_points
from netlesion.evaluate.cohort.discrimination import discrimination
from netlesion.evaluate.cohort.interval import Resampling


@pytest.fixture
def case(label):
    """case("a", lesions=1, pairs=[(0.9, True)]) -> the result of one case; dont_care: of its lesions too small."""
    empty = evaluate_points("x", "x", label((7, 11, 5)), np.zeros((0, 3)), ())

    def make(patient, lesions=0, pairs=(), dont_care=0, name=None):
        scores, true = tuple(s for s, _ in pairs), tuple(t for _, t in pairs)
        return dataclasses.replace(
            empty,
            case=name or patient,
            patient=patient,
            num_lesions_reference=lesions,
            num_dont_care=dont_care,
            max_score=max(scores, default=float("nan")),
            detections=CaseDetections(name or patient, patient, scores, true, ()),
        )

    return make


def test_areas_agree_with_scikit_learn(case):
    roc_auc_score = pytest.importorskip("sklearn.metrics").roc_auc_score
    results = [
        case("a", 2, [(0.9, True), (0.4, False)], name="a1"),
        case("a", 0, [(0.95, False)], name="a2"),
        case("b", 1, [(0.6, True)]),
        case("c", 1),
        case("d", 0, [(0.6, False)]),
        case("e"),
        case("f", 0, [(0.99, False)], dont_care=1),
    ]
    found = discrimination(results, Resampling(0, 50, "partial cohort"))
    patients = roc_auc_score([1, 1, 1, 0, 0], [0.95, 0.6, -1, 0.6, -1])
    assert found["patient_auc"]["value"] == pytest.approx(patients)
    assert (
        found["patient_auc"]["n"],
        found["patient_auc"]["num_with_lesion"],
        found["patient_auc"]["num_lesion_free"],
    ) == (
        5,
        3,
        2,
    )
    assert found["num_patients_of_dont_care_lesions_only"] == 1
    lesions = roc_auc_score([1, 0, 0, 1, 0, 0], [0.9, 0.4, 0.95, 0.6, 0.6, 0.99])
    assert found["detection_auc"]["value"] == pytest.approx(lesions)
    assert (found["detection_auc"]["num_true"], found["detection_auc"]["num_false"], found["detection_auc"]["n"]) == (
        2,
        4,
        4,
    )
    for name in ("patient_auc", "detection_auc"):
        assert found[name]["low"] < found[name]["value"] < found[name]["high"]
        assert found[name]["note"].startswith("partial cohort; only ")


def test_where_there_is_no_area_it_says_why(case):
    alone = discrimination([case("a", 1, [(0.5, True)]), case("b", 1)], Resampling(0, 20))
    assert alone["patient_auc"]["value"] is None
    assert "only one class: no area" in alone["patient_auc"]["note"]
    unscored = [dataclasses.replace(case("a", 1), detections=None)]
    assert "not every case has a score" in discrimination(unscored, Resampling(0, 20))["not_run"]
