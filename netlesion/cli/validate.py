"""`netlesion validate`: what is wrong with a cohort."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def validate(
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
    from netlesion.validate.run import validate as run_checks
    from netlesion.validate.visit import Expectations

    with tqdm(desc="validate", unit="visit", file=sys.stderr, disable=None) as bar:

        def advance(visit: str) -> None:
            bar.update()

        found = run_checks(cohort, Expectations(expect, desc), split or (), workers, advance)
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
