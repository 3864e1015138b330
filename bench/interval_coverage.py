"""How often do intervals of single figures cover, where the data are unkind? Simulated cohorts with a known truth.

Kappa of two raters whose far disagreements are rare, or whose classes are; means of volumes of which half are 0 and
few are large, and of counts; lesions of several rows in a patient. Beside the interval of `netlesion evaluate` stands
the expanded BCa of patients alone. The null experiment (`bench/null_experiment.py`) has the figures of `compare`.

    python bench/interval_coverage.py                       # 1000 cohorts of 50 patients, about 3 minutes on one core
    python bench/interval_coverage.py --patients 25 --cohorts 500

Prints a table and, last, one JSON line.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable

import numpy as np
from scipy import stats

from netlesion.statistics import bootstrap_mean
from netlesion.statistics.bootstrap import bootstrap
from netlesion.statistics.categories import Weights
from netlesion.statistics.kappa import cohen_kappa

#: Rater A's five grades, and how often B is how many grades off (where the scale allows it).
GRADES = (0.25, 0.15, 0.2, 0.2, 0.2)
STEPS = {
    "far disagreements, 0.9 %": {1: 0.171, 2: 0.07, 3: 0.006, 4: 0.003},
    "far disagreements, 0.15 %": {1: 0.22, 2: 0.0285, 3: 0.001, 4: 0.0005},
    "1.2 % four grades off": {1: 0.23, 4: 0.012},
    "raters who agree well": {1: 0.05, 2: 0.005, 3: 0.002, 4: 0.001},
}
TABLES = {
    "two classes": ((0.55, 0.06), (0.04, 0.35)),
    "three classes, one of 4 %": ((0.85, 0.03, 0.005), (0.03, 0.04, 0.01), (0.005, 0.01, 0.02)),
}


def joint(steps: dict[int, float]) -> np.ndarray:
    shares = np.zeros((len(GRADES), len(GRADES)))
    for i, of_a in enumerate(GRADES):
        for step, share in steps.items():
            reached = [j for j in (i - step, i + step) if 0 <= j < len(GRADES)]
            shares[i, reached] += of_a * share / max(len(reached), 1)
        shares[i, i] = of_a - shares[i].sum()
    return shares


def kappa(shares: np.ndarray, agreement: np.ndarray) -> np.ndarray:
    """(R,) of (R, C, C) shares that sum to 1."""
    chance = ((shares.sum(2) @ agreement) * shares.sum(1)).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(chance < 1 - 1e-12, ((agreement * shares).sum((1, 2)) - chance) / (1 - chance), np.nan)


def kappas(rng, shares: np.ndarray, weights: Weights, patients: int, resamples: int, clustered: bool):
    """The truth, and a function that draws a cohort and gives both its intervals."""
    size, agreement = len(shares), weights.agreement(len(shares))

    def draw(seed: int):
        rows = rng.integers(1, 6, patients) if clustered else np.ones(patients, int)
        owner = np.repeat(np.arange(patients), rows)
        cells = rng.choice(size * size, p=shares.ravel() / shares.sum(), size=len(owner))
        if clustered:  # half of a patient's lesions are as the first
            first = cells[np.concatenate([[0], np.cumsum(rows)[:-1]])][owner]
            cells = np.where(rng.random(len(owner)) < 0.5, first, cells)
        tables = np.zeros((patients, size * size))
        np.add.at(tables, (owner, cells), 1)
        names = [f"{n:04d}" for n in owner]
        ours = cohen_kappa(
            (cells // size).tolist(), (cells % size).tolist(), range(size), names, weights, seed=seed,
            num_resamples=resamples)  # fmt: skip
        plain = bootstrap(
            lambda w: kappa((w @ tables / (w @ tables).sum(1, keepdims=True)).reshape(-1, size, size), agreement),
            patients, seed=seed, num_resamples=resamples)  # fmt: skip
        return (ours.low, ours.high), (plain.low[0], plain.high[0])

    return float(kappa(shares[np.newaxis] / shares.sum(), agreement)[0]), draw


def means(rng, sample: Callable, truth: float, patients: int, resamples: int):
    """The same for a mean."""

    def draw(seed: int):
        values = sample(patients)
        names = [f"{n:04d}" for n in range(patients)]
        ours = bootstrap_mean(values, names, seed=seed, num_resamples=resamples)
        plain = bootstrap(lambda w: w @ values / w.sum(1), patients, seed=seed, num_resamples=resamples)
        return (ours.low, ours.high), (plain.low[0], plain.high[0])

    return truth, draw


def designs(rng, patients: int, resamples: int):
    shares = {name: joint(steps) for name, steps in STEPS.items()} | {n: np.array(t) for n, t in TABLES.items()}
    for name, table in shares.items():
        for weights in Weights if len(table) > 2 else (Weights.NONE,):
            yield f"kappa, {weights.value}: {name}", kappas(rng, table, weights, patients, resamples, clustered=False)
    for name in ("far disagreements, 0.15 %", "two classes"):
        found = kappas(rng, shares[name], Weights.QUADRATIC, patients, resamples, clustered=True)
        yield f"kappa, quadratic, lesions: {name}", found

    def volumes(sigma: float):
        return lambda n: np.where(rng.random(n) < 0.5, 0.0, rng.lognormal(0, sigma, n))

    for sigma in (0.8, 1.0, 1.5):
        truth = 0.5 * float(np.exp(sigma**2 / 2))
        yield f"mean, half 0, lognormal {sigma:g}", means(rng, volumes(sigma), truth, patients, resamples)
    counts = means(rng, lambda n: rng.negative_binomial(0.5, 0.2, n).astype(float), 2.0, patients, resamples)
    yield "mean, false positives in crowds", counts
    yield "mean, share (beta 8, 2)", means(rng, lambda n: rng.beta(8, 2, n), 0.8, patients, resamples)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cohorts", type=int, default=1000)
    parser.add_argument("--patients", type=int, default=50)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    rng, started, found = np.random.default_rng(chosen.seed), time.process_time(), {}
    band = [float(x) / chosen.cohorts for x in stats.binom.interval(0.95, chosen.cohorts, 0.95)]
    print(f"{chosen.cohorts} cohorts of {chosen.patients} patients; binomial band {band[0]:.3f} to {band[1]:.3f}")
    print(f"{'figure':52}{'covers':>8}{'width':>8}{'BCa':>8}{'width':>8}{'none':>6}")
    for name, (truth, draw) in designs(rng, chosen.patients, chosen.resamples):
        limits = np.array([draw(seed) for seed in range(chosen.cohorts)])  # (cohorts, method, low and high)
        there = np.isfinite(limits).all(axis=2)
        covers = (limits[..., 0] <= truth) & (truth <= limits[..., 1])
        row = {"none": int((~there[:, 0]).sum())}
        for k, method in enumerate(("ours", "bca")):
            row[method] = float(covers[there[:, k], k].mean())
            row[f"{method}_width"] = float(np.diff(limits[there[:, k], k], axis=1).mean())
        found[name] = row
        print(
            f"{name:52}{row['ours']:8.3f}{row['ours_width']:8.2f}{row['bca']:8.3f}{row['bca_width']:8.2f}{row['none']:6}",
            flush=True,
        )
    machine = f"{platform.system()} {platform.machine()}"
    seconds = round(time.process_time() - started, 1)
    print(json.dumps(vars(chosen) | {"band": band, "processor_seconds": seconds, "machine": machine, "found": found}))


if __name__ == "__main__":
    main()
