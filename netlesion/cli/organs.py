"""`netlesion organs`: maps of the organs for every PET of a cohort, by TotalSegmentator, MOOSE or made elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def organs(
    cohort: Annotated[Path, typer.Argument(help="BIDS cohort, as netlesion import or phantom writes it.")],
    by: Annotated[
        str, typer.Option(help="The program that maps organs, installed with its weights: totalsegmentator or moose.")
    ] = "totalsegmentator",
    maps: Annotated[
        Path | None, typer.Option(help="Folder of maps made elsewhere, named after sessions (sub-X_ses-Y).")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make maps anew that are there.")] = False,
) -> None:
    """Organ maps beside the masks of every PET, where measuring, evaluation and the answers look for them."""
    from netlesion.datasets.organ_maps import Outcome, map_organs
    from netlesion.datasets.segmenters import SEGMENTERS
    from netlesion.errors import ConfigError
    from netlesion.quantify.region_map import region_map

    if by not in SEGMENTERS:
        raise ConfigError(f"--by is {by!r}, expected {' or '.join(SEGMENTERS)}")

    def report(outcome: Outcome) -> None:
        print(outcome.line(), file=sys.stderr if outcome.status == "refused" else sys.stdout, flush=True)

    known = [label for source, label in region_map() if maps is not None or source == by]
    found = map_organs(cohort, known, SEGMENTERS[by], maps, overwrite, report)
    count = {status: sum(o.status == status for o in found) for status in ("written", "kept", "refused")}
    print(f"{count['written']} written, {count['kept']} kept, {count['refused']} refused")
    if count["refused"]:
        raise typer.Exit(1)
