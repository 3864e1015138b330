"""Statistics of SUV over a mask (clinical.md 2.2): moments, and the area under the cumulative SUV-volume histogram.

Takes the values of a lesion's voxels; knows nothing about where they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Fewest voxels of which heterogeneity is told [P] (clinical.md 2.2).
MIN_VOXELS_CSH = 10


@dataclass(frozen=True)
class Moments:
    """sd divides by the number of voxels, as IBSI does. cov, skewness, excess_kurtosis: None where undefined."""

    mean: float
    sd: float
    cov: float | None
    skewness: float | None
    excess_kurtosis: float | None


def moments(values_N: np.ndarray) -> Moments:
    """Moments of N values, N at least 1; IBSI's intensity statistics (Q4LE, ECT3, KE2A, IPH6, 7TET)."""
    values = np.asarray(values_N, dtype=np.float64)
    mean = float(values.mean())
    away = values - mean
    variance = float((away**2).mean())
    sd = variance**0.5
    flat = sd <= 1e-9 * max(abs(mean), 1e-9)  # the rounding of a mean of equal values is no spread
    return Moments(
        mean=mean,
        sd=sd,
        cov=sd / mean if mean > 0 else None,
        skewness=None if flat else float((away**3).mean()) / variance**1.5,
        excess_kurtosis=None if flat else float((away**4).mean()) / variance**2 - 3.0,
    )


def auc_csh(values_N: np.ndarray) -> float | None:
    """Area under x = SUV/SUVmax, y = fraction of the mask with SUV >= x, over x from 0 to 1; None below 10 voxels.

    Of a step function, without bins: it is the mean of SUV/SUVmax, where no SUV is below 0.
    """
    values = np.asarray(values_N, dtype=np.float64)
    if len(values) < MIN_VOXELS_CSH or values.max() <= 0:
        return None
    return float(np.clip(values, 0.0, None).mean() / values.max())
