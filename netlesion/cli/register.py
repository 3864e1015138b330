"""`netlesion register`: the images of a patient are laid over each other."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


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
