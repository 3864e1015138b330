"""Published response criteria on numbers, every class by hand (clinical.md 4.1 to 4.4)."""

from __future__ import annotations

import pytest

from netlesion.answers.criteria import (
    EortcNumbers,
    FdgNumbers,
    RecistTarget,
    eortc,
    measurable,
    measurable_by_blood_pool,
    percist,
    percist5,
    recist,
    sstr_class,
)
from netlesion.answers.settings import ResponseSettings, settings_of
from netlesion.errors import ConfigError

S = ResponseSettings()


def fdg(before, after, **more):
    """Liver SUL 1.5 +- 0.2, so that 2.65 is measurable; TLG falls and rises with the peak unless said."""
    values = {
        "peak_before": before, "peak_after": after, "least": measurable(1.5, 0.2), "liver_after": 1.5,
        "tlg_before": 100.0, "tlg_after": 100.0,
    }  # fmt: skip
    return FdgNumbers(**(values | more))


def test_what_is_measurable():
    assert measurable(1.5, 0.2) == pytest.approx(2.65)
    assert measurable_by_blood_pool(1.2, 0.1) == pytest.approx(2.6)


@pytest.mark.parametrize(
    ("told", "numbers", "category"),
    [
        ("half of it left", fdg(8.0, 4.0), "PMR"),
        ("exactly 30 % less", fdg(10.0, 7.0), "PMR"),
        ("29 % less", fdg(10.0, 7.1), "SMD"),
        ("30 % less, but 0.79 SUL only", fdg(2.66, 1.87), "SMD"),
        ("exactly 30 % more", fdg(10.0, 13.0), "PMD"),
        ("30 % more, but 0.7 SUL only is not reached at 2.65", fdg(2.65, 3.4), "SMD"),
        ("the same", fdg(8.0, 8.0), "SMD"),
        ("nothing left", fdg(8.0, None), "CMR"),
        ("what is left is not above liver", fdg(8.0, 1.5), "CMR"),
        ("a new lesion beats every fall", fdg(8.0, 1.0, num_new=1), "PMD"),
        ("a new lesion where there was none", fdg(None, 5.0, num_new=1), "PMD"),
        ("TLG up by 75 % with the same peak", fdg(8.0, 8.0, tlg_after=175.0), "PMD"),
        ("TLG up by 74 %", fdg(8.0, 8.0, tlg_after=174.0), "SMD"),
        ("less, but another lesion rose by 31 %", fdg(8.0, 4.0, up_percent=31.0), "SMD"),
        ("less, another lesion rose by 30 %", fdg(8.0, 4.0, up_percent=30.0), "PMR"),
        ("not measurable at baseline", fdg(2.6, 1.9), "NE"),
        ("no lesion at baseline, none now", fdg(None, None), "NE"),
    ],
)
def test_percist(told, numbers, category):
    assert percist(numbers, S).category == category, told


def test_percist_tells_both_changes():
    numbers = fdg(8.0, 4.0)
    assert (numbers.percent, numbers.absolute) == (-50.0, -4.0)
    assert fdg(8.0, None).percent == -100.0
    assert percist(numbers, S).why == "SULpeak fell by 50 % and 4.0 g/ml"


@pytest.mark.parametrize(
    ("before", "after", "num_new", "category"),
    [
        ([8, 6], [4, 3], 0, "PMR"),
        ([8, 6], [8, 6], 0, "SMD"),
        ([8, 6], [10, 8.3], 0, "PMD"),
        ([8, 6], [], 0, "CMR"),
        ([8], [4], 1, "PMD"),
        ([], [], 0, "NE"),
    ],
)
def test_percist5(before, after, num_new, category):
    assert percist5(before, after, num_new, 1.5, S).category == category


def sums(after, cycles, **more):
    values = {
        "suvmax_before": 100.0, "suvmax_after": after, "extent_before_mm": 50.0, "extent_after_mm": 50.0,
        "num_left": 3, "num_new": 0, "cycles": cycles,
    }  # fmt: skip
    return EortcNumbers(**(values | more))


@pytest.mark.parametrize(
    ("told", "numbers", "category"),
    [
        ("15 % less after one cycle", sums(85.0, 1), "PMR"),
        ("14 % less after one cycle", sums(86.0, 1), "SMD"),
        ("20 % less after two cycles", sums(80.0, 2), "SMD"),
        ("26 % less after two cycles", sums(74.0, 2), "PMR"),
        ("25 % less after two cycles is not more than 25", sums(75.0, 2), "SMD"),
        ("26 % more", sums(126.0, 2), "PMD"),
        ("25 % more is not more than 25", sums(125.0, 2), "SMD"),
        ("longest dimensions up by 22 %", sums(100.0, 2, extent_after_mm=61.0), "PMD"),
        ("a new lesion", sums(50.0, 2, num_new=1), "PMD"),
        ("nothing left", sums(10.0, 2, num_left=0), "CMR"),
        ("no target", sums(0.0, 2, suvmax_before=0.0), "NE"),
    ],
)
def test_eortc(told, numbers, category):
    assert eortc(numbers, S).category == category, told


@pytest.mark.parametrize(
    ("told", "targets", "nadir", "num_new", "category"),
    [
        ("all gone", [RecistTarget(False, 20, 0)], 20, 0, "CR"),
        ("a node below 10 mm and the rest gone", [RecistTarget(False, 20, 0), RecistTarget(True, 18, 9)], 38, 0, "CR"),
        ("a node of 10 mm is left", [RecistTarget(True, 18, 10)], 18, 0, "PR"),
        ("30 % less", [RecistTarget(False, 100, 70)], 100, 0, "PR"),
        ("29 % less", [RecistTarget(False, 100, 71)], 100, 0, "SD"),
        ("20 % and 5 mm above the nadir", [RecistTarget(False, 40, 30)], 25, 0, "PD"),
        ("20 %, but 4 mm above the nadir", [RecistTarget(False, 40, 24)], 20, 0, "PR"),
        ("a new lesion", [RecistTarget(False, 40, 10)], 40, 1, "PD"),
        ("nothing measured", [], 0, 0, "NE"),
    ],
)
def test_recist(told, targets, nadir, num_new, category):
    assert recist(targets, nadir, num_new).category == category, told


@pytest.mark.parametrize(
    ("before", "after", "num_new", "category"),
    [
        (100, 130, 0, "increase"),
        (100, 129, 0, "stable"),
        (100, 70, 0, "decrease"),
        (100, 71, 0, "stable"),
        (100, 60, 1, "mixed"),
        (100, 100, 1, "increase"),
        (0, 5, 1, "increase"),
        (0, 5, 0, "NE"),
        (0, 0, 0, "no_lesion"),
        (5, 0, 0, "decrease"),
    ],
)
def test_exploratory_bands_of_sstr(before, after, num_new, category):
    assert sstr_class(before, after, num_new, S).category == category


@pytest.mark.parametrize(
    "given",
    [
        {"eortc_partial_first_percent": 25.0, "eortc_partial_percent": 15.0},
        {"reach_mm": 10.0, "reach_near_mm": 5.0},
        {"new_ratio": 1.5},
        {"percist_percent": -30.0},
    ],
)
def test_swapped_or_impossible_thresholds_are_refused(given):
    with pytest.raises(ConfigError, match=r"answers\.response\."):
        settings_of({"response": given})
