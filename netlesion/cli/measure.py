"""`netlesion measure`: volume and SUV of every lesion of a mask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def measure(
    pet: Annotated[Path, typer.Option(help="PET as SUVbw NIfTI, or a cohort's PET in Bq/ml with its side-car.")],
    mask: Annotated[Path, typer.Option(help="Lesion mask on the same grid: 0/1, or one label per lesion.")],
    probability: Annotated[Path | None, typer.Option(help="Lesion probability map, for the score.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of a table.")] = False,
) -> None:
    """Volume, SUVmax, SUVmean and SUVpeak of every lesion of a mask."""
    from dataclasses import asdict

    from netlesion.image.volume import Quantity
    from netlesion.io.bids.pet import read_suv_image
    from netlesion.io.nifti import read_volume
    from netlesion.quantify.instances import instances
    from netlesion.quantify.measure import measure as measure_lesions

    score = None if probability is None else read_volume(probability, Quantity.PROBABILITY)
    lesions = instances(read_volume(mask, Quantity.LABEL))
    rows = [asdict(row) for row in measure_lesions(read_suv_image(pet), lesions, score)]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    names = ("lesion_id", "num_voxels", "volume_ml", "suvmax_g_per_ml", "suvmean_g_per_ml", "suvpeak_g_per_ml", "score")
    print("\t".join(names))
    for row in rows:
        values = (row[name] for name in names)
        print("\t".join("n/a" if v is None else str(v) if isinstance(v, int) else f"{v:.4f}" for v in values))
