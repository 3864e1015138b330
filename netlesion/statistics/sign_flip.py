"""The permutation test of two models on the same patients: swap their results within each patient.

If the models are exchangeable, every swap is as likely as what was seen, whatever the distribution of the figure and
however many cases a patient has. All swaps are tried for few patients, a seeded sample of them for many, and the
identity counts as one of the sample, so that the test never rejects more often than its level (Phipson & Smyth,
Stat Appl Genet Mol Biol 2010;9:39). Knows nothing about lesions or images.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from netlesion.errors import CohortError

NUM_SWAPS = 9999
#: Up to this many patients that differ all 2^n swaps are tried.
MAX_EXACT = 13


def sign_flip_p(tops: np.ndarray, bottoms: np.ndarray, *, seed: int, num_swaps: int = NUM_SWAPS) -> float:
    """Two-sided p of equal pooled ratios; tops, bottoms (P, 2): sums of each patient under A and under B.

    1 when no patient differs; NaN when a ratio has no value. A swap that leaves one model without any denominator
    counts as at least as extreme.
    """
    tops, bottoms = np.asarray(tops, dtype=np.float64), np.asarray(bottoms, dtype=np.float64)
    if tops.shape != bottoms.shape or tops.ndim != 2 or tops.shape[1] != 2:
        raise CohortError(f"sums of shapes {tops.shape} and {bottoms.shape}, expected two of (patients, 2)")
    if len(tops) == 0 or (bottoms.sum(axis=0) <= 0).any():
        return float("nan")
    differ = (tops[:, 0] != tops[:, 1]) | (bottoms[:, 0] != bottoms[:, 1])
    count = int(differ.sum())
    if count == 0:
        return 1.0
    exact = count <= MAX_EXACT
    signs = _all_signs(count) if exact else _drawn_signs(count, seed, num_swaps)
    half_top, half_bottom = ((x[differ, 0] - x[differ, 1]) / 2 for x in (tops, bottoms))
    middle_top, middle_bottom = tops.sum() / 2, bottoms.sum() / 2
    seen = abs(_gap(half_top.sum(), half_bottom.sum(), middle_top, middle_bottom))
    gaps = np.abs(_gap(signs @ half_top, signs @ half_bottom, middle_top, middle_bottom))
    extreme = int((np.isnan(gaps) | (gaps >= seen - 1e-12 * max(1.0, seen))).sum())
    return extreme / len(signs) if exact else (extreme + 1) / (len(signs) + 1)


def _gap(half_top, half_bottom, middle_top: float, middle_bottom: float):
    """Ratio of one model minus ratio of the other, from half their difference and the middle of their sums."""
    one, other = middle_bottom + half_bottom, middle_bottom - half_bottom
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = (middle_top + half_top) / one - (middle_top - half_top) / other
    return np.where((one > 0) & (other > 0), gap, np.nan)


@lru_cache(maxsize=4)
def _all_signs(count: int) -> np.ndarray:
    """(2^count, count) of every pattern of +1 and -1."""
    return 1.0 - 2.0 * ((np.arange(2**count)[:, np.newaxis] >> np.arange(count)) & 1)


@lru_cache(maxsize=4)
def _drawn_signs(count: int, seed: int, num_swaps: int) -> np.ndarray:
    return 1.0 - 2.0 * np.random.default_rng(seed).integers(0, 2, size=(num_swaps, count))
