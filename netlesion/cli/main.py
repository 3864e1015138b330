"""`netlesion <verb>`: the command line. Each verb imports what it needs, so that --help is quick."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from netlesion.cli import datasets, run
from netlesion.output.version import __version__

app = typer.Typer(
    help="From raw DICOM of dual-tracer PET/CT and PET/MR to measured, scored and reported lesions. "
    "Research software, not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
import_app = typer.Typer(help="Bring data into a BIDS cohort.", no_args_is_help=True)
app.add_typer(import_app, name="import")
datasets.add_verbs(app, import_app)
run.add_verbs(app)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        print(f"netlesion {__version__}")
        raise typer.Exit


@app.command()
def suv(
    series: Annotated[Path, typer.Argument(help="Folder that holds one PET DICOM series.")],
    out: Annotated[Path, typer.Argument(help="NIfTI to write (.nii.gz); its provenance goes beside it as .json.")],
    type_: Annotated[str, typer.Option("--type", help="suvbw, sul, suvbsa or suvibw.")] = "suvbw",
    sul_formula: Annotated[str, typer.Option(help="Lean mass: janmahasatian, james or james128.")] = "janmahasatian",
    weight_kg: Annotated[float | None, typer.Option(help="Body weight, instead of the header's; logged.")] = None,
    height_cm: Annotated[float | None, typer.Option(help="Body height, instead of the header's; logged.")] = None,
    sex: Annotated[str | None, typer.Option(help="M, F or O, instead of the header's; logged.")] = None,
    dose_mbq: Annotated[float | None, typer.Option(help="Injected dose, instead of the header's; logged.")] = None,
    injection_time: Annotated[
        str | None, typer.Option(help="HH:MM[:SS] on the scanner's clock, instead of the header's; logged.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the facts as JSON.")] = False,
) -> None:
    """One PET DICOM series -> SUV NIfTI; the facts of the conversion are printed."""
    from netlesion.io.dicom.to_nifti import series_to_suv
    from netlesion.suv import Overrides, SulFormula, SuvType
    from netlesion.suv.options import named, time_of_day

    clock = None if injection_time is None else time_of_day("--injection-time", injection_time)
    facts = series_to_suv(
        series,
        out,
        named("--type", SuvType, type_),
        named("--sul-formula", SulFormula, sul_formula),
        Overrides(weight_kg, height_cm, sex, dose_mbq, clock),
    )
    for line in facts["warnings"]:
        print(f"warning: {series}: {line}", file=sys.stderr)
    if as_json:
        print(json.dumps(facts, indent=2))
        return
    for name, value in facts.items():
        if name != "warnings":
            print(f"{name}\t{'n/a' if value is None else json.dumps(value)}")


@import_app.command("dicom")
def import_dicom_command(
    source: Annotated[Path, typer.Argument(help="Folder with DICOM files in any order and nesting.")],
    cohort: Annotated[Path, typer.Argument(help="BIDS cohort to make or to add to.")],
    key: Annotated[
        Path | None,
        typer.Option(help="Table between hospital ids and cohort ids. Default: <COHORT>.key.tsv beside it."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan as a table and one line of JSON; write nothing.")
    ] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes that read headers. Default: all cores.")] = None,
    visit_window_days: Annotated[
        int, typer.Option(min=0, help="Sessions within so many days of a visit's first day belong to it.")
    ] = 31,
    interpolate_contours: Annotated[
        bool, typer.Option("--interpolate-contours", help="Fill slices left out between contours of one lesion.")
    ] = False,
) -> None:
    """Mixed DICOM -> a BIDS cohort: PET with its facts, CT, MR, and contours as masks.

    A rerun adds only what is new. Exit status 0: all that was planned came through. 1: something was refused (one
    line each on stderr), the rest is written.
    """
    from netlesion.datasets.dicom.importer import import_dicom, prepare_import
    from netlesion.datasets.dicom.plan_table import plan_json, plan_lines

    if dry_run:
        plan = prepare_import(source, cohort, key, workers=workers, visit_window_days=visit_window_days)
        for line in [*plan_lines(plan), plan_json(plan)]:
            print(line)
        raise typer.Exit(1 if plan.refusals else 0)
    result = import_dicom(
        source,
        cohort,
        key,
        progress=lambda path: print(path, flush=True),
        workers=workers,
        visit_window_days=visit_window_days,
        interpolate_contours=interpolate_contours,
    )
    for line in result.skipped:
        print(f"skipped: {line}", file=sys.stderr)
    for line in result.warnings:
        print(f"warning: {line}", file=sys.stderr)
    for line in result.failures:
        print(f"error: {line}", file=sys.stderr)
    counts = (
        f"{len(result.written)} files written, {len(result.present)} were there, "
        f"{len(result.skipped)} skipped, {len(result.failures)} refused"
    )
    print(counts, file=sys.stderr)
    if result.failures:
        raise typer.Exit(1)


@app.command()
def register(
    cohort: Annotated[Path, typer.Argument(help="BIDS cohort, as netlesion import or phantom writes it.")],
    visits: Annotated[bool, typer.Option("--visits", help="Also lay later visits over the first.")] = False,
    deform: Annotated[bool, typer.Option("--deform", help="Between days: a field, not only a motion.")] = False,
    breathing: Annotated[bool, typer.Option(help="Between a CT and its PET: also what a breath moves.")] = True,
    parts: Annotated[bool, typer.Option(help="Between days: head and limbs by motions of their own.")] = True,
    workers: Annotated[int, typer.Option(min=1, help="Patients registered at a time.")] = 1,
) -> None:
    """CT or MR to its PET, a visit's second tracer to its first: transforms, judged and stored."""
    from netlesion.register.cohort import RECORD, Settings, register_cohort

    def report(outcome) -> None:
        print(outcome.line(), file=sys.stderr if outcome.status == "refused" else sys.stdout, flush=True)

    found = register_cohort(cohort, Settings(visits, deform, breathing, parts), workers, report)
    count = {status: sum(o.status == status for o in found) for status in ("stored", "headers", "refused")}
    print(f"{count['stored']} stored, {count['headers']} headers stand, {count['refused']} refused")
    print(cohort / "derivatives" / "netlesion" / RECORD)


