"""The reports of a results folder: a page for each patient, one for the cohort, patients in processes of their own.

    <results>/report.html, report-2.html, ...      the cohort, 200 patients a page
    <results>/report/sub-X.html                    one patient

Memory is one patient per process, however many there are: what comes back is a preview and a few numbers. Reads only
files; a run that was broken off is shown as far as it came.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from netlesion.io.bids.visit_files import VisitFiles
from netlesion.output.cores import available_cores
from netlesion.output.interrupt import worker_processes
from netlesion.output.lock import alone
from netlesion.report.cohort_page import write_cohort_pages
from netlesion.report.patient_page import PatientDrawn, write_patient
from netlesion.report.results_folder import PatientResult, ResultsFolder, open_results
from netlesion.report.run_facts import run_facts
from netlesion.report.text_table import TextTable

FOLDER = "report"
#: Fewer patients than this are not worth starting processes for.
MIN_PATIENTS_FOR_WORKERS = 4


def write_reports(
    root: str | Path,
    visits: Sequence[VisitFiles] | None = None,
    *,
    title: str = "Lesions of a cohort",
    tables: Sequence[TextTable] = (),
    workers: int | None = None,
) -> Path:
    """Writes every page of a results folder.

    Args:
        root: Folder that `infer.py` wrote.
        visits: Visits of the cohort that were asked for: without them there are no pictures, and nothing is missing.
        title: Of the cohort's page.
        tables: Shown on it first.
        workers: Processes; None: one for each core.

    Returns:
        The path of the cohort's page, report.html.

    Raises:
        CohortError: for a folder without results, or visits of another cohort.
        OutputError: where a page cannot be written, or another run works in the folder.
    """
    results = open_results(root, visits)
    with alone(results.root / FOLDER, depth=0):
        drawn = list(_drawn(results, workers))
        about = run_facts(results, f"../{FOLDER}.html")
        return write_cohort_pages(results.root, title, drawn, about, FOLDER, tables)


def _drawn(results: ResultsFolder, workers: int | None) -> Iterator[PatientDrawn]:
    from tqdm import tqdm

    draw = partial(draw_patient, results.root / FOLDER, run_facts(results, f"../{FOLDER}.html"))
    wanted = min(len(results.patients), available_cores() if workers is None else workers)
    with tqdm(total=len(results.patients), desc="report", unit="patient", file=sys.stderr, disable=None) as bar:
        if wanted <= 1 or (workers is None and len(results.patients) < MIN_PATIENTS_FOR_WORKERS):
            for patient in results.patients:
                yield draw(patient)
                bar.update(1)
            return
        with worker_processes(wanted) as pool:
            for found in pool.map(draw, results.patients):
                yield found
                bar.update(1)


def draw_patient(folder: Path, about: Mapping[str, Any], patient: PatientResult) -> PatientDrawn:
    """One patient's page, as a job of a process of its own."""
    return write_patient(folder, patient, about)
