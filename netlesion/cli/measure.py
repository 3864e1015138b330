"""`netlesion measure`: volume, uptake and surroundings of every lesion of a mask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def measure(
    pet: Annotated[Path, typer.Option(help="PET as SUVbw NIfTI, or a cohort's PET in Bq/ml with its side-car.")],
    mask: Annotated[Path, typer.Option(help="Lesion mask on the same grid: 0/1, or one label per lesion.")],
    probability: Annotated[Path | None, typer.Option(help="Lesion probability map, for the score.")] = None,
    ct: Annotated[Path | None, typer.Option(help="CT in the PET's frame, for CT number, depth, blood pool.")] = None,
    organs: Annotated[
        Path | None, typer.Option(help="Organ map in the PET's frame, with its table of names; any segmenter's.")
    ] = None,
    tracer: Annotated[
        str | None, typer.Option(help="BIDS label (dotatate, fdg, ...). Default: trc- of the PET's name.")
    ] = None,
    connectivity: Annotated[int, typer.Option(help="Of lesions of a 0/1 mask: 6, 18 or 26.")] = 18,
    min_volume_ml: Annotated[float, typer.Option(min=0, help="Leave out smaller lesions of a 0/1 mask.")] = 0.0,
    split: Annotated[bool, typer.Option("--split", help="Split confluent disease at its saddles of uptake.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for lesions.tsv, reference_organs.tsv and patients.tsv with every column."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of a table.")] = False,
) -> None:
    """Volume, SUV and surroundings of every lesion of a mask, and the uptake of the reference organs."""
    from dataclasses import asdict

    from netlesion.errors import ConfigError
    from netlesion.image.visit import TRACER_OF_LABEL
    from netlesion.image.volume import Quantity
    from netlesion.io.bids.clinical import body_of
    from netlesion.io.bids.label_maps import read_named_map
    from netlesion.io.bids.pet import entity, pet_stem, read_suv_image
    from netlesion.io.hounsfield import require_negative_hu
    from netlesion.io.nifti import read_volume
    from netlesion.quantify.anatomy import AnatomicalImage
    from netlesion.quantify.case import measure_case
    from netlesion.quantify.instances import instances
    from netlesion.quantify.organ_map import OrganMap
    from netlesion.quantify.references import write_references
    from netlesion.quantify.split import split_lesions
    from netlesion.quantify.summary import write_summaries
    from netlesion.quantify.table import write_lesions

    if tracer is not None and tracer not in TRACER_OF_LABEL:
        raise ConfigError(f"--tracer is {tracer!r}, expected one of {', '.join(TRACER_OF_LABEL)}")
    suv = read_suv_image(pet)
    score = None if probability is None else read_volume(probability, Quantity.PROBABILITY)
    lesions = instances(read_volume(mask, Quantity.LABEL), connectivity, min_volume_ml)
    if split:
        lesions = split_lesions(lesions, suv)
    images = {}
    if ct is not None:
        images["ct"] = AnatomicalImage(read_volume(ct, Quantity.HU))
        require_negative_hu(images["ct"].volume, str(ct))
    named = None if organs is None else read_named_map(organs)
    found = measure_case(
        suv,
        lesions,
        score,
        TRACER_OF_LABEL.get(tracer or entity(pet.name, "trc") or ""),
        None if named is None else OrganMap(named.volume.array, named.volume.geometry, named.names),
        images,
        body_of(pet),
    )
    if out is not None:
        case = pet_stem(pet).removesuffix(".gz").removesuffix(".nii")
        write_lesions(out / "lesions.tsv", {case: found.rows})
        write_references(out / "reference_organs.tsv", {case: found.references})
        write_summaries(out / "patients.tsv", {case: found.summary})
    rows = [asdict(row) for row in found.rows]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    names = ("lesion_id", "num_voxels", "volume_ml", "suvmax_g_per_ml", "suvmean_g_per_ml", "suvpeak_g_per_ml", "score")
    print("\t".join(names))
    for row in rows:
        values = (row[name] for name in names)
        print("\t".join("n/a" if v is None else str(v) if isinstance(v, int) else f"{v:.4f}" for v in values))
