"""Whole-body volume, and SUV times volume, of a prediction against its reference: how well the cases agree.

Takes two numbers for each case; returns plain JSON values: Bland-Altman on the log, ICC(2,1), Lin's concordance and
Spearman, each with the cases and patients it rests on. Knows nothing about images.

Source: clinical.md 8.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from netlesion.evaluate.cohort.interval import Resampling, plain
from netlesion.statistics.weighted_agreement import (
    weighted_concordance,
    weighted_icc_2_1,
    weighted_limits,
    weighted_spearman,
)

Plain = dict[str, Any]


def volume_agreement(
    reference: Sequence[float],
    prediction: Sequence[float],
    patients: Sequence[str],
    unit: str,
    resampling: Resampling,
    note: str = "",
) -> Plain:
    """Agreement of N cases; unit ("ml", "g") names the coefficients of the values themselves.

    A case where either is 0 has no logarithm: figures of the log leave it out and say so in their notes, the others
    keep it. A case where either is NaN is in none. note: what every figure of these cases must say.
    """
    g, p = np.asarray(reference, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    known = np.isfinite(g) & np.isfinite(p)
    if not known.any():
        return {"not_run": "no case has both values"}
    on_log = known & (g > 0) & (p > 0)
    num_zero, num_unknown = int((known & ~on_log).sum()), int((~known).sum())
    unknown = f"{num_unknown} of {len(g)} cases have no value and are left out" if num_unknown else ""
    zero = f"{num_zero} of {len(g)} cases hold a 0 and are left out of the log" if num_zero else ""
    whole = _Cases(g[known], p[known], patients, known, resampling, (note, unknown))
    logs = _Cases(np.log(g[on_log]), np.log(p[on_log]), patients, on_log, resampling, (note, unknown, zero))
    lower, upper = logs.limits()
    return {
        "ratio_geometric_mean": _exp(logs.bias()),
        "ratio_lower_limit_of_agreement": _exp(lower),
        "ratio_upper_limit_of_agreement": _exp(upper),
        **dict(zip(("icc_2_1_of_log", "concordance_of_log"), logs.coefficients()[:2], strict=True)),
        **dict(zip((f"icc_2_1_of_{unit}", f"concordance_of_{unit}", "spearman"), whole.coefficients(), strict=True)),
        "num_cases": int(known.sum()),
        "num_cases_left_out_of_log": num_zero,
        "num_cases_without_value": num_unknown,
    }


class _Cases:
    """Both values of the cases in use, and which patient each belongs to."""

    def __init__(
        self,
        reference: np.ndarray,
        prediction: np.ndarray,
        patients: Sequence[str],
        used: np.ndarray,
        resampling: Resampling,
        notes: Sequence[str],
    ) -> None:
        self._pair = (prediction, reference)
        # sorted by patient, so that the order in which cases arrive does not change the draw
        self._ids, self._owner = np.unique(np.asarray(patients, dtype=str)[used], return_inverse=True)
        self._resampling, self._note = resampling, "; ".join(filter(None, notes))

    def bias(self) -> Plain:
        """The mean difference; a mean has the bootstrap-t."""
        found = self._resampling.mean(np.subtract(*self._pair), self._ids[self._owner])
        return self._counted(plain(found), self._note)

    def limits(self) -> list[Plain]:
        return self._estimates(lambda weights: weighted_limits(*self._pair, weights))

    def coefficients(self) -> list[Plain]:
        """ICC(2,1), concordance and Spearman."""
        functions = (weighted_icc_2_1, weighted_concordance, weighted_spearman)
        return self._estimates(lambda weights: np.column_stack([f(*self._pair, weights) for f in functions]))

    def _estimates(self, of_cases) -> list[Plain]:
        found = self._resampling.statistics(
            lambda weights: of_cases(weights[:, self._owner]), len(self._ids), note=self._note
        )
        return [self._counted(plain(estimate)) for estimate in found]

    def _counted(self, entry: Plain, note: str = "") -> Plain:
        return entry | {"note": "; ".join(filter(None, (note, entry["note"]))), "num_cases": len(self._owner)}


def _exp(entry: Plain) -> Plain:
    return entry | {k: None if entry[k] is None else float(np.exp(entry[k])) for k in ("value", "low", "high")}
