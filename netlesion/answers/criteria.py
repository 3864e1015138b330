"""Response criteria as published, on numbers alone: PERCIST 1.0 and 5, EORTC 1999, RECIST 1.1, and the bands of SSTR.

FDG only for PERCIST and EORTC; RECIST from a reader's diameters only. No SSTR criteria are accepted: `sstr_class` is a
display of this project under its own label (clinical.md 4.1 to 4.4). Each function takes numbers and returns a category
with the reason in words; NE stands for not evaluable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netlesion.answers.settings import ResponseSettings

CMR, PMR, SMD, PMD, NE = "CMR", "PMR", "SMD", "PMD", "NE"


@dataclass(frozen=True)
class Verdict:
    """A category, and why as the end of a sentence."""

    category: str
    why: str


@dataclass(frozen=True)
class FdgNumbers:
    """Two FDG PETs, all in SUL (g/ml) but tlg_*, g.

    peak_*: of the hottest lesion, None without a lesion. tlg_after leaves out what the first PET's mask had missed.
    least: what the baseline's peak must reach to be measurable. liver_after: mean. up_percent: largest rise of another
    lesion, None without one. num_new: new lesions.
    """

    peak_before: float | None
    peak_after: float | None
    least: float
    liver_after: float
    tlg_before: float
    tlg_after: float
    num_new: int = 0
    up_percent: float | None = None

    @property
    def percent(self) -> float | None:
        """d = (peak2 - peak1) / peak1 * 100; -100 where nothing is left."""
        if self.peak_before is None:
            return None
        return 100.0 * ((self.peak_after or 0.0) - self.peak_before) / self.peak_before

    @property
    def absolute(self) -> float | None:
        """a = peak2 - peak1."""
        return None if self.peak_before is None else (self.peak_after or 0.0) - self.peak_before


def measurable(liver_mean: float, liver_sd: float) -> float:
    """1.5 * liver mean + 2 SD (clinical.md 4.1)."""
    return 1.5 * liver_mean + 2.0 * liver_sd


def measurable_by_blood_pool(mean: float, sd: float) -> float:
    """2 * blood pool mean + 2 SD, where the liver is diseased (clinical.md 4.1)."""
    return 2.0 * mean + 2.0 * sd


def percist(x: FdgNumbers, s: ResponseSettings) -> Verdict:
    """PERCIST 1.0 in the order new lesion and PMD, CMR, PMR, SMD (clinical.md 4.1); both thresholds are reached by
    >=."""
    if x.num_new:
        return Verdict(PMD, f"{x.num_new} new lesion{'s' * (x.num_new > 1)}")
    if x.peak_before is None:
        return Verdict(NE, "no lesion at baseline")
    if x.peak_before < x.least:
        return Verdict(NE, f"the hottest lesion at baseline is below the measurable {x.least:.1f} g/ml")
    d, a = x.percent, x.absolute
    assert d is not None, "there is a lesion at baseline"
    assert a is not None, "there is a lesion at baseline"
    if d >= s.percist_percent and a >= s.percist_sul:
        return Verdict(PMD, f"SULpeak rose by {d:.0f} % and {a:.1f} g/ml")
    if x.tlg_before > 0 and 100.0 * (x.tlg_after - x.tlg_before) / x.tlg_before >= s.percist_tlg_percent:
        return Verdict(PMD, f"total lesion glycolysis rose from {x.tlg_before:.0f} to {x.tlg_after:.0f} g")
    if x.peak_after is None or x.peak_after <= x.liver_after:
        return Verdict(CMR, "no lesion is above liver")
    if d <= -s.percist_percent and a <= -s.percist_sul:
        if x.up_percent is not None and x.up_percent > s.percist_percent:
            return Verdict(SMD, f"SULpeak fell by {-d:.0f} %, but another lesion rose by {x.up_percent:.0f} %")
        return Verdict(PMR, f"SULpeak fell by {-d:.0f} % and {-a:.1f} g/ml")
    return Verdict(SMD, f"SULpeak changed by {d:+.0f} % and {a:+.1f} g/ml")


def percist5(
    before: Sequence[float], after: Sequence[float], num_new: int, liver: float, s: ResponseSettings
) -> Verdict:
    """The same per cent on the sums of up to five hottest SULpeak (clinical.md 4.1); secondary."""
    if num_new:
        return Verdict(PMD, f"{num_new} new lesion{'s' * (num_new > 1)}")
    if not before or sum(before) <= 0:
        return Verdict(NE, "no lesion at baseline")
    d = 100.0 * (sum(after) - sum(before)) / sum(before)
    if d >= s.percist_percent:
        return Verdict(PMD, f"the sum of SULpeak rose by {d:.0f} %")
    if not after or max(after) <= liver:
        return Verdict(CMR, "no lesion is above liver")
    if d <= -s.percist_percent:
        return Verdict(PMR, f"the sum of SULpeak fell by {-d:.0f} %")
    return Verdict(SMD, f"the sum of SULpeak changed by {d:+.0f} %")


@dataclass(frozen=True)
class EortcNumbers:
    """Sums over the targets: SUVmax and longest dimension (mm) before and after. num_left: lesions after."""

    suvmax_before: float
    suvmax_after: float
    extent_before_mm: float
    extent_after_mm: float
    num_left: int
    num_new: int
    cycles: int


def eortc(x: EortcNumbers, s: ResponseSettings) -> Verdict:
    """EORTC 1999 (clinical.md 4.2): a partial response needs 15 % after one cycle and more than 25 % after more."""
    if x.num_new:
        return Verdict(PMD, f"{x.num_new} new lesion{'s' * (x.num_new > 1)}")
    if x.suvmax_before <= 0:
        return Verdict(NE, "no target at baseline")
    if x.num_left == 0:
        return Verdict(CMR, "no lesion is left")
    d = 100.0 * (x.suvmax_after - x.suvmax_before) / x.suvmax_before
    if d > s.eortc_progress_percent:
        return Verdict(PMD, f"the sum of SUVmax rose by {d:.0f} %")
    longer = 100.0 * (x.extent_after_mm - x.extent_before_mm) / max(x.extent_before_mm, 1e-9)
    if longer > s.eortc_extent_percent:
        return Verdict(PMD, f"the longest dimensions of uptake rose by {longer:.0f} %")
    partial = -d >= s.eortc_partial_first_percent if x.cycles <= 1 else -d > s.eortc_partial_percent
    if partial:
        return Verdict(PMR, f"the sum of SUVmax fell by {-d:.0f} % after {x.cycles} cycle{'s' * (x.cycles != 1)}")
    return Verdict(SMD, f"the sum of SUVmax changed by {d:+.0f} % after {x.cycles} cycle{'s' * (x.cycles != 1)}")


RECIST_LONG_MM, RECIST_NODE_MM, RECIST_NODE_GONE_MM = 10.0, 15.0, 10.0


@dataclass(frozen=True)
class RecistTarget:
    """Diameters of one target, mm: short axis of a node, else long axis; after is 0 where it is gone."""

    is_node: bool
    before_mm: float
    after_mm: float


def recist(targets: Sequence[RecistTarget], nadir_mm: float, num_new: int) -> Verdict:
    """RECIST 1.1 (clinical.md 4.3) of targets measured by a reader; nadir_mm: the smallest sum so far."""
    if num_new:
        return Verdict("PD", f"{num_new} new lesion{'s' * (num_new > 1)}")
    if not targets:
        return Verdict(NE, "no target was measured at both visits")
    before, after = sum(t.before_mm for t in targets), sum(t.after_mm for t in targets)
    if all(t.after_mm < RECIST_NODE_GONE_MM if t.is_node else t.after_mm == 0 for t in targets):
        return Verdict("CR", "all targets are gone")
    if after >= 1.2 * nadir_mm and after - nadir_mm >= 5.0:
        return Verdict("PD", f"the sum of diameters rose from {nadir_mm:.0f} to {after:.0f} mm")
    if after <= 0.7 * before:
        return Verdict("PR", f"the sum of diameters fell from {before:.0f} to {after:.0f} mm")
    return Verdict("SD", f"the sum of diameters is {after:.0f} mm after {before:.0f} mm")


SSTR_INCREASE, SSTR_DECREASE, SSTR_STABLE, SSTR_MIXED, SSTR_NONE = (
    "increase",
    "decrease",
    "stable",
    "mixed",
    "no_lesion",
)


def sstr_class(volume_before_ml: float, volume_after_ml: float, num_new: int, s: ResponseSettings) -> Verdict:
    """Exploratory display band of whole-body SRETV (clinical.md 4.4 [P]); new lesions with less volume are mixed."""
    if volume_before_ml <= 0:
        if volume_after_ml <= 0:
            return Verdict(SSTR_NONE, "no lesion at either visit")
        if num_new:
            return Verdict(SSTR_INCREASE, f"{num_new} new lesion{'s' * (num_new > 1)} after none")
        return Verdict(NE, "no lesion at baseline, and none of those now is certainly new")
    d = 100.0 * (volume_after_ml - volume_before_ml) / volume_before_ml
    change = f"the volume changed by {d:+.0f} %"
    if num_new:
        status = SSTR_MIXED if d <= -s.sstr_percent else SSTR_INCREASE
        return Verdict(status, f"{change} with {num_new} new lesion{'s' * (num_new > 1)}")
    if d >= s.sstr_percent:
        return Verdict(SSTR_INCREASE, change)
    return Verdict(SSTR_DECREASE if d <= -s.sstr_percent else SSTR_STABLE, change)
