"""The verbs of the doors: `import <data set>`, `export <format>`, `validate`; added to the app that `cli` makes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

Source = Annotated[Path, typer.Argument(help="Folder of the data set, as published.")]
KeyFile = Annotated[
    Path | None,
    typer.Option(help="Table between the source's ids and the cohort's. Default: <COHORT>.key.tsv beside it."),
]
CohortFolder = Annotated[Path, typer.Argument(help="BIDS cohort to make or to add to.")]


def add_verbs(app: typer.Typer, import_app: typer.Typer) -> None:
    """Registers the verbs of this file."""
    import_app.command("autopet")(import_autopet)
    import_app.command("deep-psma")(import_deep_psma)
    import_app.command("hecktor")(import_hecktor)
    import_app.command("nnunet")(import_nnunet)
    import_app.command("table")(import_table)
    export_app = typer.Typer(help="Write a cohort in the format of another framework.", no_args_is_help=True)
    export_app.command("nnunet")(export_nnunet_command)
    export_app.callback()(lambda: None)
    app.add_typer(export_app, name="export")
    app.command("validate")(validate_command)


def import_autopet(source: Source, cohort: CohortFolder, key: KeyFile = None) -> None:
    """autoPET III-V (nnU-Net layout, FDG and PSMA), or FDG-PET-CT-Lesions as NIfTI."""
    from netlesion.datasets.autopet import list_autopet

    _take_in(list_autopet(source), cohort, key)


def import_deep_psma(
    source: Source,
    cohort: CohortFolder,
    joint: Annotated[bool, typer.Option(help="One session of both tracers, FDG moved by the rigid transform.")] = False,
    key: KeyFile = None,
) -> None:
    """DEEP-PSMA: PSMA and FDG of each case, their thresholds, organs and rigid transform."""
    from netlesion.datasets.deep_psma import list_deep_psma

    _take_in(list_deep_psma(source, joint), cohort, key)


def import_hecktor(source: Source, cohort: CohortFolder, key: KeyFile = None) -> None:
    """HECKTOR 2022, 2025 or 2026: FDG PET/CT of the head and neck with GTVp and GTVn."""
    from netlesion.datasets.hecktor import list_hecktor

    _take_in(list_hecktor(source), cohort, key)


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

    _take_in(list_nnunet(source, _pairs("--channel", channel), tuple(lesion or ()), patient), cohort, key)


def import_table(
    table: Annotated[Path, typer.Argument(help="Tab-separated: patient session channel path quantity ...")],
    cohort: CohortFolder,
    key: KeyFile = None,
) -> None:
    """NIfTI files named by a table; its columns are described in docs/data-sources.md."""
    from netlesion.datasets.table import list_table

    _take_in(list_table(table), cohort, key)


def export_nnunet_command(
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
    from netlesion.datasets.nnunet_export import export_nnunet
    from netlesion.errors import ConfigError
    from netlesion.io.bids.cohort import open_cohort

    named = _pairs("--label", label)
    if not all(value.isdigit() for value in named.values()):
        raise ConfigError(f"--label {named}: expected NAME=VALUE with whole numbers")
    labels = {"background": 0} | {name: int(value) for name, value in named.items()} if named else None
    test = _test_patients(split_file)
    opened = open_cohort(cohort)
    for note in opened.notes:
        print(f"note: {note}", file=sys.stderr)
    done = export_nnunet(opened, out, channels.split(","), desc, labels, test, lambda case: print(case))
    for line in done.left_out:
        print(f"left out: {line}", file=sys.stderr)
    print(f"{len(done.written)} cases written, {len(done.skipped)} there before: {out / 'dataset.json'}")


def validate_command(
    cohort: Annotated[Path, typer.Argument(help="Cohort to look through.")],
    out: Annotated[Path | None, typer.Option(help="Folder for validation.tsv, .json and .html.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
    strict: Annotated[bool, typer.Option(help="Exit with 1 for warnings too.")] = False,
    expect: Annotated[
        str, typer.Option(help="Field of view: any, thigh (vertex or skull base to thigh), vertex-toe.")
    ] = "any",
    desc: Annotated[str, typer.Option(help="Which mask holds the lesions (BIDS desc-).")] = "lesions",
    split: Annotated[list[Path] | None, typer.Option(help="Split file, or folder of them; may be repeated.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Visits looked at side by side.")] = 1,
) -> None:
    """What a careful data manager would find in a cohort; exit status 1 when there are errors."""
    import json

    from tqdm import tqdm

    from netlesion.report.validation import as_json as to_json
    from netlesion.report.validation import text_lines, write_validation
    from netlesion.validate.finding import Level
    from netlesion.validate.run import validate
    from netlesion.validate.visit import Expectations

    with tqdm(desc="validate", unit="visit", file=sys.stderr, disable=None) as bar:
        found = validate(cohort, Expectations(expect, desc), split or (), workers, lambda visit: bar.update())
    if as_json:
        print(json.dumps(to_json(found), indent=2))
    else:
        for line in text_lines(found):
            print(line)
    if out is not None:
        config = {"expect": expect, "desc": desc, "splits": [path.name for path in split or ()], "workers": workers}
        page = write_validation(out, found, config)
        print(page, file=sys.stderr if as_json else sys.stdout)
    if found.count(Level.ERROR) or (strict and found.count(Level.WARNING)):
        raise typer.Exit(1)


def _take_in(listing, cohort: Path, key: Path | None) -> None:
    from netlesion.datasets.importer import take_in

    result = take_in(listing, cohort, key, progress=lambda path: print(path, flush=True))
    for line in result.skipped:
        print(f"skipped: {line}", file=sys.stderr)
    for line in result.failures:
        print(f"error: {line}", file=sys.stderr)
    if result.failures:
        raise typer.Exit(1)


def _pairs(option: str, given: list[str] | None) -> dict[str, str]:
    from netlesion.errors import ConfigError

    pairs = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name or not value or name in pairs:
            raise ConfigError(f"{option} {text}: expected NAME=VALUE, each name once")
        pairs[name] = value
    return pairs


def _test_patients(split_file: Path | None) -> tuple[str, ...]:
    import json

    from netlesion.errors import CohortError

    if split_file is None:
        return ()
    try:
        return tuple(str(p) for p in json.loads(split_file.read_text(encoding="utf-8"))["test"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CohortError(f"{split_file}: not a readable split file with a test part") from error
