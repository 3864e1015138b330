"""PERCIST and EORTC of one FDG PET against the baseline: from lesions and reference organs to the criteria's
numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import pdist

from netlesion.answers.criteria import (
    NE,
    EortcNumbers,
    FdgNumbers,
    Verdict,
    eortc,
    measurable,
    measurable_by_blood_pool,
    percist,
    percist5,
)
from netlesion.answers.patient import Lesion, Pet
from netlesion.answers.series import Series, not_comparable
from netlesion.answers.settings import ResponseSettings
from netlesion.answers.uptake import hottest, uptake_at, voxels_at

#: Voxels of a lesion whose distances are measured, at most; its extent needs no more.
MAX_POINTS = 400


@dataclass(frozen=True)
class FdgResponse:
    """Verdicts, None with the reason in `missing` where a number is not there. as_measured: comparable or not."""

    percist: Verdict | None
    as_measured: Verdict | None
    percist5: Verdict | None
    eortc: Verdict | None
    numbers: FdgNumbers | None
    eortc_percent: float | None
    not_comparable: tuple[str, ...]
    missing: tuple[str, ...]
    targets: tuple[Lesion, ...]


def fdg_response(series: Series, index: int, cycles: int | None, s: ResponseSettings) -> FdgResponse:
    """The PET at `index` against the first of the series; cycles: completed since."""
    before, after = series.pets[0], series.pets[index]
    new = series.new_at(index)
    obstacles = not_comparable(before, after, s)
    targets = hottest(before.lesions, s.targets, s.targets_per_organ)
    missing = []
    numbers, verdict, verdict5 = None, None, None
    why = _no_sul(before, after)
    if why is None:
        numbers = _numbers(series, index, len(new), s)
        verdict = percist(numbers, s)
        later = hottest(after.lesions, s.targets, s.targets_per_organ)
        a, b = before.sul_per_suv or 0.0, after.sul_per_suv or 0.0
        verdict5 = percist5(
            [a * x.suvpeak for x in targets], [b * x.suvpeak for x in later], len(new), numbers.liver_after, s
        )
    else:
        missing.append(f"PERCIST has no value, because {why}")
    of_eortc, percent = None, None
    if cycles is None:
        missing.append("EORTC has no value, because cycles_completed is not given (sessions.tsv)")
    else:
        sums = _eortc_numbers(series, index, targets, len(new), cycles)
        if sums is None:
            missing.append("EORTC has no value, because a target's place is not on the later PET")
        else:
            of_eortc = eortc(sums, s)
            if sums.suvmax_before > 0:
                percent = 100.0 * (sums.suvmax_after - sums.suvmax_before) / sums.suvmax_before
    refused = Verdict(NE, f"the scans are not comparable: {'; '.join(obstacles)}")
    return FdgResponse(
        percist=verdict if verdict is None or not obstacles else refused,
        as_measured=verdict,
        percist5=verdict5 if verdict5 is None or not obstacles else refused,
        eortc=of_eortc if of_eortc is None or not obstacles else refused,
        numbers=numbers,
        eortc_percent=percent,
        not_comparable=obstacles,
        missing=tuple(missing),
        targets=targets,
    )


def _no_sul(before: Pet, after: Pet) -> str | None:
    if before.sul_per_suv is None or after.sul_per_suv is None:
        return "SUL needs weight, height and sex (sessions.tsv, participants.tsv)"
    if before.references.liver is None and before.references.blood_pool is None:
        return "neither liver nor blood pool of the baseline is known"
    if after.references.liver is None:
        return "the liver of the later PET is not known"
    return None


def _numbers(series: Series, index: int, num_new: int, s: ResponseSettings) -> FdgNumbers:
    before, after = series.pets[0], series.pets[index]
    a, b = before.sul_per_suv or 0.0, after.sul_per_suv or 0.0
    liver, blood, later = before.references.liver, before.references.blood_pool, after.references.liver
    assert later is not None, "asked before"
    if liver is not None and not liver.flags:
        least = measurable(a * liver.mean, a * liver.sd)
    elif blood is not None:
        least = measurable_by_blood_pool(a * blood.mean, a * blood.sd)
    else:
        assert liver is not None
        least = measurable(a * liver.mean, a * liver.sd)
    hottest_key = max(before.lesions, key=lambda x: (x.suvpeak, x.key)).key if before.lesions else None
    unknown = series.not_seen_before_at(index)
    rises = []
    for lesion in before.lesions:
        partners = series.of_track(lesion, index)
        if lesion.key != hottest_key and partners:
            peak = max(x.suvpeak for x in partners) * b
            if peak - a * lesion.suvpeak >= s.percist_sul:
                rises.append(100.0 * (peak / (a * lesion.suvpeak) - 1.0))
    return FdgNumbers(
        peak_before=max((a * x.suvpeak for x in before.lesions), default=None),
        peak_after=max((b * x.suvpeak for x in after.lesions), default=None),
        least=least,
        liver_after=b * later.mean,
        tlg_before=a * sum(x.total_uptake_g for x in before.lesions),
        tlg_after=b * sum(x.total_uptake_g for x in after.lesions if x not in unknown),
        num_new=num_new,
        up_percent=max(rises, default=None),
    )


def _eortc_numbers(
    series: Series, index: int, targets: Sequence[Lesion], num_new: int, cycles: int
) -> EortcNumbers | None:
    """Sums over the targets; of one that is gone the SUVmax of its place. None where that cannot be looked at."""
    after = series.pets[index]
    suvmax, extent = 0.0, 0.0
    for lesion in targets:
        partners = series.of_track(lesion, index)
        if partners:
            suvmax += max(x.suvmax for x in partners)
            extent += longest_mm(np.concatenate([x.points_mm for x in partners]))
            continue
        if after.read_suv is None or lesion.placed_mm is None:
            return None
        there = uptake_at(after.read_suv(), voxels_at(after, lesion.placed_mm))
        if there is None:
            return None
        suvmax += there.max
    return EortcNumbers(
        suvmax_before=sum(x.suvmax for x in targets),
        suvmax_after=suvmax,
        extent_before_mm=sum(longest_mm(x.points_mm) for x in targets),
        extent_after_mm=extent,
        num_left=len(after.lesions),
        num_new=num_new,
        cycles=cycles,
    )


def longest_mm(points_N3: np.ndarray) -> float:
    """Largest distance of two voxel centres; of a large lesion, of the voxels outermost in directions over the
    sphere."""
    if len(points_N3) > MAX_POINTS:
        n = np.arange(MAX_POINTS // 2) + 0.5
        polar, turn = np.arccos(1 - n / (MAX_POINTS // 2)), np.pi * (1 + 5**0.5) * n
        rays = np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], axis=1)
        along = points_N3 @ rays.T
        points_N3 = points_N3[np.unique(np.concatenate([along.argmax(axis=0), along.argmin(axis=0)]))]
    return float(pdist(points_N3).max(initial=0.0))
