"""What a patient's page costs: CPU seconds and peak memory, patient after patient in one process.

    python -m bench.report RESULTS COHORT [--rounds 6]

The pages go to a temporary folder. Memory that grows from round to round is a leak.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from netlesion.io.bids.cohort import open_cohort
from netlesion.output.provenance import peak_memory_mb
from netlesion.report.results_folder import open_results
from netlesion.report.results_report import draw_patient
from netlesion.report.run_facts import run_facts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--rounds", type=int, default=6)
    given = parser.parse_args()
    found = open_results(given.results, open_cohort(given.cohort).visits)
    about, rows = run_facts(found, "../report.html"), []
    print("patients  CPU s/patient  peak MB  largest page MB")
    with tempfile.TemporaryDirectory() as out:
        started = time.process_time()
        for number in range(1, given.rounds + 1):
            for patient in found.patients:
                draw_patient(Path(out), about, patient)
            done = number * len(found.patients)
            largest = max(p.stat().st_size for p in Path(out).glob("*.html")) / 1e6
            rows.append((done, (time.process_time() - started) / done, peak_memory_mb(), largest))
            print("{:8d}  {:13.2f}  {:7.0f}  {:15.2f}".format(*rows[-1]), flush=True)
    names = ("patients", "cpu_s_per_patient", "peak_mb", "largest_page_mb")
    print(json.dumps([dict(zip(names, row, strict=True)) for row in rows]))


if __name__ == "__main__":
    main()
