"""Was a region called where it holds a lesion, and left alone where it holds none? Region by region, case by case.

Takes `CaseResult`s whose lesions have a region (a table's, or by an organ map); returns plain JSON values and, for the
strata, the calls of one region. A region of a case is positive by its counted reference lesions, and called when one of
them was found or a false positive lies there. Don't-cares and splits are neither. Knows nothing about images.

Source: clinical.md 8.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from netlesion.evaluate.case.lesion_rows import LesionResult
from netlesion.evaluate.case.outcome import Outcome
from netlesion.evaluate.case.result import CaseResult
from netlesion.evaluate.cohort.interval import Resampling, plain
from netlesion.statistics.kappa import cohen_kappa

Plain = dict[str, Any]
_FOUND = (Outcome.TRUE_POSITIVE, Outcome.FALSE_NEGATIVE)


@dataclass(frozen=True)
class RegionCalls:
    """One region in every case (C,): whether it holds a counted lesion, and whether it was called."""

    patients: tuple[str, ...]
    positive: tuple[bool, ...]
    called: tuple[bool, ...]


def region_names(results: Sequence[CaseResult]) -> tuple[str, ...]:
    """Regions of counted reference lesions and of inventions, sorted; the empty text stands for an unknown one."""
    return tuple(sorted({row.region for r in results for row in _rows(r)}))


def regions_are_known(results: Sequence[CaseResult]) -> bool:
    """Whether every counted lesion and every invention has a region: else nobody knows where nothing was called."""
    return "" not in region_names(results)


def region_calls(results: Sequence[CaseResult], name: str) -> RegionCalls:
    """The calls of one region."""
    positive, called = [], []
    for r in results:
        here = [row for row in _rows(r) if row.region == name]
        positive.append(any(row.outcome in _FOUND for row in here))
        called.append(any(row.outcome != Outcome.FALSE_NEGATIVE for row in here))
    return RegionCalls(tuple(r.patient for r in results), tuple(positive), tuple(called))


def region_detection(results: Sequence[CaseResult], resampling: Resampling) -> Plain:
    """Sensitivity, specificity and kappa over all regions of all cases; a reason instead, where a region is unknown."""
    names = region_names(results)
    if not names:
        return {"not_run": "there is neither a lesion nor an invention"}
    unknown = sum(row.region == "" for r in results for row in _rows(r))
    if unknown:
        return {
            "not_run": f"{unknown} lesions or inventions have no region; give a cohort with organ maps (desc-organs), "
            "a table alone (--lesions) tells nothing of inventions"
        }
    each = [region_calls(results, name) for name in names]
    patients = [p for calls in each for p in calls.patients]
    positive = [x for calls in each for x in calls.positive]
    called = [x for calls in each for x in calls.called]
    both = list(zip(positive, called, strict=True))
    kappa = cohen_kappa(
        positive, called, (False, True), patients, seed=resampling.seed, num_resamples=resampling.num_resamples
    )
    return {
        "sensitivity": plain(resampling.ratio([float(p and c) for p, c in both], list(map(float, positive)), patients)),
        "specificity": plain(
            resampling.ratio([float(not p and not c) for p, c in both], [float(not p) for p, _ in both], patients)
        ),
        "kappa": plain(resampling.noted(kappa)),
        "regions": list(names),
        "num_units": len(both),
        "rule": "a unit is a region of a case; regions are those that any case of the cohort holds or calls",
    }


def _rows(result: CaseResult) -> list[LesionResult]:
    return [row for row in result.lesions if row.outcome in (*_FOUND, Outcome.FALSE_POSITIVE)]
