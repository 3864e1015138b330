"""Holm's correction: p of several tests in one table, so that any false rejection has the level's chance.

Holm, Scand J Stat 1979;6:65. Needs no assumption on how the tests depend on each other.
"""

from __future__ import annotations

import numpy as np

from netlesion.errors import QuantityError
from netlesion.statistics.arrays import Numbers


def holm(p_values: Numbers) -> list[float]:
    """Adjusted p in the order given; a NaN (no test was possible) stays NaN and does not count as a test.

    Raises QuantityError for a p outside 0 to 1.
    """
    p = np.asarray(p_values, dtype=np.float64)
    tested = np.flatnonzero(~np.isnan(p))
    if ((p[tested] < 0) | (p[tested] > 1)).any():
        raise QuantityError("a p is outside 0 to 1; expected probabilities")
    adjusted = np.full_like(p, np.nan)
    order = tested[np.argsort(p[tested], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted.tolist()
