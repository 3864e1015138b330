"""A whole cohort through every check, visit by visit, by as many workers as asked for.

Only findings and fingerprints of a visit are kept, so that a cohort may be larger than memory; duplicates and splits
are looked at in the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from netlesion.errors import ConfigError
from netlesion.image.visit import Tracer
from netlesion.io.bids.cohort import Cohort, open_cohort
from netlesion.io.bids.visit_files import VisitFiles
from netlesion.output.interrupt import worker_processes
from netlesion.validate.duplicates import Pair, find_pairs
from netlesion.validate.finding import CHECKS, Finding, Level, VisitReport
from netlesion.validate.leakage import SplitFile, duplicated, read_split_files, unknown_and_missing
from netlesion.validate.visit import EXPECTED_LENGTH_MM, Expectations, examine


@dataclass(frozen=True)
class CheckCount:
    """How often a check was made and not made, and the commonest reason for the latter."""

    check: str
    asks: str
    made: int
    not_made: int
    reason: str


@dataclass(frozen=True)
class Validation:
    """All findings, errors first; counts by check; how many visits and patients were seen."""

    cohort: str
    num_visits: int
    num_patients: int
    findings: tuple[Finding, ...]
    checks: tuple[CheckCount, ...]

    def count(self, level: Level) -> int:
        return sum(f.level is level for f in self.findings)


def validate(
    root: str | Path,
    expect: Expectations | None = None,
    split_paths: Iterable[str | Path] = (),
    workers: int = 1,
    progress: Callable[[str], None] = lambda visit: None,
) -> Validation:
    """Raises CohortError for a folder that is no cohort or a file that is no split, ConfigError for bad settings."""
    expect = Expectations() if expect is None else expect
    if expect.field_of_view not in EXPECTED_LENGTH_MM or workers < 1:
        raise ConfigError(
            f"--expect is {expect.field_of_view!r}, expected one of {', '.join(EXPECTED_LENGTH_MM)}; "
            f"--workers is {workers}, expected 1 or more"
        )
    cohort, splits = open_cohort(root), read_split_files(split_paths)
    reports = []
    for report in _examined(cohort.visits, expect, workers):
        reports.append(report)
        progress(report.visit)
    pairs = find_pairs(reports)
    findings = [f for report in reports for f in report.findings]
    findings += [f for visit in cohort.visits for f in _no_pet(visit)]
    findings += [_duplicate(pair) for pair in pairs]
    findings += [f for split in splits for f in _split_findings(split, cohort, pairs)]
    order = {check: n for n, check in enumerate(CHECKS)}
    levels = list(Level)
    findings.sort(key=lambda f: (levels.index(f.level), order[f.check], f.visit, f.image))
    return Validation(
        cohort.root.name, len(reports), len(cohort.patient_ids), tuple(findings), _counts(reports, len(splits))
    )


def _examined(visits: Sequence[VisitFiles], expect: Expectations, workers: int) -> Iterator[VisitReport]:
    """Reports in the order of the visits, at most a few visits ahead."""
    if workers == 1 or len(visits) < 2:
        yield from (examine(visit, expect) for visit in visits)
        return
    with worker_processes(min(workers, len(visits))) as pool:
        yield from pool.map(partial(examine, expect=expect), visits)


def _no_pet(visit: VisitFiles) -> list[Finding]:
    if any(t.value in visit.images for t in Tracer):
        return []
    value = f"no PET, only {', '.join(visit.images)}"
    return [
        Finding(visit.visit_id, "", "readable", Level.NOTE, value, "a PET", "it is left out of training and inference")
    ]


def _duplicate(pair: Pair) -> Finding:
    how = (
        "voxel for voxel"
        if pair.identical
        else f"alike (correlation {pair.correlation:.3f}, however scaled or resampled)"
    )
    value = f"the same image as {pair.second.visit}, {how}"
    if pair.same_patient:
        remedy = "remove one of the two sessions"
        return Finding(pair.first.visit, pair.channel, "duplicate", Level.WARNING, value, "one image once", remedy)
    remedy = "find out whose scan it is; keep one, or give both one patient id"
    return Finding(pair.first.visit, pair.channel, "duplicate", Level.ERROR, value, "one patient, one id", remedy)


def _split_findings(split: SplitFile, cohort: Cohort, pairs: tuple[Pair, ...]) -> Iterator[Finding]:
    patients = cohort.patient_ids
    for patient, parts in duplicated(split, patients).items():
        value = f"{split.name}: patient {patient} is in {' and in '.join(parts)}"
        yield Finding(patient, "", "split", Level.ERROR, value, "one patient, one part", "draw the split by patient")
    told = set()
    for pair in pairs:
        a, b = pair.first.patient, pair.second.patient
        parts = [split.parts_of(p) for p in (a, b)]
        if pair.same_patient or (a, b) in told or not all(parts) or parts[0] == parts[1]:
            continue
        told.add((a, b))
        value = f"{split.name}: {a} is in {parts[0][0]} and its copy {b} in {parts[1][0]}"
        remedy = "put both into one part, or remove the copy"
        yield Finding(pair.first.visit, pair.channel, "split", Level.ERROR, value, "copies in one part", remedy)
    unknown, missing = unknown_and_missing(split, patients)
    if missing:
        value = f"{split.name}: names no part for {len(missing)} patients, the first is {missing[0]}"
        yield Finding(missing[0], "", "split", Level.WARNING, value, "a part for every patient", "add them to a part")
    if unknown:
        value = f"{split.name}: names {len(unknown)} that the cohort does not hold, the first is {unknown[0]}"
        yield Finding(
            unknown[0], "", "split", Level.NOTE, value, "patients of the cohort", "none, if it is of a larger one"
        )


def _counts(reports: Sequence[VisitReport], num_splits: int) -> tuple[CheckCount, ...]:
    made = Counter(check for report in reports for check, _ in report.made)
    made["duplicate"] = sum(len(report.fingerprints) for report in reports)
    made["split"] = num_splits
    reasons: dict[str, Counter[str]] = {check: Counter() for check in CHECKS}
    for report in reports:
        for (check, _), reason in report.not_made.items():
            reasons[check][reason] += 1
    if not num_splits:
        reasons["split"]["no split file was given (--split)"] = 1
    return tuple(
        CheckCount(c, asks, made[c], reasons[c].total(), reasons[c].most_common(1)[0][0] if reasons[c] else "")
        for c, asks in CHECKS.items()
    )
