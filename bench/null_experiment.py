"""Does `netlesion compare` reject what is true, and do its intervals cover? Simulated cohorts, its own code path.

Null: two exchangeable models (same error rates, independent errors given the lesion) on the same patients, who have
one or two cases, lesions that are hard or easy together, and false positives that come in crowds. Effect: model B
misses more, invents more, draws worse and rates worse; the truth is that of 400 000 simulated patients. One culprit
or none (LROC, hit at rank 1) is a cohort of its own, with one case a patient.

    python bench/null_experiment.py                      # 1000 cohorts of 50 patients under each
    python bench/null_experiment.py --cohorts 200 --patients 20

Prints a table and, last, one JSON line.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import time
from dataclasses import dataclass

import numpy as np
from scipy import stats

from netlesion.evaluate.case.detections import CaseDetections
from netlesion.evaluate.case.localise import TopCandidate
from netlesion.evaluate.cohort.froc import FROC_RATES
from netlesion.evaluate.compare.figures import Paired, compare_figures
from netlesion.evaluate.compare.paired_curves import CULPRIT_FIGURES
from netlesion.statistics.paired_proportions import PairedCounts, newcombe

LEVEL = 0.05
#: Tests that are exact, and so may reject less often than the level.
EXACT = ("lesion_sensitivity", "patient_sensitivity", "patient_specificity", "hit_at_1")
#: Larger cohorts are for the truth alone, and get no detections of each case.
MOST = 10_000


@dataclass(frozen=True)
class Model:
    """Log odds of finding an average lesion, false positives per case, mean log odds of Dice; how far above a healthy
    patient's the highest score of an ill one lies, and above a false positive's that of a lesion.
    """

    find: float = 1.5
    false_positives: float = 0.8
    draw: float = 1.2
    separation: float = 1.3
    rate: float = 1.5


def simulate(rng: np.random.Generator, num_patients: int, a: Model, b: Model) -> tuple[Paired, list]:
    """One cohort, and the ratings it was made of: about a quarter of patients without lesion, a patient's alike."""
    num_cases = rng.integers(1, 3, num_patients)
    owner = np.repeat(np.arange(num_patients), num_cases)
    ill = rng.random(num_patients) < 0.75
    hard, crowd, ease = rng.normal(0, 1, num_patients), rng.gamma(1.0, 1.0, num_patients), rng.normal(size=num_patients)
    lesions = np.where(ill[owner], 1 + rng.negative_binomial(1, 0.25, len(owner)), 0)
    case_of_lesion = np.repeat(np.arange(len(owner)), lesions)
    lesion_hard = hard[owner[case_of_lesion]] + rng.normal(0, 1, len(case_of_lesion))
    volume = rng.lognormal(0.5, 1.0, len(case_of_lesion))

    def total(values):
        return np.bincount(case_of_lesion, values, minlength=len(owner))

    cases = np.arange(len(owner))
    reference_ml, case_ease = total(volume), rng.normal(0, 0.5, len(owner))
    tables, scores, detections = [], [], []
    for model in (a, b):
        found = rng.random(len(case_of_lesion)) < 1 / (1 + np.exp(-model.find - lesion_hard))
        hits = total(found)
        false = rng.poisson(model.false_positives * crowd[owner])
        false_ml = np.where(false > 0, false * rng.lognormal(-0.5, 0.8, len(owner)), 0.0)
        noise = rng.normal(0, 0.7, len(owner))
        drawn = 1 / (1 + np.exp(-model.draw - 0.5 * ease[owner] - case_ease - noise))
        missed_ml = total(volume * ~found)
        share = np.divide(
            reference_ml - missed_ml, reference_ml, out=np.ones_like(reference_ml), where=reference_ml > 0
        )
        dice = np.where(reference_ml > 0, drawn * share, (false == 0).astype(float))
        tables.append(
            {
                "dice": dice,
                "autopet_dice": np.where(reference_ml > 0, dice, np.nan),
                "autopet_fpv_ml": false_ml,
                "autopet_fnv_ml": np.where(reference_ml > 0, missed_ml, np.nan),
                "num_true_positives": hits,
                "num_false_positives": false.astype(float),
                "num_false_negatives": lesions - hits,
                "num_lesions_reference": lesions.astype(float),
                "num_lesions_prediction": hits + false,
                "volume_reference_ml": reference_ml,
                "volume_prediction_ml": reference_ml - missed_ml + false_ml,
            }
        )
        scores.append(model.separation * ill[owner] + ease[owner] * 0.7 + rng.normal(0, 0.7, len(owner)))
        rating = np.where(found, model.rate + 0.5 * lesion_hard + rng.normal(0, 1, len(found)), -np.inf)
        detections.append((rating, case_of_lesion, rng.normal(0, 1.2, int(false.sum())), np.repeat(cases, false)))
    patients = tuple(f"{i:06d}" for i in owner)
    curves = [_case_detections(patients, *found) for found in detections] if num_patients <= MOST else [None, None]
    return Paired(patients, *tables, *scores, *curves), detections


