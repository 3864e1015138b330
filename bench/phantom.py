"""How long a digital NET visit takes, stage by stage, on one core: both tracers, CT and truth.

    python -m bench.phantom                    # at 4 mm, one session and two
    python -m bench.phantom --large            # also 2x2x3 mm, 400x400x350

Prints a table and one JSON line. Seconds are of CPU (process_time); memory is the process's peak.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from netlesion.phantom.cohort import ONE_SESSION
from netlesion.phantom.digital_cohort.bids import write_patient
from netlesion.phantom.patient import draw_patient
from netlesion.phantom.scan import render_exam
from netlesion.phantom.settings import PRESETS, PhantomSettings

CASES: dict[str, PhantomSettings] = {
    "4 mm, one session, one CT": ONE_SESSION,
    "4 mm, two days, two CTs": PRESETS["net-petct"],
}
#: 800 mm across as a scanner of 400 x 400 voxels writes it, mid-thigh to skull base or about 350 slices.
LARGE = replace(
    ONE_SESSION,
    spacing_mm=(2.0, 2.0, 3.0),
    in_plane="scanner",
    petct_scanners=("biograph_mct_flow",),
    ends=("knee", "skull_base"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--patients", type=int, default=3)
    args = parser.parse_args()
    cases = CASES | ({"2x2x3 mm, scanner's field of view": LARGE} if args.large else {})
    rows = {}
    for name, settings in cases.items():
        number = 1 if settings is LARGE else args.patients
        rows[name] = _row([_seconds(n, settings) for n in range(number)])
    print(f"{'':36s}{'draw':>8s}{'render':>8s}{'all':>8s}   grid")
    for name, row in rows.items():
        print(f"{name:36s}{row['draw']:8.2f}{row['render']:8.2f}{row['all']:8.2f}   {row['grid']}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MB, {platform.processor() or platform.machine()}")
    print(json.dumps({"bench": "phantom", "cpu_seconds": rows, "peak_memory_mb": round(peak)}))


def _seconds(index: int, settings: PhantomSettings) -> dict:
    start = time.process_time()
    patient = draw_patient(index, seed=7, settings=settings)
    drawn = time.process_time()
    grid = [render_exam(patient, exam, settings) for exam in patient.exams][0].pets["sstr"].image.geometry.shape
    rendered = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        write_patient(Path(folder), patient, settings, noise_free=False)
    # writing renders again
    written = time.process_time() - rendered - (rendered - drawn)
    return {
        "draw": drawn - start,
        "render": rendered - drawn,
        "all": rendered - start + max(written, 0.0),
        "grid": grid,
    }


def _row(found: list[dict]) -> dict:
    return {k: round(statistics.median(f[k] for f in found), 2) for k in ("draw", "render", "all")} | {
        "grid": "x".join(map(str, found[0]["grid"]))
    }


if __name__ == "__main__":
    main()
