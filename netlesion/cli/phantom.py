"""`netlesion phantom`: a cohort of digital patients."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


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
    complete: Annotated[
        str,
        typer.Option(help="Grow the built-in body around maps: auto (without skin or bone), always or never."),
    ] = "auto",
) -> None:
    """A digital dual-tracer cohort (PET/CT, PET/MR) with known truth, as BIDS or DICOM."""
    from netlesion.phantom.digital_cohort.anatomy import complete_of
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
        complete=complete_of(complete),
        anatomy_cache=None if anatomy is None else Path.home() / ".cache" / "netlesion" / "anatomy",
    )
    make_cohort(out, plan, workers)
    print(out)
