"""`netlesion report`: results as pages that a physician reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    results: Annotated[Path, typer.Argument(help="Results of infer.py.")],
    cohort: Annotated[
        Path | None, typer.Option(help="Cohort of the results: its images, for every picture on the pages.")
    ] = None,
    title: Annotated[str, typer.Option(help="Title of the cohort's page.")] = "Lesions of a cohort",
    workers: Annotated[int | None, typer.Option(help="Processes; default: one per core.", min=1)] = None,
) -> None:
    """One page for each patient and one for the cohort, self-contained, to read, print and send."""
    from netlesion.cli.cohort import opened
    from netlesion.report.results_report import write_reports

    visits = None if cohort is None else opened(str(cohort)).visits
    print(f"report {write_reports(results, visits, title=title, tables=_tables(results), workers=workers)}")


def _tables(results: Path) -> tuple:
    """What the visits that were computed in two ways say of both."""
    import json

    from netlesion.io.bids.masks import RECORD
    from netlesion.io.files import visible

    records = []
    for path in visible(results, f"*/{RECORD}"):
        text = path.read_text(encoding="utf-8")
        if '"agreements"' in text or '"audits"' in text:
            try:
                records.append(json.loads(text))
            except ValueError:
                continue
    if not any(r.get("agreements") or r.get("audits") for r in records if isinstance(r, dict)):
        return ()
    from netlesion.predict.batch import agreement_tables

    return agreement_tables(records)