@app.command()
def measure(
    pet: Annotated[Path, typer.Option(help="PET as SUVbw NIfTI, or a cohort's PET in Bq/ml with its side-car.")],
    mask: Annotated[Path, typer.Option(help="Lesion mask on the same grid: 0/1, or one label per lesion.")],
    probability: Annotated[Path | None, typer.Option(help="Lesion probability map, for the score.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of a table.")] = False,
) -> None:
    """Volume, SUVmax, SUVmean and SUVpeak of every lesion of a mask."""
    from dataclasses import asdict

    from netlesion.image.volume import Quantity
    from netlesion.io.bids.cohort import read_suv_image
    from netlesion.io.nifti import read_volume
    from netlesion.quantify.instances import instances
    from netlesion.quantify.table import measure as measure_lesions

    score = None if probability is None else read_volume(probability, Quantity.PROBABILITY)
    lesions = instances(read_volume(mask, Quantity.LABEL))
    rows = [asdict(row) for row in measure_lesions(read_suv_image(pet), lesions, score)]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    names = ("lesion_id", "num_voxels", "volume_ml", "suvmax_g_per_ml", "suvmean_g_per_ml", "suvpeak_g_per_ml", "score")
    print("\t".join(names))
    for row in rows:
        values = (row[name] for name in names)
        print("\t".join("n/a" if v is None else str(v) if isinstance(v, int) else f"{v:.4f}" for v in values))


