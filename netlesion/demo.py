"""The main job on a digital cohort, from nothing to a report: make it, train, infer, measure, evaluate.

What it runs is what a researcher runs on real patients; only the cohort is computed. Beside the model stands
the simplest rival, every voxel of SUV 4 or more.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from netlesion.atomic import write_json
from netlesion.io.bids_write import (
    PetRecord,
    SessionRow,
    derivative_path,
    image_path,
    write_dataset,
    write_image,
    write_pet,
)
from netlesion.io.nifti import write_volume
from netlesion.phantom.cohort import PhantomSettings, PhantomVisit, make_visit
from netlesion.provenance import Stopwatch, provenance
from netlesion.study import Scan, Tracer
from netlesion.volume import Quantity

THRESHOLD_SUV = 4.0
SESSION = "01"
LABEL_OF = {Tracer.SSTR: ("dotatate", "68Ga"), Tracer.FDG: ("fdg", "18F")}


def make_cohort(cohort: Path, patients: int, seed: int) -> None:
    """Writes a digital cohort as BIDS, with truth as desc-classes and desc-lesions; an equal one is kept as it is."""
    from tqdm import tqdm

    marker = cohort / "phantom.json"
    wanted = {"patients": patients, "seed": seed}
    if marker.is_file() and _read(marker).get("config") == wanted:
        print(f"{cohort} holds this cohort already", file=sys.stderr)
        return
    marker.unlink(missing_ok=True)
    rows: dict[str, list[SessionRow]] = {}
    watch = Stopwatch()
    with watch.stage("make"), ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        made = pool.map(partial(_make_patient, cohort, seed), range(patients))
        for subject, row in tqdm(made, total=patients, desc="digital cohort", unit="patient", file=sys.stderr):
            rows[subject] = [row]
    write_dataset(cohort, rows)
    write_json(marker, provenance(config=wanted, seed=seed, stopwatch=watch))


def run_demo(out: Path, patients: int, seed: int) -> None:
    """Everything into `out`; prints the comparison, and the report's path as the last line."""
    cohort, results, baseline = out / "cohort", out / "results", out / "threshold"
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in train.py, before torch is imported
    make_cohort(cohort, patients, seed)

    from netlesion.cohort.batch import write_cohort
    from netlesion.config import compose, run_guarded
    from netlesion.data.split import read_split
    from netlesion.entry import infer, train
    from netlesion.io.cohort import open_cohort
    from netlesion.provenance import hash_file

    paths = [f"runs_dir={out}", f"cohort={cohort}", f"seed={seed}"]
    _succeed(run_guarded(lambda: train(compose("train", ["experiment=demo", *paths]))))
    infer_config = compose(
        "infer", ["experiment=demo", *paths, f"input={cohort}", f"output={results}", "split=test", "overwrite=true"]
    )
    _succeed(run_guarded(lambda: infer(infer_config)))
    visits = open_cohort(cohort).of_patients(read_split(infer_config.split_file).test)
    _threshold_baseline(visits, baseline)
    tables = _compare(cohort, results, baseline, seed)
    for table in tables:
        print(
            f"\n{table.title}\n" + "\n".join("  ".join(f"{c:>26}" for c in row) for row in (table.header, *table.rows))
        )
    report = write_cohort(
        visits,
        results,
        hash_file(infer_config.checkpoint),
        tables=tables,
        title="netlesion demo: lesions of a digital cohort",
    )
    print("\nResearch software, not a medical device. The cohort is digital; these numbers say nothing about patients.")
    print(report.resolve())


def _make_patient(cohort: Path, seed: int, index: int) -> tuple[str, SessionRow]:
    """Makes one patient and writes it; runs in a worker."""
    made = make_visit(index + 1, seed=seed, settings=PhantomSettings())
    subject = made.visit.patient_id
    ct = image_path(cohort, subject, SESSION, "ct", "ct")
    write_image(ct, made.visit.scans["ct"].volume, {"Modality": "CT"})
    scans = [made.visit.scans[c] for c in made.visit.tracer_channels]
    for scan in scans:
        _write_tracer(cohort, subject, scan, made)
    facts = scans[0].acquisition
    return subject, SessionRow(SESSION, 1, facts.weight_kg, facts.height_cm)


def _write_tracer(cohort: Path, subject: str, scan: Scan, made: PhantomVisit) -> None:
    label, nuclide = LABEL_OF[scan.tracer]
    facts = scan.acquisition
    path = image_path(cohort, subject, SESSION, "pet", "pet", f"trc-{label}")
    record = PetRecord(
        tracer_label=label,
        nuclide=nuclide,
        half_life_s=facts.half_life_s,
        dose_bq=facts.dose_bq,
        weight_kg=facts.weight_kg,
        scan_start_s=facts.uptake_s,
        reference_s=facts.uptake_s,
        time_zero="10:00:00",
        ref_time_source="phantom",
        manufacturer=facts.manufacturer or "netlesion",
        model=facts.model or "digital phantom",
    )
    bqml = scan.volume.with_array(scan.volume.array / facts.suv_factor, Quantity.BQML)
    write_volume(derivative_path(cohort, path, "classes", "dseg"), made.classes[scan.channel])
    write_volume(derivative_path(cohort, path, "lesions", "dseg"), made.instances[scan.channel])
    write_pet(path, bqml, record)


def _threshold_baseline(visits, folder: Path) -> None:
    """Every component of SUV >= 4 as a lesion: what a user would get without a network."""
    from netlesion.io.cohort import load_visit
    from netlesion.io.masks import LABEL_MAP
    from netlesion.lesions import components

    for files in visits:
        visit = load_visit(files, [t.value for t in Tracer])
        for channel, scan in visit.scans.items():
            mask = scan.volume.with_array(scan.volume.array >= THRESHOLD_SUV, Quantity.LABEL)
            write_volume(folder / (files.case_id(channel) + LABEL_MAP), components(mask))


def _compare(cohort: Path, results: Path, baseline: Path, seed: int) -> list:
    """One table per tracer and one over both: model beside threshold, held-out patients, 95 % intervals."""
    from netlesion.evaluate.folders import estimate_text, evaluate_folders, score_folders
    from netlesion.evaluate.summary import summarise
    from netlesion.report.page import TextTable

    scored = {"netlesion": results, f"SUV >= {THRESHOLD_SUV:g}": baseline}
    for folder in scored.values():
        evaluate_folders(cohort, folder, folder / "evaluation", seed=seed)
    cases = {name: score_folders(cohort, folder)[0] for name, folder in scored.items()}
    tables = []
    for title, part in (("Both tracers", ""), ("DOTATATE", "_trc-dotatate"), ("FDG", "_trc-fdg")):
        rows = []
        for name, found in cases.items():
            summary = summarise([c for c in found if c.case.endswith(part)], seed)
            values = (
                summary["mean"]["dice"],
                summary["pooled_lesion_sensitivity"],
                summary["false_positives_per_patient"],
            )
            rows.append((name, *(estimate_text(v) for v in values)))
        number = len({c.patient for c in found})
        tables.append(
            TextTable(
                f"{title}: {number} held-out patients",
                ("", "Dice", "lesion sensitivity", "false positives per patient"),
                tuple(rows),
                "Mean or pooled value with its 95 % interval (bootstrap over patients).",
            )
        )
    return tables


def _succeed(status: int) -> None:
    if status != 0:
        sys.exit(status)


def _read(path: Path) -> dict:
    import json

    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
