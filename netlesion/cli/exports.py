"""`netlesion export`: a cohort in the format of another framework, or results as DICOM objects."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from netlesion.cli.pairs import pairs


def add_verbs(app: typer.Typer) -> None:
    """Registers `export` and its formats."""
    verbs = typer.Typer(
        help="Write a cohort in the format of another framework, or results as DICOM objects.", no_args_is_help=True
    )
    verbs.command("nnunet")(export_nnunet)
    verbs.command("dicom")(export_dicom)
    verbs.callback()(lambda: None)
    app.add_typer(verbs, name="export")


def export_nnunet(
    cohort: Annotated[Path, typer.Argument(help="Cohort to export.")],
    out: Annotated[Path, typer.Argument(help="Folder for imagesTr, labelsTr and dataset.json (DatasetNNN_Name).")],
    channels: Annotated[str, typer.Option(help="Channels in order, e.g. sstr,ct.")],
    desc: Annotated[str, typer.Option(help="Which mask of the first PET (BIDS desc-).")] = "lesions",
    label: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE of the mask; none: every value above zero is `lesion`.")
    ] = None,
    split_file: Annotated[Path | None, typer.Option(help="Its test patients go to imagesTs and labelsTs.")] = None,
) -> None:
    """A cohort -> nnU-Net's raw format, on the grid of each visit's first PET."""
    from netlesion.datasets import nnunet_export
    from netlesion.errors import ConfigError
    from netlesion.io.bids.cohort import open_cohort

    named = pairs("--label", label)
    if not all(value.isdigit() for value in named.values()):
        raise ConfigError(f"--label {named}: expected NAME=VALUE with whole numbers")
    labels = {"background": 0} | {name: int(value) for name, value in named.items()} if named else None
    test = _test_patients(split_file)
    opened = open_cohort(cohort)
    for note in opened.notes:
        print(f"note: {note}", file=sys.stderr)
    done = nnunet_export.export_nnunet(opened, out, channels.split(","), desc, labels, test, lambda case: print(case))
    for line in done.left_out:
        print(f"left out: {line}", file=sys.stderr)
    print(f"{len(done.written)} cases written, {len(done.skipped)} there before: {out / 'dataset.json'}")


def export_dicom(
    results: Annotated[Path, typer.Argument(help="Results of infer.py.")],
    source: Annotated[Path, typer.Option(help="Folder of the DICOM that the cohort was imported from.")],
    out: Annotated[
        Path | None, typer.Option(help="Where to write. Default: RESULTS.dicom, beside the results: it names patients.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="Key of the cohort (COHORT.key.tsv); else a series is known by grid and SUVs.")
    ] = None,
    patient: Annotated[list[str] | None, typer.Option(help="Only these patients.")] = None,
    pseudonymised: Annotated[
        bool, typer.Option("--pseudonymised", help="Research names, no dates, identifiers of our own.")
    ] = False,
) -> None:
    """Lesions -> DICOM SEG, Structured Report (TID 1500) and RTSTRUCT on the patient's own series.

    Exit status 1: a case was refused (one line each on stderr), the rest is written.
    """
    from netlesion.report.clinical_objects.export import export_clinical_objects

    found = export_clinical_objects(results, source, out, key, patients=patient or (), pseudonymise=pseudonymised)
    for paths in found.files.values():
        for path in paths:
            print(path)
    print(f"{len(found.files)} cases written, {len(found.failures)} refused", file=sys.stderr)
    for line in found.failures.values():
        print(f"error: {line}", file=sys.stderr)
    if found.failures:
        raise typer.Exit(1)


def _test_patients(split_file: Path | None) -> tuple[str, ...]:
    import json

    from netlesion.errors import CohortError

    if split_file is None:
        return ()
    try:
        return tuple(str(p) for p in json.loads(split_file.read_text(encoding="utf-8"))["test"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CohortError(f"{split_file}: not a readable split file with a test part") from error
