import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from netlesion.errors import CohortError
from netlesion.evaluate.cohort.evaluation_folder import KEYS, CaseRow, Evaluation, number
from netlesion.evaluate.compare.figures import Paired, compare_figures, pair
from netlesion.statistics.auc import compare_auc
from netlesion.statistics.paired_proportions import clustered_mcnemar, tango
from tests.evaluate.evaluations import case_row, cohort


def rows_of(table):
    return [CaseRow(r["case"], r["patient"], {k: number(str(v)) for k, v in r.items() if k not in KEYS}) for r in table]


def evaluation(table, scores=None):
    return Evaluation(Path("a"), tuple(rows_of(table)), None, scores, {}, None)


def compared(a, b, **options):
    sides = (evaluation(table, options.pop(f"scores_{x}", None)) for x, table in (("a", a), ("b", b)))
    rows = compare_figures(pair(*sides), seed=0, **options)
    return {row.figure: row for row in rows}


@pytest.fixture(scope="module")
def found():
    better = cohort(dice=0.8)
    worse = cohort(found=(1, 0, 2, 0, 1, 1, 1, 0, 1, 2, 0, 0), false=(0, 1, 1, 0, 2, 0, 0, 1, 0, 3, 1, 1), dice=0.7)
    return compared(better, worse)


def test_every_figure_by_hand(found):
    values = {name: (row.comparison.a.value, row.comparison.b.value) for name, row in found.items()}
    dices = np.arange(12) * 0.01
    assert values == {
        "dice": pytest.approx((0.8 + dices.mean(), 0.7 + dices.mean())),
        "autopet_dice": pytest.approx((0.8 + dices[:10].mean(), 0.7 + dices[:10].mean())),
        "autopet_fpv_ml": pytest.approx((0.5 * 5 / 12, 0.5 * 10 / 12)),
        "autopet_fnv_ml": pytest.approx((1.5 * 5 / 10, 1.5 * 11 / 10)),
        "dice_aggregated": pytest.approx(
            tuple((d + dices) @ ([19] * 10 + [9] * 2) / (19 * 10 + 9 * 2) for d in (0.8, 0.7))
        ),
        "lesion_sensitivity": (15 / 20, 9 / 20),
        "lesion_ppv": (15 / 20, 9 / 19),
        "lesion_f1": pytest.approx((30 / (30 + 5 + 5), 18 / (18 + 10 + 11))),
        "false_positives_per_patient": pytest.approx((5 / 12, 10 / 12)),
        "patient_sensitivity": (9 / 10, 7 / 10),
        "patient_specificity": (1 / 2, 0),
    }
    for row in found.values():
        gap = row.comparison.difference
        assert gap.value == pytest.approx(row.comparison.a.value - row.comparison.b.value)
        assert gap.low <= gap.value <= gap.high or math.isnan(gap.low)


def test_every_figure_has_the_test_that_fits_it(found):
    differences = [1, 1, 0, 0, 1, 0, 1, 2, 0, 0]
    sensitivity = found["lesion_sensitivity"]
    assert sensitivity.comparison.p == clustered_mcnemar(differences)
    assert sensitivity.comparison.test.startswith("McNemar by patients")
    chi2 = 9 / 10 * 36 / 8
    assert sensitivity.other_p["Obuchowski 1998"] == pytest.approx(stats.chi2.sf(chi2, 1))
    assert sensitivity.other_p["Durkalski 2003"] == pytest.approx(stats.chi2.sf(36 / 8, 1))
    patients = found["patient_sensitivity"].comparison
    assert (patients.p, patients.test) == (stats.binomtest(0, 2).pvalue, "McNemar, exact")
    assert (patients.difference.low, patients.difference.high) == tango(2, 0, 10)
    assert found["dice"].comparison.test.startswith("swapping")
    assert found["dice"].comparison.p == pytest.approx(2 / 2**12)


def test_p_is_corrected_for_the_whole_table(found):
    p = np.array([row.comparison.p for row in found.values()])
    smallest = p.min()
    assert min(row.p_holm for row in found.values()) == pytest.approx(min(1, smallest * len(p)))
    assert all(row.p_holm >= row.comparison.p for row in found.values())


def test_intervals_stay_where_the_figure_can_be(found):
    for name in ("dice", "autopet_dice", "lesion_ppv", "lesion_f1", "patient_specificity"):
        assert found[name].comparison.a.high <= 1
        assert found[name].comparison.b.low >= 0
    for name in ("autopet_fpv_ml", "autopet_fnv_ml", "false_positives_per_patient"):
        assert found[name].comparison.a.low >= 0
        assert found[name].comparison.a.high > found[name].comparison.a.value


