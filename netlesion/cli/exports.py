"""`netlesion export`: a cohort in the format of another framework."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from netlesion.cli.pairs import pairs


def add_verbs(app: typer.Typer) -> None:
    """Registers `export` and its formats."""
    verbs = typer.Typer(help="Write a cohort in the format of another framework.", no_args_is_help=True)
    verbs.command("nnunet")(export_nnunet)
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


def _test_patients(split_file: Path | None) -> tuple[str, ...]:
    import json

    from netlesion.errors import CohortError

    if split_file is None:
        return ()
    try:
        return tuple(str(p) for p in json.loads(split_file.read_text(encoding="utf-8"))["test"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CohortError(f"{split_file}: not a readable split file with a test part") from error
