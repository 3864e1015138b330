"""Writing a PET in SUV: a derivative `desc-suvbw` with its convention named, never passed off as Bq/ml.

A BIDS raw PET is in Bq/ml with the facts of its acquisition; a published SUV image has lost both, and its SUV was
computed by somebody else's rules. It goes to derivatives (clinical.md 9.5) with an `SUVConvention` that says what the
source calls it, what it is taken as, who computed it, and what is known to be wrong with that. The SUV of a PET that is
there in Bq/ml goes there too, for other programs; netlesion itself reads the Bq/ml. Knows nothing about any
particular data set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netlesion.errors import QuantityError
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.files import derivative_path, image_path
from netlesion.io.bids.pet import SUV_DESC, entity, sidecar_of, suv_by_sidecar
from netlesion.io.nifti import read_volume, write_volume
from netlesion.output.atomic import write_json
from netlesion.suv.plausibility import LARGEST_SUV


@dataclass(frozen=True)
class SuvConvention:
    """Whose SUV this is. stated: the source's own words; taken_as is SUVbw, for no other can be compared."""

    stated: str
    computed_by: str
    documentation: str = "n/a"
    known_issues: tuple[str, ...] = ()


@dataclass(frozen=True)
class SuvRecord:
    """What is written beside a given SUV: tracer label, convention, body weight where known, further facts."""

    tracer_label: str
    convention: SuvConvention
    weight_kg: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def suv_path(cohort: Path, subject: str, session: str, tracer_label: str) -> Path:
    """derivatives/netlesion/sub-X/ses-Y/pet/sub-X_ses-Y_trc-<label>_desc-suvbw_pet.nii.gz below the cohort."""
    return derivative_path(cohort, pet_path(cohort, subject, session, tracer_label), SUV_DESC, "pet")


def pet_path(cohort: Path, subject: str, session: str, tracer_label: str) -> Path:
    """Where the Bq/ml PET lies, or would lie; masks are named after it in either case."""
    return image_path(cohort, subject, session, "pet", "pet", f"trc-{tracer_label}")


def derived_suv_path(cohort: Path, pet: Path) -> Path:
    """Where the SUV of a cohort's PET in Bq/ml goes: under derivatives, by the PET's own name."""
    return derivative_path(cohort, pet, SUV_DESC, "pet")


def derive_suv(cohort: Path, pet: Path, bqml: Volume | None = None) -> None:
    """Writes the SUVbw of a cohort's PET in Bq/ml from its side-car; `bqml` spares reading the image again.

    Raises CohortError where the side-car does not hold what a SUV needs.
    """
    from netlesion.output.version import __version__

    sidecar = sidecar_of(pet) or {}
    volume = read_volume(pet, Quantity.BQML) if bqml is None else bqml
    suv, acquisition = suv_by_sidecar(pet, volume, sidecar)
    kept = ("RadionuclideHalfLife", "SUVReferenceTimeSource", "SUVPath", "SUVWarnings", "FrameOfReferenceHash")
    facts = {
        "Sources": [f"bids::{pet.relative_to(cohort).as_posix()}"],
        "SUVFactor": acquisition.suv_factor,
        "SUVFactorUnits": "g/mL per Bq/mL",
        **{name: sidecar[name] for name in kept if name in sidecar},
    }
    convention = SuvConvention("SUVbw", f"netlesion {__version__}")
    label = entity(pet.name, "trc") or "n/a"
    write_suv_pet(derived_suv_path(cohort, pet), suv, SuvRecord(label, convention, acquisition.weight_kg, facts))


def write_suv_pet(path: Path, volume: Volume, record: SuvRecord) -> None:
    """The side-car first, then the image; raises QuantityError for a volume that is not SUVbw."""
    if volume.quantity is not Quantity.SUVBW:
        raise QuantityError(f"{path.name}: holds {volume.quantity.name}, expected SUVBW")
    convention = record.convention
    sidecar = {
        "Modality": "PT",
        "Units": Quantity.SUVBW.value,
        "TracerName": record.tracer_label,
        "SUVConvention": {
            "Stated": convention.stated,
            "TakenAs": "SUVbw",
            "ComputedBy": convention.computed_by,
            "Documentation": convention.documentation,
            "KnownIssues": list(convention.known_issues),
        },
        **record.facts,
    }
    if record.weight_kg is not None:
        sidecar["PatientWeight"] = record.weight_kg
    write_json(path.with_name(path.name.removesuffix(".nii.gz") + ".json"), sidecar)
    write_volume(path, volume)


def require_suv_range(volume: Volume, what: str) -> None:
    """Raises QuantityError for values that no SUV has: nothing above zero, or more than LARGEST_SUV."""
    highest = float(volume.array.max())
    if highest <= 0:
        raise QuantityError(f"{what}: no voxel is above zero (highest {highest:g}); expected a PET in SUV")
    if highest > LARGEST_SUV:
        raise QuantityError(
            f"{what}: values reach {highest:.0f}, no SUV does; it looks like Bq/ml, import it with its dose and weight "
            "(netlesion import table)"
        )
