"""The same questions asked of parts of a cohort: lesion sizes, regions, types, reference standards, tracers and
scanners.

Takes `CaseResult`s; returns frozen rows, each with the number of lesions, cases and patients it rests on. A false
positive has no reference lesion, so it is counted by tracer and scanner, by its own size, and by the region it lies in
where an organ map tells. Knows nothing about files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from netlesion.evaluate.case.lesion_rows import SIZE_BINS, LesionResult
from netlesion.evaluate.case.outcome import Outcome
from netlesion.evaluate.case.result import CaseResult
from netlesion.evaluate.cohort.interval import COUNT, SHARE, Resampling
from netlesion.evaluate.cohort.regions import region_calls, region_names, regions_are_known
from netlesion.statistics import Estimate

UNKNOWN = "n/a"


@dataclass(frozen=True)
class Stratum:
    """One part of a cohort. Numbers that the part cannot give are None: no Dice of a lesion size.

    specificity: of a region, cases that hold no lesion there and in which nothing was called there.
    """

    by: str
    name: str
    num_cases: int
    num_patients: int
    num_lesions: int
    num_false_positives: int | None
    sensitivity: Estimate
    ppv: Estimate | None
    f1: Estimate | None
    false_positives_per_case: Estimate | None
    dice: Estimate | None
    false_positives_per_patient: Estimate | None = None
    specificity: Estimate | None = None


def strata(results: Sequence[CaseResult], resampling: Resampling) -> tuple[Stratum, ...]:
    """Every stratum that is known of: size always, the others where at least one case or lesion names one."""
    found = [_lesions(results, resampling, "size", name, lambda row: row.size_bin) for name in SIZE_BINS]
    regions = region_names(results)
    if set(regions) - {""}:
        found += [_region(results, resampling, name) for name in regions]
    for by in ("lesion_type", "reference_standard"):
        name_of = attrgetter(by)
        names = {name_of(row) for r in results for row in r.lesions if row.source == "reference"}
        if names - {""}:
            found += [_lesions(results, resampling, by, name, name_of) for name in sorted(names)]
    for by in ("tracer", "scanner"):
        names = {getattr(r, by) for r in results}
        if names - {""}:
            found += [_cases([r for r in results if getattr(r, by) == n], resampling, by, n) for n in sorted(names)]
    return tuple(found)


def _lesions(
    results: Sequence[CaseResult], resampling: Resampling, by: str, name: str, name_of: Callable[[LesionResult], str]
) -> Stratum:
    """Sensitivity among the reference lesions of one kind."""
    counted = (Outcome.TRUE_POSITIVE, Outcome.FALSE_NEGATIVE)
    of_kind = [[row for row in r.lesions if row.outcome in counted and name_of(row) == name] for r in results]
    false_positives = [
        sum(row.outcome == Outcome.FALSE_POSITIVE and name_of(row) == name for row in r.lesions) for r in results
    ]
    tells = by in ("size", "region")
    touched = [r for r, rows in zip(results, of_kind, strict=True) if rows]
    return Stratum(
        by=by,
        name=name or UNKNOWN,
        num_cases=len(touched),
        num_patients=len({r.patient for r in touched}),
        num_lesions=sum(map(len, of_kind)),
        num_false_positives=sum(false_positives) if tells else None,
        sensitivity=resampling.ratio(
            [sum(row.outcome == Outcome.TRUE_POSITIVE for row in rows) for rows in of_kind],
            [len(rows) for rows in of_kind],
            [r.patient for r in results],
        ),
        ppv=None,
        f1=None,
        false_positives_per_case=resampling.mean(false_positives, [r.patient for r in results], COUNT)
        if tells
        else None,
        dice=None,
        false_positives_per_patient=_per_patient(false_positives, results, resampling) if tells else None,
    )


def _region(results: Sequence[CaseResult], resampling: Resampling, name: str) -> Stratum:
    """One region; false positives are unknown where one has no region, and so is the specificity."""
    found = _lesions(results, resampling, "region", name, lambda row: row.region)
    if not regions_are_known(results):
        return replace(found, num_false_positives=None, false_positives_per_case=None, false_positives_per_patient=None)
    calls = region_calls(results, name)
    lesion_free = [float(not positive) for positive in calls.positive]
    quiet = [float(not p and not c) for p, c in zip(calls.positive, calls.called, strict=True)]
    return replace(found, specificity=resampling.ratio(quiet, lesion_free, calls.patients))


def _per_patient(counts: Sequence[int], results: Sequence[CaseResult], resampling: Resampling) -> Estimate:
    patients = dict.fromkeys((r.patient for r in results), 0.0)
    for r, count in zip(results, counts, strict=True):
        patients[r.patient] += count
    return resampling.mean(list(patients.values()), list(patients), COUNT)


def _cases(results: Sequence[CaseResult], resampling: Resampling, by: str, name: str) -> Stratum:
    """Every rate among the cases of one kind."""
    patients = [r.patient for r in results]
    tp, fp, fn = (
        [getattr(r, f"num_{what}") for r in results]
        for what in ("true_positives", "false_positives", "false_negatives")
    )
    return Stratum(
        by=by,
        name=name or UNKNOWN,
        num_cases=len(results),
        num_patients=len(set(patients)),
        num_lesions=sum(tp) + sum(fn),
        num_false_positives=sum(fp),
        sensitivity=resampling.ratio(tp, [a + b for a, b in zip(tp, fn, strict=True)], patients),
        ppv=resampling.ratio(tp, [a + b for a, b in zip(tp, fp, strict=True)], patients),
        f1=resampling.ratio([2 * a for a in tp], [2 * a + b + c for a, b, c in zip(tp, fp, fn, strict=True)], patients),
        false_positives_per_case=resampling.mean(fp, patients, COUNT),
        dice=resampling.mean([r.dice for r in results], patients, SHARE),
        false_positives_per_patient=_per_patient(fp, results, resampling),
    )
