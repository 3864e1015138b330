"""The main job on a digital cohort, from nothing to a report: make it, detect, fine-tune, measure, evaluate.

What it runs is what a researcher runs on real patients; only the cohort is computed. The weights of this package detect
first, then they are fine-tuned briefly on patients of the new cohort, to show training. Beside both stands the simplest
baseline, every voxel of SUV 4 or more.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from netlesion.phantom.settings import PhantomSettings

THRESHOLD_SUV = 4.0


def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything the demo makes.")] = Path("runs/demo"),
    patients: Annotated[int, typer.Option(min=8, help="Patients of the digital cohort.")] = 14,
    seed: Annotated[int, typer.Option(help="Seed of cohort, split and training.")] = 7,
) -> None:
    """The main job on a digital cohort: make it, detect with the shipped weights, fine-tune, evaluate, report."""
    run_demo(out, patients, seed)


def demo_settings() -> PhantomSettings:
    """Both tracers on one table position, so that a visit is one session and needs no registration."""
    from dataclasses import replace

    from netlesion.phantom.settings import PRESETS

    return replace(PRESETS["net-petct"], tracers_apart=False, spacing_mm=(4.2, 4.2, 5.0))


def run_demo(out: Path, patients: int, seed: int) -> None:
    """Everything into `out`; prints the comparison, and the report's path as the last line."""
    cohort, shipped, tuned, baseline = (out / name for name in ("cohort", "results", "fine_tuned", "threshold"))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in train.py, before torch is imported
    from netlesion.phantom.digital_cohort.bids import CohortPlan, make_cohort

    make_cohort(cohort, CohortPlan(patients, seed, settings=demo_settings()))

    from netlesion.cli.config import compose, run_guarded
    from netlesion.cli.infer import infer
    from netlesion.cli.train import train
    from netlesion.image.split import read_split
    from netlesion.io.bids.cohort import open_cohort
    from netlesion.report.results_report import write_reports

    paths = [f"runs_dir={out}", f"cohort={cohort}", f"seed={seed}"]
    _draw_split(compose("train", ["experiment=demo", *paths]))
    where = [*paths, f"input={cohort}", "split=test", f"split_file={out / 'splits' / 'demo.json'}", "overwrite=true"]
    print("\n1. The weights of this package detect lesions of patients that they have not seen.")
    shipped_config = compose("infer", [*where, f"output={shipped}"])
    _succeed(run_guarded(lambda: infer(shipped_config)))
    print("\n2. They are fine-tuned on a few patients of this cohort; ckpt_path=last would continue a killed training.")
    _succeed(run_guarded(lambda: train(compose("train", ["experiment=demo", *paths]))))
    tuned_config = compose("infer", ["experiment=demo", *where, f"output={tuned}"])
    _succeed(run_guarded(lambda: infer(tuned_config)))
    visits = open_cohort(cohort).of_patients(read_split(tuned_config.split_file).test)
    _threshold_baseline(visits, baseline)
    print("\n3. Both are compared with the reference, beside a threshold.")
    scored = {"shipped weights": shipped, "fine-tuned": tuned, f"SUV >= {THRESHOLD_SUV:g}": baseline}
    tables = _compare(cohort, scored, seed, Path(tuned_config.split_file))
    for table in tables:
        print(
            f"\n{table.title}\n" + "\n".join("  ".join(f"{c:>26}" for c in row) for row in (table.header, *table.rows))
        )
    report = write_reports(shipped, visits, tables=tables, title="netlesion demo: lesions of a digital cohort")
    print("\nResearch software, not a medical device. The cohort is digital; these numbers say nothing about patients.")
    print(report.resolve())


def _draw_split(config) -> None:
    """Draws the split that training will read, so that the test patients are known before."""
    from netlesion.cli.config import split_from
    from netlesion.io.bids.cohort import open_cohort

    split_from(config, open_cohort(config.cohort))


def _threshold_baseline(visits, folder: Path) -> None:
    """Every component of SUV >= 4 as a lesion: what a user would get without a network."""
    from netlesion.image.visit import Tracer
    from netlesion.image.volume import Quantity
    from netlesion.io.bids.masks import LABEL_MAP
    from netlesion.io.bids.visit_files import load_visit
    from netlesion.io.nifti import write_volume
    from netlesion.quantify.instances import components

    for files in visits:
        visit = load_visit(files, [t.value for t in Tracer])
        for channel, scan in visit.scans.items():
            mask = scan.volume.with_array(scan.volume.array >= THRESHOLD_SUV, Quantity.LABEL)
            write_volume(folder / (files.case_id(channel) + LABEL_MAP), components(mask))


def _compare(cohort: Path, scored: Mapping[str, Path], seed: int, split: Path) -> list:
    """One table per tracer and one over both: each result folder a row, held-out patients, 95 % intervals."""
    from netlesion.evaluate.cohort.score import EvaluationSettings, Part, score_folders
    from netlesion.evaluate.cohort.summary import summarise
    from netlesion.evaluate.cohort.summary_text import estimate_text
    from netlesion.report.evaluation_folder import evaluate_folders
    from netlesion.report.text_table import TextTable

    for folder in scored.values():
        settings = EvaluationSettings(part=Part.parse(f"{split}:test"))
        evaluate_folders(cohort, folder, folder / "evaluation", seed=seed, settings=settings)
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
