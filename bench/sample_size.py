"""Does a study of the planned size have the planned power? Simulated studies of clustered lesions.

    python -m bench.sample_size [--studies 2000] [--bootstrap-studies 300]

For each design a pilot of 20 000 patients plans the study (margin 0.10, alpha 0.025 one-sided, power 0.8, true
difference 0). Studies are then drawn anew from the same population: the share that succeeds by the planned t test, by
the lower limit of `netlesion compare`'s interval (symmetric bootstrap-t), and by the t test where A is truly worse by
the margin (should be 0.025). The last columns plan from 500 pilots of 30 patients: the median and the 80 % range of n,
and how many of these plan enough patients when they plan for the upper limit of the pilot's variance.
"""

from __future__ import annotations

import argparse

import numpy as np

from netlesion.errors import NetlesionError
from netlesion.statistics.ratios import compare_ratios
from netlesion.statistics.sample_size import PairedPilot, plan_paired_sensitivity, succeeds

MARGIN = 0.10
#: name -> shares of both, only A, only B, neither; how alike a patient's lesions are (small: alike); lesions beyond 1.
DESIGNS = {
    "independent lesions": ((0.75, 0.10, 0.10, 0.05), 1000.0, 3.0),
    "alike within patients": ((0.75, 0.10, 0.10, 0.05), 3.0, 3.0),
    "one clone a patient": ((0.75, 0.10, 0.10, 0.05), 0.5, 6.0),
    "few discordant": ((0.90, 0.04, 0.04, 0.02), 3.0, 6.0),
    "many lesions": ((0.70, 0.10, 0.10, 0.10), 3.0, 25.0),
}


def draw(rng: np.random.Generator, num_patients: int, shares, together: float, extra: float) -> PairedPilot:
    """Patients with 1 + a geometric number of lesions, and shares of their own about the population's (Dirichlet)."""
    sizes = 1 + rng.geometric(1 / (1 + extra), num_patients) - 1
    own = rng.gamma(np.array(shares) * together, size=(num_patients, 4)) + 1e-300
    own /= own.sum(axis=1, keepdims=True)
    both, only_a, only_b, _ = rng.multinomial(sizes, own).T
    return PairedPilot(sizes, both, only_a, only_b)


def bootstrap_succeeds(study: PairedPilot, seed: int) -> bool:
    patients = np.arange(study.num_patients).astype(str)
    a, b = study.both + study.only_a, study.both + study.only_b
    found = compare_ratios(a, study.sizes, b, study.sizes, patients, seed=seed, num_resamples=1000, proportion=True)
    return found.difference.low > -MARGIN


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--bootstrap-studies", type=int, default=300)
    arguments = parser.parse_args()
    head = ("design", "design effect", "patients", "power, t test", "power, compare's interval", "at the margin",
            "n of small pilots", "upper n suffices")  # fmt: skip
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for number, (name, (shares, together, extra)) in enumerate(DESIGNS.items()):
        rng = np.random.default_rng(number)
        plan = plan_paired_sensitivity(draw(rng, 20000, shares, together, extra), margin=MARGIN, difference=0.0)
        both, a, b, neither = shares
        moved = (
            (both, a - MARGIN / 2, b + MARGIN / 2, neither)
            if a > MARGIN / 2
            else (both - MARGIN, a, b + MARGIN, neither)
        )
        power, error = (
            np.mean([
                succeeds(s.only_a - s.only_b, s.sizes, margin=MARGIN)
                for s in (draw(rng, plan.patients, of, together, extra) for _ in range(arguments.studies))
            ])
            for of in (shares, moved)
        )  # fmt: skip
        studies = [draw(rng, plan.patients, shares, together, extra) for _ in range(arguments.bootstrap_studies)]
        interval = np.mean([bootstrap_succeeds(s, k) for k, s in enumerate(studies)])
        small = []
        for _ in range(500):
            try:
                small.append(
                    plan_paired_sensitivity(draw(rng, 30, shares, together, extra), margin=MARGIN, difference=0.0)
                )
            except NetlesionError:  # all of a pilot's patients agree
                continue
        low, middle, high = np.quantile([p.patients for p in small], (0.1, 0.5, 0.9))
        enough = np.mean([p.patients_at_upper_variance >= plan.patients for p in small])
        print(f"| {name} | {plan.design_effect:.2f} | {plan.patients} | {power:.3f} | {interval:.3f} | {error:.3f} "
              f"| {middle:.0f} ({low:.0f} to {high:.0f}) | {enough:.2f} |")  # fmt: skip


if __name__ == "__main__":
    main()