def _case_detections(patients, rating, case_of_lesion, invented, case_of_invented) -> tuple[CaseDetections, ...]:
    of_lesion, of_invented = (
        np.searchsorted(x, np.arange(len(patients) + 1)) for x in (case_of_lesion, case_of_invented)
    )
    made = []
    for n, patient in enumerate(patients):
        lesions = rating[of_lesion[n] : of_lesion[n + 1]]
        hits, false = lesions[np.isfinite(lesions)], invented[of_invented[n] : of_invented[n + 1]]
        true = (True,) * len(hits) + (False,) * len(false)
        made.append(CaseDetections(f"{n}", patient, (*hits, *false), true, tuple(lesions)))
    return tuple(made)


def simulate_culprits(rng: np.random.Generator, num_patients: int, a: Model, b: Model) -> Paired:
    """Patients of one case with one culprit, or (a third) none: the candidate of the highest score hits, or not."""
    culprit, hard = rng.random(num_patients) < 2 / 3, rng.normal(0, 1, num_patients)
    lesions, tops = {"num_lesions_reference": culprit.astype(float), "num_dont_care": np.zeros(num_patients)}, []
    for model in (a, b):
        rating = np.where(culprit, model.rate + 0.5 * hard + rng.normal(0, 1, num_patients), -np.inf)
        baseline = rng.normal(0, 1.2, num_patients)
        tops.append(
            tuple(
                TopCandidate(bool(c), max(r, other), float(r > other), (1.0 if r > other else 0.5) if c else math.nan)
                for c, r, other in zip(culprit, rating, baseline, strict=True)
            )
        )
    patients = tuple(f"{i:06d}" for i in range(num_patients))
    return Paired(patients, lesions, lesions, tops_a=tops[0], tops_b=tops[1])


def curve_values(rating, case_of_lesion, invented, case_of_invented, num_cases: int) -> dict[str, float]:
    """FROC score and JAFROC of a cohort too large for `DetectionTable`, by sorting."""
    limits = -np.sort(-invented)[(np.array(FROC_RATES) * num_cases).astype(int).clip(max=len(invented) - 1)]
    beyond = np.array(FROC_RATES) * num_cases >= len(invented)
    froc = np.mean(
        [(rating > x).mean() if not b else np.isfinite(rating).mean() for x, b in zip(limits, beyond, strict=True)]
    )
    highest = np.full(num_cases, -np.inf)
    np.maximum.at(highest, case_of_invented, invented)
    normal = np.sort(np.delete(highest, np.unique(case_of_lesion)))
    below, not_above = (np.searchsorted(normal, rating, side) for side in ("left", "right"))
    return {"froc_score": float(froc), "jafroc": float(((below + not_above) / 2 / len(normal)).mean())}


def values(cohort: Paired, t: dict[str, np.ndarray], scores: np.ndarray) -> dict[str, float]:
    """Every figure of one model in a cohort so large that its value is the truth."""
    by_patient = cohort.by_patient
    ill = by_patient(t["num_lesions_reference"]) > 0
    hits, false = t["num_true_positives"].sum(), t["num_false_positives"].sum()
    volume = t["volume_reference_ml"] + t["volume_prediction_ml"]
    ranks, highest = stats.rankdata(best := by_patient(scores, np.maximum)), ill.sum()
    means = ("dice", "autopet_dice", "autopet_fpv_ml", "autopet_fnv_ml")
    return {column: float(np.nanmean(t[column])) for column in means} | {
        "dice_aggregated": (t["dice"] * volume).sum() / volume.sum(),
        "lesion_sensitivity": hits / t["num_lesions_reference"].sum(),
        "lesion_ppv": hits / (hits + false),
        "lesion_f1": 2 * hits / (2 * hits + false + t["num_false_negatives"].sum()),
        "false_positives_per_patient": false / len(ill),
        "patient_sensitivity": (by_patient(t["num_true_positives"])[ill] > 0).mean(),
        "patient_specificity": (by_patient(t["num_lesions_prediction"])[~ill] == 0).mean(),
        "patient_auc": (ranks[ill].sum() - highest * (highest + 1) / 2) / (highest * (len(best) - highest)),
    }


