"""`netlesion import`: DICOM or a published data set becomes a BIDS cohort."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from netlesion.cli.pairs import pairs

Source = Annotated[Path, typer.Argument(help="Folder of the data set, as published.")]
KeyFile = Annotated[
    Path | None,
    typer.Option(help="Table between the source's ids and the cohort's. Default: <COHORT>.key.tsv beside it."),
]
CohortFolder = Annotated[Path, typer.Argument(help="BIDS cohort to make or to add to.")]


def add_verbs(app: typer.Typer) -> None:
    """Registers `import` and its data sources."""
    verbs = typer.Typer(help="Bring data into a BIDS cohort.", no_args_is_help=True)
    for name, verb in (
        ("dicom", import_dicom),
        ("autopet", import_autopet),
        ("deep-psma", import_deep_psma),
        ("hecktor", import_hecktor),
        ("nnunet", import_nnunet),
        ("table", import_table),
        ("corrections", import_corrections),
    ):
        verbs.command(name)(verb)
    app.add_typer(verbs, name="import")


def import_dicom(
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
    from netlesion.datasets.dicom import importer
    from netlesion.datasets.dicom.plan_table import plan_json, plan_lines

    if dry_run:
        plan = importer.prepare_import(source, cohort, key, workers=workers, visit_window_days=visit_window_days)
        for line in [*plan_lines(plan), plan_json(plan)]:
            print(line)
        raise typer.Exit(1 if plan.refusals else 0)
    result = importer.import_dicom(
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


def import_autopet(source: Source, cohort: CohortFolder, key: KeyFile = None) -> None:
    """autoPET III-V (nnU-Net layout, FDG and PSMA), or FDG-PET-CT-Lesions as NIfTI."""
    from netlesion.datasets.autopet import list_autopet

    _import_listing(list_autopet(source), cohort, key)


def import_deep_psma(
    source: Source,
    cohort: CohortFolder,
    joint: Annotated[bool, typer.Option(help="One session of both tracers, FDG moved by the rigid transform.")] = False,
    key: KeyFile = None,
) -> None:
    """DEEP-PSMA: PSMA and FDG of each case, their thresholds, organs and rigid transform."""
    from netlesion.datasets.deep_psma import list_deep_psma

    _import_listing(list_deep_psma(source, joint), cohort, key)


def import_hecktor(source: Source, cohort: CohortFolder, key: KeyFile = None) -> None:
    """HECKTOR 2022, 2025 or 2026: FDG PET/CT of the head and neck with GTVp and GTVn."""
    from netlesion.datasets.hecktor import list_hecktor

    _import_listing(list_hecktor(source), cohort, key)


def import_nnunet(
    source: Annotated[Path, typer.Argument(help="Folder that holds dataset.json.")],
    cohort: CohortFolder,
    channel: Annotated[
        list[str] | None, typer.Option(help="NUMBER=NAME: ct, mr_t1, mr_t2 or a tracer, where its name does not tell.")
    ] = None,
    lesion: Annotated[list[str] | None, typer.Option(help="Name of a label that is lesion; may be repeated.")] = None,
    patient: Annotated[
        str | None, typer.Option(help="Regular expression whose group is the patient in a case's name.")
    ] = None,
    key: KeyFile = None,
) -> None:
    """Any data set in nnU-Net's raw format with a PET channel in SUV."""
    from netlesion.datasets.nnunet import list_nnunet

    _import_listing(list_nnunet(source, pairs("--channel", channel), tuple(lesion or ()), patient), cohort, key)


def import_table(
    table: Annotated[Path, typer.Argument(help="Tab-separated: patient session channel path quantity ...")],
    cohort: CohortFolder,
    key: KeyFile = None,
) -> None:
    """NIfTI files named by a table; its columns are described in docs/data-sources.md."""
    from netlesion.datasets.table import list_table

    _import_listing(list_table(table), cohort, key)


def import_corrections(
    source: Annotated[Path, typer.Argument(help="Corrected NIfTI, SEG or RTSTRUCT: a file, or a folder of them.")],
    cohort: Annotated[Path, typer.Argument(help="BIDS cohort whose lesions were corrected.")],
    reader: Annotated[str, typer.Option(help="Research name of the reader, letters and digits: desc-<reader>.")],
    results: Annotated[
        Path | None, typer.Option(help="Results that were corrected; they go beside the reader's as desc-model.")
    ] = None,
    key: KeyFile = None,
) -> None:
    """Lesions that a reader corrected -> masks of the cohort, to fine-tune on and to compare readers.

    Exit status 1: a file was refused (one line each on stderr), the rest is written.
    """
    from netlesion.datasets import corrections

    found = corrections.import_corrections(source, cohort, reader, results, key, lambda path: print(path, flush=True))
    for line in found.skipped:
        print(f"skipped: {line}", file=sys.stderr)
    for line in found.failures:
        print(f"error: {line}", file=sys.stderr)
    print(f"{len(found.masks)} PETs corrected by {reader}, {len(found.failures)} refused", file=sys.stderr)
    if found.failures:
        raise typer.Exit(1)


def _import_listing(listing, cohort: Path, key: Path | None) -> None:
    from netlesion.datasets.importer import import_listing

    result = import_listing(listing, cohort, key, progress=lambda path: print(path, flush=True))
    for line in result.skipped:
        print(f"skipped: {line}", file=sys.stderr)
    for line in result.failures:
        print(f"error: {line}", file=sys.stderr)
    if result.failures:
        raise typer.Exit(1)
