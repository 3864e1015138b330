"""`netlesion plan-study`: how many patients a comparison of two sensitivities needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def plan_study(
    pilot: Annotated[Path, typer.Argument(help="Table of lesions: patient, found_a, found_b (1, 0 or n/a).")],
    margin: Annotated[
        float, typer.Option(help="By how much the sensitivity of A may be worse, e.g. 0.05; 0 asks for superiority.")
    ],
    difference: Annotated[
        float | None, typer.Option(help="True sensitivity of A less that of B. Default: the pilot's.")
    ] = None,
    power: Annotated[float, typer.Option(help="Chance that the study succeeds if that difference is true.")] = 0.8,
    alpha: Annotated[float, typer.Option(help="One-sided; 0.025 goes with the two-sided 95 % interval.")] = 0.025,
    comparison: Annotated[str | None, typer.Option(help="Which rows, where the table names several.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the simulated studies.")] = 0,
) -> None:
    """Patients needed for a paired comparison of sensitivities of clustered lesions, from a pilot."""
    from netlesion.evaluate.compare.pilot import read_pilot
    from netlesion.statistics.sample_size import plan_paired_sensitivity, simulated_power

    there = read_pilot(pilot, comparison)
    plan = plan_paired_sensitivity(there, margin=margin, difference=difference, alpha=alpha, power=power)
    reached = simulated_power(there, plan, seed=seed)
    aim = f"no worse than B by {margin:g} or more" if margin else "better than B"
    print(f"pilot: {there.num_patients} patients, {there.num_lesions} lesions")
    print(f"sensitivity of A {there.sensitivity_a:.3f}, of B {there.sensitivity_b:.3f}, A - B {there.difference:+.3f}")
    print(f"to show that the sensitivity of A is {aim}, if A - B is {plan.difference:+.3f}")
    print(f"(one-sided alpha {alpha:g}, power {power:g}; a patient's lesions vary together: design effect")
    print(f"{plan.design_effect:.2f}), the study needs {plan.patients} patients with about {plan.lesions} lesions;")
    print(f"{reached:.3f} of 2000 simulated studies of that size, drawn from the pilot's patients, succeeded")
    print(f"if the pilot's variance is at its upper 80 % limit: {plan.patients_at_upper_variance} patients")
    print("margin, difference and alpha have to be fixed before the study begins")