def culprit_values(tops) -> dict[str, float]:
    with_, without = ([c for c in tops if c.has_culprit is there] for there in (True, False))
    below = np.sort([c.score for c in without])
    places = np.searchsorted(below, [c.score for c in with_]) / len(below)
    hits = np.array([c.hit for c in with_])
    return {"lroc_area": float((places * hits).mean()), "hit_at_1": float(hits.mean())}


def experiment(cohorts: int, patients: int, resamples: int, seed: int, b: Model) -> dict[str, dict[str, float]]:
    """Figure -> share of cohorts that reject and that cover: the difference, and the value of A."""
    rng = np.random.default_rng(seed)
    big, detections = simulate(rng, 400_000, Model(), b)
    culprits = simulate_culprits(rng, 400_000, Model(), b)
    truth_a, truth_b = (
        values(big, table, scores) | curve_values(*found, len(big.patients)) | culprit_values(tops)
        for table, scores, found, tops in (
            (big.a, big.scores_a, detections[0], culprits.tops_a),
            (big.b, big.scores_b, detections[1], culprits.tops_b),
        )
    )
    truth = {figure: 0.0 if b == Model() else truth_a[figure] - truth_b[figure] for figure in truth_a}
    counts: dict[str, dict[str, list[bool]]] = {}
    for cohort in range(cohorts):
        paired, _ = simulate(rng, patients, Model(), b)
        rows = compare_figures(paired, seed=cohort, num_resamples=resamples)
        culprits = simulate_culprits(rng, patients, Model(), b)
        culprit_rows = compare_figures(culprits, seed=cohort, num_resamples=resamples)
        for table, kept in (("any figure", rows), ("any figure of the culprit's table", culprit_rows)):
            least = min(row.p_holm for row in kept if not math.isnan(row.p_holm))
            _count(counts.setdefault(f"{table}, after Holm", {}), "reject", least)
        for row in (*rows, *(row for row in culprit_rows if row.figure in CULPRIT_FIGURES)):
            found = counts.setdefault(row.figure, {})
            _count(found, "reject", row.comparison.p)
            for name, p in row.other_p.items():
                _count(counts.setdefault(f"{row.figure}: {name}", {}), "reject", p)
            _covers(found, "cover", row.comparison.difference, truth[row.figure])
            _covers(found, "cover_a", row.comparison.a, truth_a[row.figure])
        ill = paired.by_patient(paired.a["num_lesions_reference"]) > 0
        yes = [paired.by_patient(t["num_true_positives"])[ill] > 0 for t in (paired.a, paired.b)]
        low, high = newcombe(PairedCounts.of(*yes))
        counts.setdefault("patient_sensitivity: Newcombe", {}).setdefault("cover", []).append(
            low <= truth["patient_sensitivity"] <= high
        )
    return {
        figure: {k: sum(v) / len(v) for k, v in found.items()} | {"cohorts": max(map(len, found.values()))}
        for figure, found in counts.items()
    }


def _count(found, key: str, p: float) -> None:
    if not math.isnan(p):
        found.setdefault(key, []).append(p <= LEVEL)


def _covers(found, key: str, estimate, truth: float) -> None:
    if not math.isnan(estimate.low):
        found.setdefault(key, []).append(bool(estimate.low <= truth <= estimate.high))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cohorts", type=int, default=1000)
    parser.add_argument("--patients", type=int, default=50)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    started, results = time.process_time(), {}
    band = stats.binom.interval(0.95, chosen.cohorts, LEVEL)
    low, high = band[0] / chosen.cohorts, band[1] / chosen.cohorts
    worse = Model(find=0.9, false_positives=1.2, draw=0.9, separation=0.9, rate=1.0)
    for name, b in (("null", Model()), ("effect", worse)):
        found = experiment(chosen.cohorts, chosen.patients, chosen.resamples, chosen.seed, b)
        results[name] = found
        print(
            f"\n{name}: {chosen.cohorts} cohorts of {chosen.patients} patients; binomial band {low:.3f} to {high:.3f}"
        )
        print(f"{'figure':40}{'reject':>9}{'A - B covers':>14}{'A covers':>10}{'cohorts':>9}")
        for figure, f in found.items():
            values = [f"{f[k]:.3f}" if k in f else "" for k in ("reject", "cover", "cover_a")]
            print(f"{figure:40}{values[0]:>9}{values[1]:>14}{values[2]:>10}{f['cohorts']:>9}")
    machine = f"{platform.system()} {platform.machine()} {platform.processor()}".strip()
    record = vars(chosen) | {
        "band": [low, high],
        "processor_seconds": round(time.process_time() - started, 1),
        "machine": machine,
    }
    print(json.dumps(record | results))


if __name__ == "__main__":
    main()
