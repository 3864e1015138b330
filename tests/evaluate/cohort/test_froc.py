"""Cohorts of a few cases whose curves can be counted by hand, and other libraries' numbers."""

import math

import numpy as np
import pytest

from netlesion.evaluate.case.detections import CaseDetections, case_detections
from netlesion.evaluate.case.match import match_lesions
from netlesion.evaluate.cohort.froc import FROC_RATES, DetectionTable
from netlesion.image.volume import Quantity

MISSED = -math.inf


def case(name, found=(), invented=(), missed=0, patient=None):
    """A case whose lesions were found with these scores, beside inventions and misses."""
    scores = [*((s, True) for s in found), *((s, False) for s in invented)]
    return CaseDetections(
        name,
        patient or name,
        tuple(s for s, _ in scores),
        tuple(t for _, t in scores),
        (*found, *[MISSED] * missed),
    )


def test_a_perfect_detector_without_false_positives_scores_one():
    table = DetectionTable([case("a", [0.9, 0.8]), case("b", [0.7]), case("c")])
    assert table.froc_score() == 1.0
    assert table.average_precision() == 1.0
    assert table.jafroc() == table.jafroc(weighted=True) == 1.0


def test_a_detector_that_calls_nothing_scores_zero():
    table = DetectionTable([case("a", missed=2), case("b")])
    assert table.froc_score() == table.average_precision() == 0.0
    assert table.jafroc() == 0.5  # unmarked on both sides: a tie, as the figure of merit is defined


def test_two_cases_counted_by_hand():
    """Four lesions over two cases: found at .9 and .6, inventions at .8 and .6 (tied with a find), one at .3."""
    table = DetectionTable([case("a", [0.9, 0.6], [0.8], missed=1), case("b", [], [0.6, 0.3], missed=1)])
    curve = table.froc()
    assert curve.threshold_T.tolist() == [math.inf, 0.9, 0.8, 0.6, 0.3]
    assert curve.x_T.tolist() == [0, 0, 0.5, 1.0, 1.5]
    assert curve.sensitivity_T.tolist() == [0, 0.25, 0.25, 0.5, 0.5]
    assert table.sensitivity_at([0.0, 0.49, 0.5, 1.0, 8.0]).tolist() == [0.25, 0.25, 0.25, 0.5, 0.5]
    assert table.froc_score() == pytest.approx((0.25 * 3 + 0.5 * 4) / 7)
    # recall steps by 1/4 at precision 1, and by 1/4 at the tie, where 2 of 4 are true
    assert table.average_precision() == pytest.approx(0.25 * 1 + 0.25 * 0.5)
    assert table.num_lesions == 4


def test_lesion_free_cases_are_in_the_false_positives_and_carry_jafroc():
    table = DetectionTable([case("a", [0.9, 0.4], missed=1), case("b", [], [0.5]), case("c")])
    assert (table.num_normal_cases, table.num_normal_patients) == (2, 2)
    assert table.froc().x_T.tolist() == [0, 0, 1 / 3, 1 / 3]
    # lesions .9, .4, -inf against normal cases .5 and -inf: 2 + 1 + 0.5 of 6
    assert table.jafroc() == pytest.approx(3.5 / 6)


def test_weighted_jafroc_lets_every_case_weigh_alike():
    table = DetectionTable([case("a", [0.9]), case("b", [0.4, 0.4, 0.4]), case("c", [], [0.5])])
    assert table.jafroc() == pytest.approx(1 / 4)
    assert table.jafroc(weighted=True) == pytest.approx(1 / 2)


def test_a_patient_with_a_lesion_in_one_pet_is_not_normal():
    table = DetectionTable([case("p-fdg", [0.5], patient="p"), case("p-sstr", patient="p"), case("q")])
    assert (table.num_normal_cases, table.num_normal_patients) == (2, 1)


def test_without_lesions_or_without_normal_cases_there_is_no_number():
    alone = DetectionTable([case("a", [], [0.5])])
    assert math.isnan(alone.froc_score())
    assert math.isnan(alone.average_precision())
    assert math.isnan(alone.jafroc())
    assert math.isnan(DetectionTable([case("a", [0.5])]).jafroc())


