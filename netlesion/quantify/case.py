"""Everything that is measured of one PET: reference organs, lesions, and what they amount to.

Takes images in memory and what is known of the patient; returns frozen results. Knows nothing about files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netlesion.errors import QuantityError
from netlesion.image.transform import Transform, inverse_over
from netlesion.image.visit import Scan, Tracer
from netlesion.image.volume import Quantity, Volume
from netlesion.quantify.anatomy import AnatomicalImage
from netlesion.quantify.context import Context
from netlesion.quantify.measure import measure
from netlesion.quantify.organ_map import OrganMap
from netlesion.quantify.reference_estimate import references_by_estimate
from netlesion.quantify.reference_map import references_by_map
from netlesion.quantify.references import ReferenceOrgans
from netlesion.quantify.summary import PatientSummary, summarise
from netlesion.quantify.table import LesionTable
from netlesion.suv.body_size import PatientBody

#: Channels of CT and MR that lesions are looked up on.
ANATOMICAL = ("ct", "mr_t1", "mr_t2")


@dataclass(frozen=True, eq=False)
class MeasuredCase:
    """What was measured of one PET."""

    rows: LesionTable = field(default_factory=LesionTable)
    references: ReferenceOrgans = field(default_factory=ReferenceOrgans)
    summary: PatientSummary = field(default_factory=lambda: summarise(()))


def measure_case(
    suv: Volume,
    lesions: Volume,
    probability: Volume | None = None,
    tracer: Tracer | None = None,
    organs: OrganMap | None = None,
    images: Mapping[str, AnatomicalImage] | None = None,
    body: PatientBody | None = None,
) -> MeasuredCase:
    """Measures one PET.

    Args:
        suv: PET (I, J, K) in SUVbw.
        lesions: Label map on its grid.
        probability: Lesion probability on its grid.
        tracer: What the PET shows; without it no reference organ is estimated.
        organs: Organ map in the PET's frame, on any grid; without one reference organs are estimated.
        images: Channel (ct, mr_t1, mr_t2) -> image.
        body: For SUL and SDmax.

    Raises:
        QuantityError: unless `suv` is SUVBW. GeometryError: unless PET, lesions and probability share a grid.
    """
    if suv.quantity is not Quantity.SUVBW:
        raise QuantityError(f"lesions are measured in SUVbw, not in {suv.quantity.name}; convert the PET first")
    suv.geometry.require_same_grid(lesions.geometry, "the PET", "the lesion mask")
    images, body = images or {}, body or PatientBody()
    if organs is not None:
        references = references_by_map(suv, lesions, organs)
    else:
        references = references_by_estimate(suv, lesions, tracer, images.get("ct"))
    context = Context(tracer, references, organs, images, body.sul_per_suv)
    rows = measure(suv, lesions, probability, context)
    return MeasuredCase(rows, references, summarise(rows, body.weight_kg, body.height_cm))


def images_of(scans: Mapping[str, Scan], pet: Scan) -> dict[str, AnatomicalImage]:
    """CT and MR of a visit as a PET of the same visit sees them."""
    back = _back(pet)
    return {
        channel: AnatomicalImage(scan.volume, (*back, *(() if scan.transform is None else (scan.transform,))))
        for channel, scan in scans.items()
        if channel in ANATOMICAL
    }


def _back(pet: Scan) -> tuple[Transform, ...]:
    """From the PET's own frame to that of the visit's first PET."""
    return () if pet.transform is None else (inverse_over(pet.transform, pet.volume.geometry),)
