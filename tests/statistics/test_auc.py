import math

import numpy as np
import pytest
from scipy import stats

from netlesion.errors import CohortError, QuantityError
from netlesion.statistics.auc import areas, auc, compare_auc

#: Ovarian cancer patients of DeLong et al. 1988: albumin, total protein, K-G score, benefit (0) or not (1).
OVARIAN = np.array([
    (3.0, 5.8, 10, 0), (3.2, 6.3, 5, 1), (3.9, 6.8, 3, 1), (2.8, 4.8, 6, 0), (3.2, 5.8, 3, 1), (0.9, 4.0, 5, 0),
    (2.5, 5.7, 8, 0), (1.6, 5.6, 5, 1), (3.8, 5.7, 5, 1), (3.7, 6.7, 6, 1), (3.2, 5.4, 4, 1), (3.8, 6.6, 6, 1),
    (4.1, 6.6, 5, 1), (3.6, 5.7, 5, 1), (4.3, 7.0, 4, 1), (3.6, 6.7, 4, 0), (2.3, 4.4, 6, 1), (4.2, 7.6, 4, 0),
    (4.0, 6.6, 6, 0), (3.5, 5.8, 6, 1), (3.8, 6.8, 7, 1), (3.0, 4.7, 8, 0), (4.5, 7.4, 5, 1), (3.7, 7.4, 5, 1),
    (3.1, 6.6, 6, 1), (4.1, 8.2, 6, 1), (4.3, 7.0, 5, 1), (4.3, 6.5, 4, 1), (3.2, 5.1, 5, 1), (2.6, 4.7, 6, 1),
    (3.3, 6.8, 6, 0), (1.7, 4.0, 7, 0), (3.7, 6.1, 5, 1), (3.3, 6.3, 7, 1), (4.2, 7.7, 6, 1), (3.5, 6.2, 5, 1),
    (2.9, 5.7, 9, 0), (2.1, 4.8, 7, 1), (2.8, 6.2, 8, 0), (4.0, 7.0, 7, 1), (3.3, 5.7, 6, 1), (3.7, 6.9, 5, 1),
    (3.6, 6.6, 5, 1),
])  # fmt: skip


def ids(count):
    return [f"{n:03d}" for n in range(count)]


def test_the_example_of_delong():
    """Areas, errors and contrasts as SAS/STAT prints them (PROC LOGISTIC, example 'Comparing ROC curves')."""
    albumin, protein, kg, positive = OVARIAN[:, 0], OVARIAN[:, 1], 10 - OVARIAN[:, 2], OVARIAN[:, 3] == 1
    found = areas(positive, np.column_stack([albumin, kg, protein]), ids(43))
    assert found.values == pytest.approx([0.7366, 0.7258, 0.6478], abs=5e-5)
    assert np.sqrt(np.diag(found.covariance)) == pytest.approx([0.0927, 0.1028, 0.1000], abs=5e-5)
    contrast = np.array([[1, -1, 0], [0, -1, 1]])
    gaps, covariance = contrast @ found.values, contrast @ found.covariance @ contrast.T
    assert gaps @ np.linalg.solve(covariance, gaps) == pytest.approx(2.5340, abs=5e-5)
    first, second = compare_auc(positive, albumin, kg), compare_auc(positive, protein, kg)
    for comparison, published in ((first, (0.0108, -0.1761, 0.1976)), (second, (-0.0780, -0.2830, 0.1271))):
        gap = comparison.difference
        assert (gap.value, gap.low, gap.high) == pytest.approx(published, abs=5e-5)
    assert (first.p, second.p) == pytest.approx((0.9102, 0.4561), abs=5e-5)


def test_areas_agree_with_scikit_learn():
    oracle = pytest.importorskip("sklearn.metrics").roc_auc_score
    rng = np.random.default_rng(0)
    positive, scores = rng.random(37) < 0.4, np.round(rng.normal(size=(37, 3)), 1)
    found = areas(positive, scores, ids(37))
    assert found.values == pytest.approx([oracle(positive, s) for s in scores.T])


