"""Makes the two digital TIO cohorts on which the culprit's ranking is fitted and tested (docs/answers.md).

    python -m bench.tio_cohorts OUT [--patients 50] [--spacing 6]

OUT/fit (seed 61) and OUT/test (seed 62): the preset tio-petct with both tracers in one session and a coarse CT, which
takes a third of the time of `netlesion phantom --preset tio-petct`.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from netlesion.phantom.digital_cohort.bids import CohortPlan, make_cohort
from netlesion.phantom.settings import PRESETS

SEEDS = {"fit": 61, "test": 62}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--patients", type=int, default=50)
    parser.add_argument("--spacing", type=float, default=6.0)
    arguments = parser.parse_args()
    grid = (arguments.spacing,) * 3
    settings = replace(PRESETS["tio-petct"], tracers_apart=False, spacing_mm=grid, ct_spacing_mm=grid)
    for name, seed in SEEDS.items():
        make_cohort(arguments.out / name, CohortPlan(arguments.patients, seed, settings=settings), workers=1)


if __name__ == "__main__":
    main()