def test_a_patients_cases_go_together():
    once = compared(cohort(), cohort(found=(1,) * 10 + (0,) * 2))
    double = [row | {"case": row["case"] + f"_{n}"} for n in range(2) for row in cohort()]
    other = [row | {"case": row["case"] + f"_{n}"} for n in range(2) for row in cohort(found=(1,) * 10 + (0,) * 2)]
    for name, row in compared(double, other).items():
        assert row.comparison.p == pytest.approx(once[name].comparison.p), name
        if "per_patient" not in name:
            gap, expected = row.comparison.difference, once[name].comparison.difference
            assert (gap.value, gap.low) == pytest.approx((expected.value, expected.low), nan_ok=True), name


def test_patients_are_ranked_by_their_highest_score():
    rows = [case_row(f"{p}-{n}", p, lesions=2 if p in "abcd" else 0) for p in "abcdefg" for n in range(2)]
    rng = np.random.default_rng(0)
    a, b = ({row["case"]: float(rng.random()) for row in rows} for _ in range(2))
    found = compared(rows, rows, scores_a=a, scores_b=b)["patient_auc"].comparison
    best = [[max(s[f"{p}-0"], s[f"{p}-1"]) for p in "abcdefg"] for s in (a, b)]
    expected = compare_auc([True] * 4 + [False] * 3, *best)
    assert dataclasses.replace(found.difference, note="") == expected.difference
    assert (found.a, found.b, found.p) == (expected.a, expected.b, expected.p)
    assert found.difference.note == "only 7 patients: the interval is not reliable below 10"
    assert "patient_auc" not in compared(rows, rows, scores_a=a)


def test_a_patient_whose_only_lesion_is_too_small_to_count_is_neither_ill_nor_healthy():
    rows = cohort()
    rows[11] = rows[11] | {"volume_reference_ml": 0.02}
    found = compared(rows, rows, scores_a=dict.fromkeys([r["case"] for r in rows], 0.5),
                     scores_b=dict.fromkeys([r["case"] for r in rows], 0.5))  # fmt: skip
    assert found["patient_specificity"].comparison.a.n == 1
    assert found["patient_sensitivity"].comparison.a.n == 10
    assert found["patient_auc"].comparison.a.n == 11


def test_figures_without_their_columns_are_left_out_and_others_can_be_asked_for():
    short = [{k: v for k, v in row.items() if k in ("case", "patient", "dice", "autopet_fpv_ml")} for row in cohort()]
    assert list(compared(short, cohort())) == ["dice", "autopet_fpv_ml"]
    more = [row | {"nsd_2mm": 0.9} for row in short]
    found = compared(more, more, also=["nsd_2mm", "dice"])
    assert list(found) == ["dice", "autopet_fpv_ml", "nsd_2mm"]
    assert found["nsd_2mm"].description == "nsd_2mm, mean over cases"
    with pytest.raises(CohortError, match="column hd95_mm is not in both tables; there are dice, autopet_fpv_ml"):
        compared(short, short, also=["hd95_mm"])


def test_rows_of_other_cases_are_refused():
    for change in ({"case": "x"}, {"patient": "x"}):
        with pytest.raises(CohortError, match="different cases or patients"):
            compared(cohort(), [cohort()[0] | change, *cohort()[1:]])


def simulated(rng, num_patients):
    """Exchangeable models: lesions of one patient alike, errors of the models independent."""
    lesions = rng.integers(0, 5, num_patients)
    ease = rng.normal(1, 1, num_patients)
    tables = []
    for _ in range(2):
        hits = rng.binomial(lesions, 1 / (1 + np.exp(-ease + 0.3 * rng.normal(size=num_patients))))
        false = rng.poisson(0.7, num_patients)
        tables.append(
            {
                "dice": np.clip(0.2 * ease + 0.4 + 0.1 * rng.normal(size=num_patients), 0, 1),
                "autopet_fpv_ml": false * rng.lognormal(0, 0.7, num_patients),
                "num_true_positives": hits,
                "num_false_positives": false,
                "num_false_negatives": lesions - hits,
                "num_lesions_reference": lesions,
                "num_lesions_prediction": hits + false,
            }
        )
    return Paired(tuple(f"{n:02d}" for n in range(num_patients)), *tables)


def test_exchangeable_models_are_seldom_told_apart_and_the_intervals_cover():
    """80 cohorts of 20 patients; three binomial errors around 5 % and 95 %. bench/null_experiment.py has 1000."""
    rng = np.random.default_rng(3)
    rejected, covered = {}, {}
    for cohort_seed in range(80):
        rows = compare_figures(simulated(rng, 20), seed=cohort_seed, num_resamples=300)
        for row in rows:
            gap = row.comparison.difference
            rejected.setdefault(row.figure, []).append(row.comparison.p <= 0.05)
            covered.setdefault(row.figure, []).append(gap.low <= 0 <= gap.high or math.isnan(gap.low))
    assert len(rejected) == 8
    for figure in rejected:
        assert np.mean(rejected[figure]) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 80), figure
        assert np.mean(covered[figure]) >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / 80), figure


def test_a_row_is_frozen(found):
    with pytest.raises(dataclasses.FrozenInstanceError):
        found["dice"].p_holm = 0.0
