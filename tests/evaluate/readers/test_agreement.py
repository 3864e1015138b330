"""Readers beside each other: kappas against statsmodels and scikit-learn, and what is left out is said."""

import numpy as np
import pytest

from netlesion.evaluate.cohort.interval import Resampling
from netlesion.evaluate.readers.agreement import reader_agreement
from tests.evaluate.evaluations import case_row, write_evaluation

RESAMPLING = Resampling(0, 100)


def write_reader(folder, found, called=None, skip=()):
    """found[n]: which of the two lesions of case n this reader found; called[n]: lesions that it predicted."""
    rows, lesions = [], []
    for n, hits in enumerate(found):
        case, patient = f"sub-{n // 2:02d}_ses-{n % 2}_trc-fdg", f"{n // 2:02d}"
        if n in skip:
            continue
        row = case_row(case, patient, found=sum(hits))
        if called is not None:
            row["num_lesions_prediction"] = called[n]
        rows.append(row)
        outcomes = ["true_positive" if hit else "false_negative" for hit in hits] + ["dont_care"]
        lesions += [
            {"case": case, "source": "reference", "lesion_id": k + 1, "outcome": outcome}
            for k, outcome in enumerate(outcomes)
        ] + [{"case": case, "source": "prediction", "lesion_id": 1, "outcome": "false_positive"}]
    return write_evaluation(folder, rows, lesions=lesions)


@pytest.fixture
def three(tmp_path):
    rng = np.random.default_rng(4)
    easy = rng.random((20, 2)) < 0.6
    found = [np.where(rng.random((20, 2)) < 0.8, easy, ~easy) for _ in range(3)]
    called = [rng.integers(0, 3, 20) for _ in range(3)]
    names = ("anna", "ben", "unet")
    folders = {n: write_reader(tmp_path / n, f, c) for n, f, c in zip(names, found, called, strict=True)}
    return folders, found, called


def test_kappas_are_those_of_statsmodels_and_scikit_learn(three):
    rater = pytest.importorskip("statsmodels.stats.inter_rater")
    score = pytest.importorskip("sklearn.metrics").cohen_kappa_score
    folders, found, called = three
    agreement = reader_agreement(folders, RESAMPLING)
    assert agreement["readers"] == ["anna", "ben", "unet"]
    for name, answers in (
        ("lesion_found", [f.ravel() for f in found]),
        ("case_called", [c > 0 for c in called]),
    ):
        part = agreement[name]
        table, _ = rater.aggregate_raters(np.column_stack(answers).astype(int))
        assert part["fleiss_kappa"]["value"] == pytest.approx(rater.fleiss_kappa(table))
        assert part["fleiss_kappa"]["low"] < part["fleiss_kappa"]["value"] < part["fleiss_kappa"]["high"]
        assert part["fleiss_kappa"]["n"] == 10
        assert (part["num_rows"], part["note"]) == (len(answers[0]), "")
        assert [(p["a"], p["b"]) for p in part["pairs"]] == [("anna", "ben"), ("anna", "unet"), ("ben", "unet")]
        for pair, (i, j) in zip(part["pairs"], ((0, 1), (0, 2), (1, 2)), strict=True):
            assert pair["kappa"]["value"] == pytest.approx(score(answers[i], answers[j]))
            assert pair["equal"]["value"] == pytest.approx(np.mean(answers[i] == answers[j]))
            assert pair["only_a"] == int((answers[i] & ~answers[j]).sum())
            assert pair["only_b"] == int((answers[j] & ~answers[i]).sum())


def test_cases_that_one_did_not_read_are_left_out_and_said(three, tmp_path):
    folders, found, called = three
    folders["ben"] = write_reader(tmp_path / "part", found[1], called[1], skip=(0, 7))
    agreement = reader_agreement(folders, RESAMPLING)
    assert agreement["case_called"]["note"] == "2 of 20 cases were not read by all and are left out"
    assert agreement["lesion_found"]["note"] == "4 of 40 lesions are of cases not read by all and are left out"
    assert agreement["lesion_found"]["num_rows"] == 36


def test_nothing_in_common_is_no_agreement(tmp_path):
    found = [(True, True)] * 4
    folders = {
        "anna": write_reader(tmp_path / "anna", found, skip=(0, 1)),
        "ben": write_reader(tmp_path / "ben", found, skip=(2, 3)),
    }
    agreement = reader_agreement(folders, RESAMPLING)
    assert agreement["case_called"] == {"not_run": "4 of 4 cases were not read by all and are left out"}
    alike = {name: write_reader(tmp_path / f"{name}2", found) for name in ("anna", "ben")}
    same = reader_agreement(alike, RESAMPLING)["lesion_found"]
    assert (same["pairs"][0]["equal"]["value"], same["pairs"][0]["kappa"]["value"]) == (1.0, None)
