"""Curves of two models on the same patients: by hand, against what `evaluate` says of each, and against loops."""

import math

import numpy as np
import pytest

from netlesion.evaluate.case.detections import CaseDetections
from netlesion.evaluate.case.localise import CaseCandidates, lroc_area
from netlesion.evaluate.cohort.froc import DetectionTable
from netlesion.evaluate.compare.paired_curves import compare_culprits, compare_froc
from netlesion.statistics.bootstrap import patient_weights
from netlesion.statistics.paired_proportions import mcnemar

MISSED = -math.inf


def detections(seed, quality, cases=24):
    """Two cases for each patient, every fourth patient without lesion; the same number of lesions for every seed."""
    rng, found = np.random.default_rng(seed), []
    for n in range(cases):
        lesions = 0 if (n // 2) % 4 == 0 else 1 + n % 3
        ratings = np.where(rng.random(lesions) < quality, rng.normal(1, 1, lesions), MISSED)
        false = rng.normal(0, 1, rng.integers(0, 3))
        hits = ratings[np.isfinite(ratings)]
        found.append(
            CaseDetections(
                f"c{n:02d}",
                f"p{n // 2:02d}",
                (*hits, *false),
                (True,) * len(hits) + (False,) * len(false),
                tuple(ratings),
            )  # fmt: skip
        )
    return found


def candidates(seed, quality, cases=18):
    rng = np.random.default_rng(seed)
    return [
        CaseCandidates(
            f"c{n:02d}",
            f"p{n:02d}",
            n % 3 > 0,
            (float(rng.random()), float(rng.random())),
            (bool(n % 3 and rng.random() < quality), False),
        )  # fmt: skip
        for n in range(cases)
    ]


@pytest.fixture(scope="module")
def froc():
    a, b = detections(1, 0.9), detections(2, 0.5)
    return a, b, {x.figure: x.comparison for x in compare_froc(a, b, seed=0)}


def test_values_are_those_of_each_model_alone(froc):
    a, b, found = froc
    for figure, number in (("froc_score", "froc_score"), ("jafroc", "jafroc")):
        comparison, one, other = found[figure], *(getattr(DetectionTable(x), number)() for x in (a, b))
        assert (comparison.a.value, comparison.b.value) == pytest.approx((one, other))
        assert comparison.difference.value == pytest.approx(one - other)
        assert comparison.difference.n == 12
        assert comparison.p < 0.05
    assert found["jafroc"].difference.note.startswith("6 lesion-free cases, 3 lesion-free patients; no value in")


def test_both_models_share_each_resample(froc):
    """The error of the difference is that of differences within resamples, drawn here one by one."""
    a, b, found = froc
    one, other = DetectionTable(a), DetectionTable(b)
    weights = patient_weights(12, seed=0, num_resamples=2000)
    gaps = np.array([one.froc_score(w) - other.froc_score(w) for w in weights])
    difference = found["froc_score"].difference
    half = (difference.high - difference.low) / 2
    assert half == pytest.approx(2.200985 * gaps.std() * math.sqrt(12 / 11), rel=1e-5)  # t of 11 degrees of freedom
    apart = np.hypot(*(np.std([t.froc_score(w) for w in weights]) for t in (one, other)))
    assert gaps.std() != pytest.approx(apart, rel=0.02)


def test_scores_of_two_models_need_not_mean_the_same(froc):
    a, b, found = froc
    stretched = [
        CaseDetections(c.case, c.patient, tuple(100 + s**3 for s in c.scores), c.is_true,
                       tuple(100 + s**3 if np.isfinite(s) else s for s in c.lesion_scores))
        for c in b
    ]  # fmt: skip
    for curve in compare_froc(a, stretched, seed=0):
        assert curve.comparison.difference == found[curve.figure].difference
        assert curve.comparison.p == found[curve.figure].p


def test_the_same_model_twice_does_not_differ(froc):
    a = froc[0]
    for curve in compare_froc(a, a, seed=0):
        assert (curve.comparison.difference.value, curve.comparison.p) == (0.0, 1.0)


def test_no_lesion_no_curve_and_no_lesion_free_case_no_jafroc():
    without = [CaseDetections("a", "a", (0.5,), (False,), ()), CaseDetections("b", "b", (), (), ())]
    assert compare_froc(without, without, seed=0) == ()
    all_ill = [CaseDetections(c, c, (0.5,), (True,), (0.5, MISSED)) for c in "abc"]
    assert [curve.figure for curve in compare_froc(all_ill, all_ill, seed=0)] == ["froc_score"]


def test_culprits_have_lroc_and_mcnemar_of_hits_at_rank_one():
    a, b = candidates(1, 1.0), candidates(2, 0.4)
    patients = [c.patient for c in a]
    found = {x.figure: x.comparison for x in compare_culprits([c.top for c in a], [c.top for c in b], patients, seed=0)}
    area = found["lroc_area"]
    assert (area.a.value, area.b.value) == pytest.approx((lroc_area(a), lroc_area(b)))
    assert area.difference.low < area.difference.value < area.difference.high
    hits = [[c.first_hit_rank == 1 for c in x if c.has_culprit] for x in (a, b)]
    hit = found["hit_at_1"]
    assert (hit.a.value, hit.b.value) == pytest.approx(tuple(np.mean(hits, axis=1)))
    only_a, only_b = (sum(x and not y for x, y in zip(*pair, strict=True)) for pair in (hits, hits[::-1]))
    assert hit.p == pytest.approx(mcnemar(only_a, only_b))
    ill = [c.top for c in a if c.has_culprit]
    assert [x.figure for x in compare_culprits(ill, ill, [f"{n}" for n in range(12)], seed=0)] == ["hit_at_1"]
    healthy = [c.top for c in a if not c.has_culprit]
    assert compare_culprits(healthy, healthy, list("abcdef"), seed=0) == ()


def test_every_resample_has_its_culprits_and_its_patients_without():
    """One healthy patient of thirteen is in each; drawn among all he would be missing in a third of resamples."""
    a, b = ([c.top for c in candidates(seed, 0.7)] for seed in (1, 2))
    healthy = next(n for n, top in enumerate(a) if not top.has_culprit)
    kept = [n for n, top in enumerate(a) if top.has_culprit or n == healthy]
    area, _ = compare_culprits([a[n] for n in kept], [b[n] for n in kept], [f"p{n}" for n in kept], seed=0)
    assert area.figure == "lroc_area"
    assert "no value" not in area.comparison.difference.note + area.comparison.a.note