def cohort(seed, cases=9):
    rng = np.random.default_rng(seed)

    def scores(n):
        return np.round(rng.random(n), 1).tolist()  # rounded, so that scores tie

    return [
        case(f"c{n}", scores(rng.integers(0, 4)), scores(rng.integers(0, 5)), int(rng.integers(0, 3)), f"p{n // 2}")
        if n % 3
        else case(f"c{n}", [], scores(rng.integers(0, 3)), 0, f"p{n // 2}")
        for n in range(cases)
    ]


@pytest.mark.parametrize("seed", range(6))
def test_curves_rise_and_do_not_depend_on_the_order_of_cases(seed):
    cases = cohort(seed)
    table, turned = DetectionTable(cases), DetectionTable(cases[::-1])
    curve = table.froc()
    assert (np.diff(curve.x_T) >= 0).all()
    assert (np.diff(curve.sensitivity_T) >= 0).all()
    for number in ("froc_score", "average_precision", "jafroc"):
        assert getattr(table, number)() == pytest.approx(getattr(turned, number)(), nan_ok=True)


@pytest.mark.parametrize("seed", range(6))
def test_only_the_order_of_scores_counts(seed):
    cases = cohort(seed)
    stretched = [
        CaseDetections(c.case, c.patient, tuple(s**3 + 5 for s in c.scores), c.is_true,
                       tuple(s**3 + 5 if np.isfinite(s) else s for s in c.lesion_scores))
        for c in cases
    ]  # fmt: skip
    table, other = DetectionTable(cases), DetectionTable(stretched)
    for number in ("froc_score", "average_precision", "jafroc"):
        assert getattr(table, number)() == pytest.approx(getattr(other, number)())


@pytest.mark.parametrize("seed", range(6))
def test_the_area_under_afroc_is_jafroc(seed):
    table = DetectionTable(cohort(seed))
    curve = table.afroc()
    x, y = np.append(curve.x_T, 1.0), np.append(curve.sensitivity_T, 1.0)
    assert ((x[1:] - x[:-1]) * (y[1:] + y[:-1]) / 2).sum() == pytest.approx(table.jafroc())


@pytest.mark.parametrize("seed", range(4))
def test_weights_are_copies_of_patients(seed):
    cases = cohort(seed)
    table = DetectionTable(cases)
    weights = np.array([2.0, *[1.0] * (len(table.patients) - 2), 0.0])
    copies = [c for c in cases if c.patient != table.patients[-1]]
    copies += [
        CaseDetections(c.case + "'", c.patient + "'", c.scores, c.is_true, c.lesion_scores)
        for c in cases
        if c.patient == table.patients[0]
    ]
    twin = DetectionTable(copies)
    assert table.froc_score(weights) == pytest.approx(twin.froc_score())
    assert table.average_precision(weights) == pytest.approx(twin.average_precision())
    assert table.jafroc(weights) == pytest.approx(twin.jafroc(), nan_ok=True)
    assert table.jafroc(weights, weighted=True) == pytest.approx(twin.jafroc(weighted=True), nan_ok=True)


@pytest.mark.parametrize("seed", range(4))
def test_many_samples_at_once_are_each_alone(seed, monkeypatch):
    monkeypatch.setattr("netlesion.evaluate.cohort.froc.BLOCK_CELLS", 50)  # several blocks, the last one not full
    table = DetectionTable(cohort(seed))
    weights = np.random.default_rng(seed).integers(0, 3, (23, len(table.patients))).astype(float)
    weights[7] = 0  # nobody
    together = table.sensitivities_at(FROC_RATES, weights)
    assert together == pytest.approx(np.array([table.sensitivity_at(FROC_RATES, w) for w in weights]), nan_ok=True)
    for many, one in (("average_precisions", "average_precision"), ("jafrocs", "jafroc")):
        expected = [getattr(table, one)(w) for w in weights]
        assert getattr(table, many)(weights) == pytest.approx(expected, nan_ok=True)
    assert np.isnan(together[7]).all()


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_scikit_learns_times_the_share_found_at_all(seed):
    metrics = pytest.importorskip("sklearn.metrics")
    cases = cohort(seed)
    scores = [s for c in cases for s in c.scores]
    truth = [t for c in cases for t in c.is_true]
    share = sum(truth) / sum(len(c.lesion_scores) for c in cases)
    expected = metrics.average_precision_score(truth, scores) * share
    assert DetectionTable(cases).average_precision() == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_jafroc_is_the_double_loop(seed):
    cases = cohort(seed)
    normal = [max(c.scores, default=MISSED) for c in cases if not c.lesion_scores]
    lesions = [s for c in cases for s in c.lesion_scores]
    psi = [1.0 if y > x else 0.5 if y == x else 0.0 for x in normal for y in lesions]
    assert DetectionTable(cases).jafroc() == pytest.approx(np.mean(psi))


