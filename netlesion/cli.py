"""`netlesion <verb>`: the command line. Each verb imports what it needs, so that --help is quick."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from netlesion import __version__

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


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        print(f"netlesion {__version__}")
        raise typer.Exit


@app.command()
def suv(
    series: Annotated[Path, typer.Argument(help="Folder that holds one PET DICOM series.")],
    out: Annotated[Path, typer.Argument(help="NIfTI to write (.nii.gz); its provenance goes beside it as .json.")],
    weight_kg: Annotated[float | None, typer.Option(help="Body weight, instead of the header's; logged.")] = None,
) -> None:
    """One PET DICOM series -> SUVbw NIfTI; the facts of the conversion are printed as JSON."""
    from netlesion.convert import series_to_suv

    print(json.dumps(series_to_suv(series, out, weight_kg), indent=2))


@import_app.command("dicom")
def import_dicom_command(
    source: Annotated[Path, typer.Argument(help="Folder with DICOM files in any order and nesting.")],
    cohort: Annotated[Path, typer.Argument(help="BIDS cohort to make or to add to.")],
    key: Annotated[
        Path | None,
        typer.Option(help="Table between hospital ids and cohort ids. Default: <COHORT>.key.tsv beside it."),
    ] = None,
) -> None:
    """Mixed DICOM -> a BIDS cohort: PET with its facts, CT, MR, and contours as masks."""
    from netlesion.io.importers.dicom import import_dicom

    result = import_dicom(source, cohort, key, progress=lambda path: print(path, flush=True))
    for line in result.skipped:
        print(f"skipped: {line}", file=sys.stderr)
    for line in result.warnings:
        print(f"warning: {line}", file=sys.stderr)
    for line in result.failures:
        print(f"error: {line}", file=sys.stderr)
    if result.failures:
        raise typer.Exit(1)


@app.command()
def measure(
    pet: Annotated[Path, typer.Option(help="PET as SUVbw NIfTI, or a cohort's PET in Bq/ml with its side-car.")],
    mask: Annotated[Path, typer.Option(help="Lesion mask on the same grid: 0/1, or one label per lesion.")],
    probability: Annotated[Path | None, typer.Option(help="Lesion probability map, for the score.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of a table.")] = False,
) -> None:
    """Volume, SUVmax, SUVmean and SUVpeak of every lesion of a mask."""
    from dataclasses import asdict

    from netlesion.io.cohort import read_suv_image
    from netlesion.io.nifti import read_volume
    from netlesion.lesions import instances
    from netlesion.quantify.table import measure as measure_lesions
    from netlesion.volume import Quantity

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
    reference: Annotated[Path, typer.Option(help="Reference masks: a cohort, or a folder of NIfTI masks.")],
    prediction: Annotated[Path, typer.Option(help="Predicted masks: a results folder, or a folder of NIfTI masks.")],
    out: Annotated[Path, typer.Option(help="Folder for cases.tsv and summary.json.")],
    desc: Annotated[str, typer.Option(help="Which mask of a cohort is the reference (BIDS desc-).")] = "lesions",
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
) -> None:
    """Case table and cohort summary of predicted against reference lesions."""
    from netlesion.evaluate.folders import evaluate_folders, summary_lines

    summary = evaluate_folders(reference, prediction, out, desc, seed)
    for line in summary_lines(summary):
        print(line)
    print(out / "cases.tsv")
    print(out / "summary.json")


@app.command()
def phantom(
    out: Annotated[Path, typer.Argument(help="Cohort folder to make; new or empty.")],
    patients: Annotated[int, typer.Option(help="How many patients.")] = 36,
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
    from netlesion.digital_cohort import CohortPlan, make_cohort, spacing_of

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
    patients: Annotated[int, typer.Option(min=8, help="Patients of the digital cohort.")] = 36,
    seed: Annotated[int, typer.Option(help="Seed of cohort, split and training.")] = 7,
) -> None:
    """The main job on a digital cohort: make it, train, infer, measure, evaluate, report."""
    from netlesion.demo import run_demo

    run_demo(out, patients, seed)


def main() -> None:
    """Runs the command line; an error a user can put right is one line on stderr and exit status 1."""
    import warnings

    from netlesion.errors import NetlesionError

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
