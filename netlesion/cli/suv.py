"""`netlesion suv`: one PET series of DICOM becomes a NIfTI in SUV."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer


def suv(
    folder: Annotated[Path, typer.Argument(metavar="SERIES", help="Folder that holds a PET DICOM series.")],
    out: Annotated[Path, typer.Argument(help="NIfTI to write (.nii.gz); its provenance goes beside it as .json.")],
    type_: Annotated[str, typer.Option("--type", help="suvbw, sul, suvbsa or suvibw.")] = "suvbw",
    sul_formula: Annotated[str, typer.Option(help="Lean mass: janmahasatian, james or james128.")] = "janmahasatian",
    weight_kg: Annotated[float | None, typer.Option(help="Body weight, instead of the header's; logged.")] = None,
    height_cm: Annotated[float | None, typer.Option(help="Body height, instead of the header's; logged.")] = None,
    sex: Annotated[str | None, typer.Option(help="M, F or O, instead of the header's; logged.")] = None,
    dose_mbq: Annotated[float | None, typer.Option(help="Injected dose, instead of the header's; logged.")] = None,
    injection_time: Annotated[
        str | None, typer.Option(help="HH:MM[:SS] on the scanner's clock, instead of the header's; logged.")
    ] = None,
    reference_time: Annotated[
        str | None, typer.Option(help="HH:MM[:SS] to which decay is corrected, instead of the header's; logged.")
    ] = None,
    series: Annotated[int | None, typer.Option(help="Which of several PET series; without it they are listed.")] = None,
    allow_uncorrected: Annotated[
        bool, typer.Option("--allow-uncorrected", help="Take a PET without attenuation correction; logged.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the facts as JSON.")] = False,
) -> None:
    """One PET DICOM series -> SUV NIfTI; the facts of the conversion are printed."""
    from netlesion.io.dicom.to_nifti import series_to_suv
    from netlesion.suv import Overrides, SulFormula, SuvType
    from netlesion.suv.options import named, time_of_day

    injected = None if injection_time is None else time_of_day("--injection-time", injection_time)
    corrected_to = None if reference_time is None else time_of_day("--reference-time", reference_time)
    facts = series_to_suv(
        folder,
        out,
        named("--type", SuvType, type_),
        named("--sul-formula", SulFormula, sul_formula),
        Overrides(weight_kg, height_cm, sex, dose_mbq, injected, corrected_to, allow_uncorrected),
        series,
    )
    for line in facts["warnings"]:
        print(f"warning: {folder}: {line}", file=sys.stderr)
    if as_json:
        print(json.dumps(facts, indent=2))
        return
    for name, value in facts.items():
        if name != "warnings":
            print(f"{name}\t{'n/a' if value is None else json.dumps(value)}")
