"""Coefficients of agreement as functions of weights, so that an interval can resample patients.

A case of weight w counts as w equal cases: with weights of 1 every figure is that of `agreement`, which has
the analytic intervals for one case per patient. Two methods only. Knows nothing about images or intervals.

Sources: clinical.md 8.3 and those of `agreement`.
"""

from __future__ import annotations

import numpy as np

from netlesion.statistics.agreement import LIMITS
from netlesion.statistics.estimate import normal_quantile


def weighted_limits(first: np.ndarray, second: np.ndarray, weights_RN: np.ndarray) -> np.ndarray:
    """(R, 2): mean of first - second -+ 1.96 SD (n - 1); NaN for fewer than two cases."""
    gaps = np.subtract(first, second)
    n, means, moments = _moments(gaps[np.newaxis], weights_RN)
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = normal_quantile(LIMITS) * np.sqrt(np.where(n > 1, moments[:, 0, 0] * n / (n - 1), np.nan))
    return np.column_stack([means[:, 0] - reach, means[:, 0] + reach])


def weighted_icc_2_1(first: np.ndarray, second: np.ndarray, weights_RN: np.ndarray) -> np.ndarray:
    """(R,): ICC(2,1), two-way random effects, absolute agreement, single measurement; NaN when nothing varies.

    Shrout & Fleiss' mean squares for two methods: of patients MSR, of methods MSC, of what remains MSE.
    """
    n, means, moments = _moments(np.stack([first, second]), weights_RN)
    both, apart = moments[:, 0, 0] + moments[:, 1, 1], 2 * moments[:, 0, 1]
    scale = _over(n, n - 1)
    patients, rest = scale * (both + apart) / 2, scale * (both - apart) / 2
    methods = n * (means[:, 0] - means[:, 1]) ** 2 / 2
    return _over(patients - rest, patients + rest + 2 * _over(methods - rest, n))


def weighted_concordance(first: np.ndarray, second: np.ndarray, weights_RN: np.ndarray) -> np.ndarray:
    """(R,): Lin's concordance correlation coefficient, moments over n; NaN when nothing varies, and below 3 cases."""
    n, means, moments = _moments(np.stack([first, second]), weights_RN)
    below = moments[:, 0, 0] + moments[:, 1, 1] + (means[:, 0] - means[:, 1]) ** 2
    return np.where(n >= 3, _over(2 * moments[:, 0, 1], below), np.nan)


def weighted_spearman(first: np.ndarray, second: np.ndarray, weights_RN: np.ndarray) -> np.ndarray:
    """(R,): Spearman's rank correlation, ties with their mean rank in each sample.

    NaN when a method does not vary, and below 4 cases.
    """
    found = np.empty(len(weights_RN))
    places = [np.unique(values, return_inverse=True)[1] for values in (first, second)]
    for r, weights in enumerate(weights_RN):
        ranks = np.empty((2, len(weights)))
        for k, place in enumerate(places):
            of_value = np.bincount(place, weights)
            ranks[k] = (np.cumsum(of_value) - of_value / 2)[place]
        _, _, moments = _moments(ranks, weights[np.newaxis])
        found[r] = _over(moments[:, 0, 1], np.sqrt(moments[:, 0, 0] * moments[:, 1, 1]))[0]
    return np.where(weights_RN.sum(axis=1) >= 4, np.clip(found, -1, 1), np.nan)


def _moments(values_KN: np.ndarray, weights_RN: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Number of cases (R,), means (R, K) and second central moments over n (R, K, K) of each sample.

    Values are shifted to the middle of the cohort first: volumes of 5000 +- 1 ml would lose the 1.
    """
    n = weights_RN.sum(axis=1)
    middle = values_KN.mean(axis=1) if values_KN.shape[1] else np.zeros(len(values_KN))
    centred = values_KN - middle[:, np.newaxis]
    products = centred[:, np.newaxis] * centred[np.newaxis]
    with np.errstate(divide="ignore", invalid="ignore"):
        means = weights_RN @ centred.T / n[:, np.newaxis]
        flat = products.reshape(len(values_KN) ** 2, values_KN.shape[1])
        squares = (weights_RN @ flat.T).reshape(-1, *products.shape[:2])
        squares /= n[:, np.newaxis, np.newaxis]
    # rounding leaves a trace of a variance where all cases of a sample are equal: cut to none, against the cohort's
    moments = squares - means[:, :, np.newaxis] * means[:, np.newaxis, :]
    floor = 1e-12 * np.einsum("kkn->k", products) / max(values_KN.shape[1], 1)
    still = np.einsum("rkk->rk", moments) <= floor
    moments[still[:, :, np.newaxis] | still[:, np.newaxis, :]] = 0.0
    return n, means + middle, moments


def _over(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    return np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 0)
