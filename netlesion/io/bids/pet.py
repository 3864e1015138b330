"""One PET of a cohort -> SUVbw, through what its side-car says: Bq/ml with its facts, or a SUV with its convention.

Takes a file and reads the JSON beside it, and the session's weight in sessions.tsv, which must agree. Knows nothing
about visits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from netlesion.errors import CohortError, QuantityError
from netlesion.image.visit import Acquisition
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.sidecar_facts import in_words_of_bids, sidecar_conversion
from netlesion.io.files import is_there
from netlesion.io.nifti import read_volume
from netlesion.io.table_file import read_table
from netlesion.suv.plausibility import LARGEST_SUV, require_possible

#: A PET that its source gave as SUV (clinical.md 9.5); it stands in for the Bq/ml image of the same name.
SUV_DESC = "suvbw"
#: Two records of one patient's weight agree within this (kg): sessions.tsv is rounded.
SAME_WEIGHT_KG = 0.05


def read_suv_image(path: str | Path) -> Volume:
    """A PET file as SUVbw: taken as it is, or converted from Bq/ml through its BIDS side-car.

    Raises CohortError for a cohort's Bq/ml PET without a side-car, QuantityError for values no SUV can have.
    """
    path = Path(path)
    sidecar = sidecar_of(path)
    if sidecar is not None and _units(sidecar) == "bq/ml":
        return bqml_as_suv(path, read_volume(path, Quantity.BQML), sidecar)[0]
    if sidecar is not None and "Units" in sidecar and _units(sidecar) != "g/ml":
        raise CohortError(f"{path}: Units in its side-car are {sidecar['Units']!r}, expected Bq/mL or g/mL")
    raw_of_cohort = path.name.endswith(("_pet.nii.gz", "_pet.nii")) and "desc-suv" not in path.name
    if sidecar is None and raw_of_cohort and path.parent.name == "pet":
        raise CohortError(
            f"{path}: a cohort's PET is in Bq/ml and this one has no side-car {sidecar_path(path).name}; "
            "restore it, or give a SUVbw image (netlesion suv)"
        )
    volume = read_volume(path, Quantity.SUVBW)
    if volume.range[1] > LARGEST_SUV:
        raise QuantityError(
            f"{path}: values reach {volume.range[1]:.0f}, no SUV does; it looks like Bq/ml without a side-car. "
            "Convert it with netlesion suv"
        )
    return volume


def pet_stem(path: Path) -> str:
    """The name of a PET without its ending: what its masks begin with, be it in Bq/ml or given as SUV."""
    return path.name.removesuffix("_pet.nii.gz").removesuffix(f"_desc-{SUV_DESC}")


def frame_of_reference(path: Path) -> str | None:
    """The hash of an image's frame of reference, or None where its side-car does not tell."""
    sidecar = sidecar_of(path)
    return None if sidecar is None else sidecar.get("FrameOfReferenceHash")


def given_suv(path: Path) -> Acquisition:
    """What is known of a PET that came as SUV; in BIDS its side-car must say who computed it, and that it is SUVbw."""
    if not path.name.endswith(f"_desc-{SUV_DESC}_pet.nii.gz"):
        return Acquisition()
    sidecar = sidecar_of(path) or {}
    convention = sidecar.get("SUVConvention")
    if not isinstance(convention, dict) or convention.get("TakenAs") != "SUVbw" or not convention.get("ComputedBy"):
        raise CohortError(
            f"{path}: its side-car has no SUVConvention that names SUVbw and who computed it; import it again"
        )
    return Acquisition(
        weight_kg=sidecar.get("PatientWeight"), ref_time_source=f"provided by {convention['ComputedBy']}"
    )


def bqml_as_suv(path: Path, volume: Volume, sidecar: Mapping) -> tuple[Volume, Acquisition]:
    """SUVbw of a PET in Bq/ml, and its facts; raises CohortError where side-car and sessions.tsv do not agree on it."""
    suv, acquisition = suv_by_sidecar(path, volume, sidecar)
    recorded, weight_kg = session_weight(path), acquisition.weight_kg
    if recorded is not None and weight_kg is not None and abs(recorded - weight_kg) > SAME_WEIGHT_KG:
        raise CohortError(
            f"{path}: weight is {weight_kg:g} kg in the side-car and {recorded:g} kg in sessions.tsv; make them agree"
        )
    return suv, acquisition


def suv_by_sidecar(path: Path, volume: Volume, sidecar: Mapping) -> tuple[Volume, Acquisition]:
    """SUVbw of a PET in Bq/ml, and its facts; raises CohortError, naming the field, for what cannot be true."""
    if _units(sidecar) != "bq/ml":
        raise CohortError(f"{path}: Units in the side-car are {sidecar.get('Units')!r}, expected Bq/mL")
    facts, conversion = sidecar_conversion(path, sidecar)
    activity, (factor,) = conversion.require_activity(), conversion.suvbw_factors
    start = facts.acquisition_datetime
    assert start is not None, "ScanStart is one of the numbers that a side-car must hold"
    acquisition = Acquisition(
        manufacturer=sidecar.get("Manufacturer"),
        model=sidecar.get("ManufacturersModelName"),
        weight_kg=activity.weight_kg,
        dose_bq=activity.dose_bq,
        half_life_s=activity.half_life_s,
        uptake_s=(start - activity.injection).total_seconds(),
        suv_factor=factor,
        ref_time_source=sidecar.get("SUVReferenceTimeSource"),
        warnings=tuple(in_words_of_bids(line) for line in conversion.warnings),
    )
    suv = volume.with_array(volume.array * factor, Quantity.SUVBW)
    require_possible(suv.array, str(path), "correct dose, weight, half-life or times in its side-car")
    return suv, acquisition


def session_weight(path: Path) -> float | None:
    """The weight of this file's session in sessions.tsv, or None where the table or value is absent."""
    subject, session = entity(path.name, "sub"), entity(path.name, "ses")
    table = path.parent.parent.parent / f"sub-{subject}_sessions.tsv"
    if session is None or not is_there(table):
        return None
    for row in read_table(table, ("session_id",)).rows:
        if row.cells["session_id"] == f"ses-{session}":
            return row.number("weight")
    return None


def sidecar_path(path: Path) -> Path:
    """The JSON beside an image."""
    return path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".json")


def sidecar_of(path: Path) -> dict | None:
    """What the JSON beside an image says, None where there is none; CohortError for one that is broken."""
    sidecar = sidecar_path(path)
    if not is_there(sidecar):
        return None
    try:
        value = json.loads(sidecar.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise CohortError(f"{sidecar}: not valid JSON ({error})") from error
    if not isinstance(value, dict):
        raise CohortError(f"{sidecar}: expected a JSON object of acquisition facts")
    return value


def _units(sidecar: Mapping) -> str:
    return str(sidecar.get("Units", "")).lower()


def entity(name: str, key: str) -> str | None:
    """The value of a BIDS entity in a file's name."""
    found = re.search(rf"(?:^|_){key}-([A-Za-z0-9]+)", name)
    return found.group(1) if found else None
