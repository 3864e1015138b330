"""The same questions asked of parts of a cohort: lesion sizes, regions, types, reference standards, tracers and
scanners.

Takes `CaseResult`s; returns frozen rows, each with the number of lesions, cases and patients it rests on. A false
positive has no reference lesion, so it is counted by tracer and scanner, and by its own size. Knows nothing about
files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from netlesion.evaluate.case_result import CaseResult
from netlesion.evaluate.interval import COUNT, SHARE, Resampling
from netlesion.evaluate.lesion_rows import SIZE_BINS, LesionResult
from netlesion.evaluate.outcome import Outcome
from netlesion.evaluate.statistics import Estimate

UNKNOWN = "n/a"


@dataclass(frozen=True)
class Stratum:
    """One part of a cohort. Numbers that the part cannot give are None: no Dice of a lesion size."""

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


def strata(results: Sequence[CaseResult], resampling: Resampling) -> tuple[Stratum, ...]:
    """Every stratum that is known of: size always, the others where at least one case or lesion names one."""
    found = [_lesions(results, resampling, "size", name, lambda row: row.size_bin) for name in SIZE_BINS]
    for by in ("region", "lesion_type", "reference_standard"):
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
    invented = None
    if by == "size":
        invented = sum(
            row.outcome == Outcome.FALSE_POSITIVE and row.size_bin == name for r in results for row in r.lesions
        )
    touched = [r for r, rows in zip(results, of_kind, strict=True) if rows]
    return Stratum(
        by=by,
        name=name or UNKNOWN,
        num_cases=len(touched),
        num_patients=len({r.patient for r in touched}),
        num_lesions=sum(map(len, of_kind)),
        num_false_positives=invented,
        sensitivity=resampling.ratio(
            [sum(row.outcome == Outcome.TRUE_POSITIVE for row in rows) for rows in of_kind],
            [len(rows) for rows in of_kind],
            [r.patient for r in results],
        ),
        ppv=None,
        f1=None,
        false_positives_per_case=None,
        dice=None,
    )


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
    )