def test_froc_of_picai_eval_at_its_own_operating_points(label):
    """picai_eval joins a point (0, 0) and does not reach x of 0 when nothing is invented; where both have a point
    they agree: same recall for the same number of false positives."""
    evaluation = pytest.importorskip("picai_eval")
    shape, rng = (21, 15, 7), np.random.default_rng(3)
    truths, maps, detections = [], [], []
    for n in range(6):
        truth, found = np.zeros(shape, np.uint8), np.zeros(shape, np.float32)
        for k in range(3):
            where = np.s_[6 * k : 6 * k + 4, 2:6, 2:5]
            if rng.random() < 0.7:
                truth[where] = 1
            if rng.random() < 0.7:
                found[where] = round(float(rng.uniform(0.1, 1)), 3)
        truths.append(truth)
        maps.append(found)
        grid = label(shape)
        matching = match_lesions(
            grid.with_array(truth, Quantity.LABEL),
            grid.with_array(found > 0, Quantity.LABEL),
            grid.with_array(found, Quantity.PROBABILITY),
        )
        detections.append(case_detections(f"c{n}", f"p{n}", matching))
    theirs = evaluation.evaluate(y_det=maps, y_true=truths, num_parallel_calls=1)
    ours = DetectionTable(detections)
    rates = np.asarray(theirs.lesion_FPR)
    kept = rates > 0
    expected = [max(theirs.lesion_TPR[rates == r]) for r in rates[kept]]
    assert ours.sensitivity_at(rates[kept] + 1e-6).tolist() == pytest.approx(expected, abs=1e-6)  # they add 1e-8
    assert ours.average_precision() == pytest.approx(theirs.AP, abs=1e-6)


def test_splits_and_dont_cares_are_in_no_curve(label):
    shape = (13, 11, 3)
    reference = label(shape, {1: np.s_[0:8, 0:3, 0]}, {2: np.s_[12, 10, 2]})
    prediction = label(
        shape, {1: np.s_[0:4, 0:3, 0]}, {2: np.s_[5:8, 0:3, 0]}, {3: np.s_[12, 10, 2]}, {4: np.s_[12, 0, 2]}
    )
    values = np.zeros(shape, np.float32)
    for identity, score in ((1, 0.6), (2, 0.9), (3, 0.5), (4, 0.4)):
        values[prediction.array == identity] = score
    found = case_detections(
        "a", "p", match_lesions(reference, prediction, reference.with_array(values, Quantity.PROBABILITY))
    )
    assert found.scores == pytest.approx((0.9, 0.4))  # the more confident half finds the lesion, the other is a split
    assert found.is_true == (True, False)
    assert found.lesion_scores == pytest.approx((0.9,))
    assert case_detections("a", "p", match_lesions(reference, prediction)) is None


def test_the_seven_points():
    assert FROC_RATES == (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)


def test_a_case_whose_lesions_are_too_small_to_count_is_not_lesion_free():
    cases = [case("ill", found=[0.9]), case("free", invented=[0.3])]
    small = CaseDetections("small", "small", (0.95,), (False,), (), dont_care=1)
    table, more = DetectionTable(cases), DetectionTable([*cases, small])
    assert (more.num_normal_cases, more.num_normal_patients) == (1, 1)
    assert more.jafroc() == table.jafroc() == 1.0
