"""`netlesion compare`: two models on the same patients."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare(
    results_a: Annotated[Path, typer.Argument(help="Folder that `netlesion evaluate` wrote for model A.")],
    results_b: Annotated[Path, typer.Argument(help="The same for model B, on the same cases and references.")],
    out: Annotated[Path, typer.Option(help="Folder for compare.tsv, summary.json and compare.html.")],
    name_a: Annotated[str | None, typer.Option(help="Name of A. Default: its folder's.")] = None,
    name_b: Annotated[str | None, typer.Option(help="Name of B. Default: its folder's.")] = None,
    reference_standard: Annotated[
        str,
        typer.Option(
            help="What the reference lesions rest on where lesions.tsv does not say: histology, followup, "
            "consensus_multimodality or same_modality_reader."
        ),
    ] = "n/a",
    also: Annotated[list[str] | None, typer.Option(help="A further column of cases.tsv; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap and of the permutations.")] = 0,
) -> None:
    """Two models on the same patients: paired differences with intervals and tests."""
    from netlesion.evaluate.case.reference_standard import parse_standard
    from netlesion.evaluate.compare.comparison import compare_folders, comparison_lines
    from netlesion.report.comparison import write_comparison

    standard = parse_standard(reference_standard)
    summary = compare_folders(
        results_a,
        results_b,
        out,
        name_a=name_a,
        name_b=name_b,
        reference_standard=standard,
        also=also or (),
        seed=seed,
    )
    write_comparison(out / "compare.html", summary)
    for line in comparison_lines(summary):
        print(line)
    for name in ("compare.tsv", "summary.json", "compare.html"):
        print(out / name)