def obuchowski(positive, scores, patients):
    """Obuchowski 1997, eq. 2 to 6, pair by pair."""
    x, y = scores[positive], scores[~positive]
    psi = np.array([[1.0 if a > b else 0.5 if a == b else 0.0 for b in y] for a in x])
    theta, m, n = psi.mean(), len(x), len(y)
    names = sorted(set(patients))
    with_x, with_y = set(patients[positive]), set(patients[~positive])
    up = {k: psi[patients[positive] == k].mean(axis=1).sum() - (patients[positive] == k).sum() * theta for k in names}
    down = {
        k: psi[:, patients[~positive] == k].mean(axis=0).sum() - (patients[~positive] == k).sum() * theta for k in names
    }
    s10 = len(with_x) / ((len(with_x) - 1) * m) * sum(up[k] ** 2 for k in with_x)
    s01 = len(with_y) / ((len(with_y) - 1) * n) * sum(down[k] ** 2 for k in with_y)
    s11 = len(names) / (len(names) - 1) * sum(up[k] * down[k] for k in names)
    return theta, s10 / m + s01 / n + 2 * s11 / (m * n)


def test_lesions_clustered_in_patients():
    rng = np.random.default_rng(1)
    patients = np.repeat(ids(13), rng.integers(1, 6, 13))
    positive = rng.random(len(patients)) < 0.5
    scores = np.round(rng.normal(size=len(patients)) + positive, 1)
    found = areas(positive, scores[:, np.newaxis], patients)
    value, variance = obuchowski(positive, scores, patients)
    assert found.values[0] == pytest.approx(value)
    assert found.covariance[0, 0] == pytest.approx(variance)
    assert found.n == 13
    estimate = auc(positive, scores, patients)
    half = stats.norm.ppf(0.975) * math.sqrt(variance) / (value * (1 - value))
    expected = [1 / (1 + math.exp(-(math.log(value / (1 - value)) + s * half))) for s in (-1, 1)]
    assert (estimate.low, estimate.high) == pytest.approx(expected)


def test_copies_of_a_patients_lesions_are_no_evidence():
    rng = np.random.default_rng(2)
    positive, scores = rng.random(30) < 0.5, rng.normal(size=30)
    once = auc(positive, scores)
    copied = auc(np.repeat(positive, 4), np.repeat(scores, 4), np.repeat(ids(30), 4))
    assert (copied.value, copied.low, copied.high) == pytest.approx((once.value, once.low, once.high))
    assert copied.n == 30


def test_laws_of_the_area():
    rng = np.random.default_rng(3)
    positive = rng.random(25) < 0.5
    scores = np.round(rng.normal(size=25), 1)
    found = auc(positive, scores)
    assert auc(positive, np.exp(scores)) == found  # only ranks count
    turned = auc(~positive, scores)
    assert (turned.value, turned.low, turned.high) == pytest.approx((1 - found.value, 1 - found.high, 1 - found.low))
    order = rng.permutation(25)
    assert auc(positive[order], scores[order]).value == pytest.approx(found.value)
    one, other = compare_auc(positive, scores, -scores), compare_auc(positive, -scores, scores)
    assert one.difference.value == pytest.approx(-other.difference.value)
    assert one.p == other.p
    assert one.a == found


def test_areas_without_an_interval():
    perfect = auc([True, True, False, False], [3, 2, 1, 0])
    assert (perfect.value, perfect.note) == (1.0, "perfect ranking: no interval")
    alone = auc([True, False, False], [3, 2, 4])
    assert (alone.value, alone.note) == (0.5, "one patient in a class: no interval")
    one_class = auc([True, True], [1, 2])
    assert (one_class.n, one_class.note) == (2, "only one class: no area")
    for estimate in (perfect, alone, one_class):
        assert math.isnan(estimate.low)
        assert math.isnan(estimate.high)
    assert math.isnan(compare_auc([True, True], [1, 2], [2, 1]).p)


def test_models_that_rank_alike():
    positive = [True, True, False, False, True]
    found = compare_auc(positive, [5, 1, 2, 0, 3], [50, 10, 20, 0, 30])
    assert (found.difference.value, found.p) == (0.0, 1.0)
    assert math.isnan(found.difference.low)
    assert found.difference.note == "the models rank alike: no interval"


def test_nonsense_is_refused():
    with pytest.raises(QuantityError, match="NaN"):
        auc([True, False], [1.0, math.nan])
    with pytest.raises(CohortError, match="2 scores of A and 1 of B"):
        compare_auc([True, False], [1, 2], [1])
    with pytest.raises(CohortError, match="one a row"):
        auc([True], [1.0, 2.0])
    with pytest.raises(CohortError, match="one a row"):
        auc([True, False], [1.0, 2.0], ["a"])
    with pytest.raises(CohortError, match="one a row"):
        areas([True, False], np.array([1.0, 2.0]), ["a", "b"])
