import math

import numpy as np
import pytest
from scipy.special import expit, logit

from netlesion.errors import CohortError, QuantityError
from netlesion.statistics.calibration import bins_of, calibration, learn_isotonic, learn_temperature


@pytest.fixture
def lesions():
    """Scores whose log odds are twice what they should be, three lesions a patient."""
    rng = np.random.default_rng(0)
    truth = rng.beta(2, 2, 1500)
    real = rng.random(1500) < truth
    return expit(2 * logit(truth)), real, np.repeat([f"p{n:03d}" for n in range(500)], 3)


def test_the_table_by_hand():
    scores = [0.05, 0.10, 0.15, 0.95, 1.0, 0.0]
    real = [False, True, False, True, True, False]
    found = calibration(scores, real, list("abcdef"), seed=0)
    first, second, last = found.bins[0], found.bins[1], found.bins[9]
    assert (first.low, first.high, first.count, first.share_real) == (0.0, 0.1, 2, 0.0)
    assert first.mean_score == pytest.approx(0.025)
    assert (second.count, second.mean_score, second.share_real) == (2, pytest.approx(0.125), 0.5)
    assert (last.count, last.mean_score, last.share_real) == (2, pytest.approx(0.975), 1.0)
    assert found.bins[4].count == 0
    assert math.isnan(found.bins[4].share_real)
    assert found.ece.value == pytest.approx((2 * 0.025 + 2 * 0.375 + 2 * 0.025) / 6)
    assert found.brier.value == pytest.approx(np.mean((np.array(scores) - real) ** 2))
    assert found.ece.n == found.brier.n == 6


def test_it_agrees_with_scikit_learn(lesions):
    metrics = pytest.importorskip("sklearn.metrics")
    curve = pytest.importorskip("sklearn.calibration").calibration_curve
    scores, real, patients = lesions
    found = calibration(scores, real, patients, seed=0)
    assert found.brier.value == pytest.approx(metrics.brier_score_loss(real, scores))
    shares, means = curve(real, scores, n_bins=10)
    filled = [b for b in found.bins if b.count]
    assert [b.share_real for b in filled] == pytest.approx(shares)
    assert [b.mean_score for b in filled] == pytest.approx(means)
    assert found.ece.value == pytest.approx(sum(b.count * abs(b.mean_score - b.share_real) for b in filled) / 1500)
    assert found.ece.low < found.ece.value < found.ece.high
    assert sum(b.count for b in found.bins) == 1500


def test_copies_of_a_patients_lesions_do_not_narrow_the_intervals(lesions):
    scores, real, patients = (x[:60] for x in lesions)
    once = calibration(scores, real, patients, seed=0)
    copied = calibration(*(np.repeat(x, 3) for x in (scores, real, patients)), seed=0)
    for name in ("ece", "brier"):
        one, other = getattr(once, name), getattr(copied, name)
        assert (other.value, other.low, other.high) == pytest.approx((one.value, one.low, one.high))


def test_a_temperature_undoes_overconfidence(lesions):
    scores, real, patients = lesions
    learned = learn_temperature(scores[:900], real[:900], patients[:900])
    assert learned.temperature == pytest.approx(2, rel=0.15)
    calibrated = learned.apply(scores[900:], patients[900:])
    assert calibrated == pytest.approx(expit(logit(scores[900:]) / learned.temperature), abs=1e-5)
    before, after = (calibration(s, real[900:], patients[900:], seed=0) for s in (scores[900:], calibrated))
    assert after.ece.value < 0.5 * before.ece.value
    assert after.brier.value < before.brier.value


def test_the_temperature_is_that_of_least_log_loss(lesions):
    metrics = pytest.importorskip("sklearn.metrics")
    scores, real, patients = lesions
    best = learn_temperature(scores, real, patients).temperature
    losses = [metrics.log_loss(real, expit(logit(scores) / t)) for t in (best / 1.02, best, best * 1.02)]
    assert losses[1] == min(losses)


def test_an_isotonic_curve_agrees_with_scikit_learn(lesions):
    oracle = pytest.importorskip("sklearn.isotonic").IsotonicRegression(out_of_bounds="clip")
    scores, real, patients = lesions
    scores = np.round(scores, 2)  # ties
    learned = learn_isotonic(scores[:900], real[:900], patients[:900])
    oracle.fit(scores[:900], real[:900])
    new = np.linspace(0, 1, 57)
    found = learned.apply(new, [f"new{n}" for n in range(57)])
    assert found == pytest.approx(oracle.predict(new), abs=1e-6)
    assert (np.diff(found) >= 0).all()


def test_patients_it_was_learned_on_are_refused(lesions):
    scores, real, patients = lesions
    for learn in (learn_temperature, learn_isotonic):
        learned = learn(scores[:90], real[:90], patients[:90])
        assert learned.learned_on == frozenset(patients[:90])
        with pytest.raises(CohortError, match=r"patient p029 is one that .* \(1 such patients\)"):
            learned.apply(scores[87:120], patients[87:120])
        learned.apply(scores[90:120], patients[90:120])


def test_scores_of_0_and_1_stay_finite():
    learned = learn_temperature([0.0, 1.0, 1.0, 0.3], [False, True, False, True], list("abcd"))
    assert np.isfinite(learned.apply([0.0, 1.0], ["x", "y"])).all()


def test_nonsense_is_refused():
    for scores in ([1.2], [-0.1], [math.nan]):
        with pytest.raises(QuantityError, match="outside 0 to 1"):
            calibration(scores, [True], ["a"], seed=0)
    with pytest.raises(CohortError, match="one each a lesion"):
        calibration([0.5], [True, False], ["a"], seed=0)
    with pytest.raises(CohortError, match="one each a lesion"):
        learn_temperature([0.5, 0.6], [True, False], ["a"])
    learned = learn_isotonic([0.2, 0.8], [False, True], ["a", "b"])
    with pytest.raises(CohortError, match="one each a lesion"):
        learned.apply([0.5], [])
    for learn in (learn_temperature, learn_isotonic):
        with pytest.raises(CohortError, match="of one kind"):
            learn([0.2, 0.8], [True, True], ["a", "b"])
    nobody = calibration([], [], [], seed=0)
    assert nobody.ece.n == 0
    assert math.isnan(nobody.ece.value)


def test_a_score_on_an_edge_is_in_the_upper_bin():
    """0.3 and 0.6 are below the 0.30000000000000004 and 0.6000000000000001 of a list of edges."""
    assert bins_of(np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])).tolist() == [*range(10), 9]