@app.command()
def evaluate(
    reference: Annotated[Path, typer.Option(help="Cohort, results, folder of NIfTI masks, or a table of points.")],
    prediction: Annotated[
        list[Path],
        typer.Option(
            help="Results, a cohort, a folder of NIfTI masks, or a table of a reader's marks; repeat for more."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for cases.tsv, lesions.tsv, summary.json and the page.")],
    cohort: Annotated[Path | None, typer.Option(help="Cohort of the PETs: SUV, scanners, uptake times.")] = None,
    tasks: Annotated[str, typer.Option(help="Any of detection, segmentation, challenge, categories.")] = "",
    desc: Annotated[str, typer.Option(help="Which mask of a cohort is the reference (BIDS desc-).")] = "lesions",
    prediction_desc: Annotated[str, typer.Option(help="The same for the prediction.")] = "lesions",
    lesions: Annotated[
        Path | None, typer.Option(help="Table of reference lesions: case, lesion_id, region, type, standard.")
    ] = None,
    criterion: Annotated[
        str, typer.Option(help="When a lesion counts as found: iou_or_peak, iou, overlap, peak, centre, distance.")
    ] = "iou_or_peak",
    min_iou: Annotated[float, typer.Option(help="Smallest IoU of a found lesion.")] = 0.1,
    assignment: Annotated[str, typer.Option(help="hungarian, or greedy by confidence.")] = "hungarian",
    confidence: Annotated[str, typer.Option(help="Of a lesion's probabilities: max, or p95.")] = "max",
    reference_standard: Annotated[
        str, typer.Option(help="What reference lesions rest on where --lesions does not say: histology, followup, ...")
    ] = "n/a",
    category_order: Annotated[
        list[str] | None, typer.Option(help="Order of a category, lowest first: stage=I,II,III,IV; repeat for more.")
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="File of `netlesion calibrate`, learned on other patients: scores recalibrated.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; default: one per core.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
) -> None:
    """Case and lesion tables, cohort summary and a page of predicted against reference lesions."""
    from netlesion.evaluate.case.outcome import MatchSettings
    from netlesion.evaluate.case.reference_standard import parse_standard
    from netlesion.evaluate.cohort.categories import parse_orders
    from netlesion.evaluate.cohort.score import ALL_TASKS, EvaluationSettings
    from netlesion.evaluate.cohort.summary_text import summary_lines
    from netlesion.evaluate.readers.predictions import evaluate_predictions

    settings = EvaluationSettings(
        tasks=tuple(task.strip() for task in tasks.split(",")) if tasks else ALL_TASKS,
        desc=desc,
        prediction_desc=prediction_desc,
        match=MatchSettings(criterion=criterion, assignment=assignment, confidence=confidence, min_iou=min_iou),
        cohort=cohort,
        lesion_table=lesions,
        reference_standard=parse_standard(reference_standard),
        category_orders=parse_orders(category_order or ()),
        calibration=calibration,
        workers=workers,
    )
    for evaluated in evaluate_predictions(reference, prediction, out, settings, seed):
        if evaluated.name:
            print(evaluated.name)
        for line in summary_lines(evaluated.summary):
            print(line)
        for path in (evaluated.folder / name for name in ("cases.tsv", "summary.json", "evaluation.html")):
            if path.is_file():
                print(path)


@app.command()
def calibrate(
    results: Annotated[Path, typer.Argument(help="Folder that `netlesion evaluate` wrote for validation patients.")],
    out: Annotated[Path, typer.Option(help="JSON file to write, for `netlesion evaluate --calibration`.")],
    method: Annotated[
        str, typer.Option(help="temperature (one number), or isotonic (a rising curve).")
    ] = "temperature",
    split_file: Annotated[
        Path | None, typer.Option(help="Split file of the training, where the results do not say what was validation.")
    ] = None,
) -> None:
    """What a lesion's score is worth, learned from validation patients, for the scores of other patients."""
    from netlesion.evaluate.cohort.recalibrate import calibrate as learn

    record = learn(results, out, method, split_file)
    text = "" if record["temperature"] is None else f" {record['temperature']:.3f}"
    ece = record["ece_of_these_patients"]
    print(f"{record['method']}{text}, from {record['num_detections']} predicted lesions ({record['num_true']} real)")
    print(f"ECE of the {len(record['learned_on'])} patients learned on: {ece['before']:.3f} -> {ece['after']:.3f}")
    if record["not_known"]:
        print(
            f"warning: nothing says that {record['not_known'][0]} is a validation patient "
            f"({len(record['not_known'])} such patients); give --split-file, or be sure that no one else is among them"
        )
    print(out)


@app.command()
def compare(
    results_a: Annotated[Path, typer.Argument(help="Folder that `netlesion evaluate` wrote for model A.")],
    results_b: Annotated[Path, typer.Argument(help="The same for model B, on the same cases and references.")],
    out: Annotated[Path, typer.Option(help="Folder for compare.tsv, summary.json and compare.html.")],
    name_a: Annotated[str | None, typer.Option(help="Name of A. Default: its folder's.")] = None,
    name_b: Annotated[str | None, typer.Option(help="Name of B. Default: its folder's.")] = None,
    reference_standard: Annotated[
        str,
        typer.Option(
            help="What the reference lesions rest on where lesions.tsv does not say: histology, followup, "
            "consensus_multimodality or same_modality_reader."
        ),
    ] = "n/a",
    also: Annotated[list[str] | None, typer.Option(help="A further column of cases.tsv; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap and of the permutations.")] = 0,
) -> None:
    """Two models on the same patients: paired differences with intervals and tests."""
    from netlesion.evaluate.case.reference_standard import parse_standard
    from netlesion.evaluate.compare.comparison import compare_folders, comparison_lines
    from netlesion.report.comparison import write_comparison

    standard = parse_standard(reference_standard)
    summary = compare_folders(
        results_a,
        results_b,
        out,
        name_a=name_a,
        name_b=name_b,
        reference_standard=standard,
        also=also or (),
        seed=seed,
    )
    write_comparison(out / "compare.html", summary)
    for line in comparison_lines(summary):
        print(line)
    for name in ("compare.tsv", "summary.json", "compare.html"):
        print(out / name)


@app.command()
def phantom(
    out: Annotated[Path, typer.Argument(help="Cohort folder to make; new or empty.")],
    patients: Annotated[int, typer.Option(help="How many patients.")] = 14,
    seed: Annotated[int, typer.Option(help="Same seed, same patients.")] = 7,
    preset: Annotated[
        str, typer.Option(help="net-petct, net-petmr, tio-petct, tio-petmr, followup, both-scanners or mixed.")
    ] = "net-petct",
    spacing: Annotated[
        str,
        typer.Option(help="PET voxel in mm, one number or three as 2x2x3 (1.6 to 6), or native: each scanner's own."),
    ] = "4",
    workers: Annotated[int, typer.Option(min=1, help="Patients made at a time.")] = 2,
    noise_free: Annotated[bool, typer.Option("--noise-free", help="Write the true activity as an image, too.")] = False,
    dicom: Annotated[
        bool, typer.Option("--dicom", help="Write DICOM studies with RTSTRUCT and SEG instead of BIDS.")
    ] = False,
    anatomy: Annotated[
        Path | None, typer.Option(help="Organ label map, or a folder of them, instead of the built-in body.")
    ] = None,
) -> None:
    """A digital dual-tracer cohort (PET/CT, PET/MR) with known truth, as BIDS or DICOM."""
    from netlesion.phantom.digital_cohort.bids import CohortPlan, make_cohort, spacing_of

    native = spacing == "native"
    plan = CohortPlan(
        patients=patients,
        seed=seed,
        preset=preset,
        spacing_mm=None if native else spacing_of(spacing),
        native_grids=native,
        noise_free=noise_free,
        dicom=dicom,
        anatomy=anatomy,
    )
    make_cohort(out, plan, workers)
    print(out)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything the demo makes.")] = Path("runs/demo"),
    patients: Annotated[int, typer.Option(min=8, help="Patients of the digital cohort.")] = 14,
    seed: Annotated[int, typer.Option(help="Seed of cohort, split and training.")] = 7,
) -> None:
    """The main job on a digital cohort: make it, detect with the shipped weights, fine-tune, evaluate, report."""
    from netlesion.cli.demo import run_demo

    run_demo(out, patients, seed)


def main() -> None:
    """Runs the command line; an error a user can put right is one line on stderr and exit status 1."""
    import warnings

    from netlesion.cli.utf8 import use_utf8
    from netlesion.errors import NetlesionError, warn_in_one_line

    use_utf8()
    warn_in_one_line()
    warnings.filterwarnings("ignore", module="pydicom")  # an error of ours is one line, not pydicom's and ours
    try:
        app()
    except NetlesionError as error:
        sys.exit(_complain(str(error).splitlines()[0]))
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(_complain(f"{where}{error.strerror or error}"))


def _complain(line: str) -> int:
    print(f"error: {line}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    main()
