"""Real World Value Mapping objects: SUV factors that somebody else computed for a PET, compared with ours.

Such an object (1.2.840.10008.5.1.4.1.1.67) refers to images and gives a slope to SUV by body weight, lean mass, ideal
weight or surface. Programs that write them mean it for Bq/ml, the standard for stored values; either is compared. It is
no image, and a cohort's SUV never comes from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netlesion.errors import NetlesionError
from netlesion.io.dicom.entry import instance_digest
from netlesion.io.dicom.file import text_of
from netlesion.io.dicom.multiframe import UNITS_OF_CODE, units_code
from netlesion.suv.body_size import SUL_OF_DICOM, SulFormula, SuvType, suvbw_ratio

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from netlesion.suv import PetFacts, SuvConversion

REAL_WORLD_VALUE_MAPPING = "1.2.840.10008.5.1.4.1.1.67"
#: Two factors that differ by more than this share are told.
SAME_FACTOR = 0.01


@dataclass(frozen=True)
class RealWorldMap:
    """One factor to a SUV: its SUV Type (0054,1006), its slope, and digests of the series and images it is for."""

    suv_type: str
    slope: float
    series: frozenset[str]
    instances: frozenset[bytes]


def read_maps(header: Dataset) -> tuple[RealWorldMap, ...]:
    """Every map to a SUV in an object; other maps, and such without a slope, say nothing that could be compared."""
    common = frozenset(
        uid for item in header.get("ReferencedSeriesSequence") or () if (uid := text_of(item, "SeriesInstanceUID"))
    )
    found = []
    for group in header.get("ReferencedImageRealWorldValueMappingSequence") or ():
        images = group.get("ReferencedImageSequence") or ()
        instances = frozenset(instance_digest(text_of(one, "ReferencedSOPInstanceUID")) for one in images)
        for item in group.get("RealWorldValueMappingSequence") or ():
            for unit in item.get("MeasurementUnitsCodeSequence") or ():
                suv_type = UNITS_OF_CODE.get(units_code(unit), (None, None))[1]
                if suv_type is not None and "RealWorldValueSlope" in item:
                    found.append(RealWorldMap(suv_type, float(item.RealWorldValueSlope), common, instances - {b""}))
    return tuple(found)


def disagreement(one: RealWorldMap, facts: PetFacts, conversion: SuvConversion, rescale_slope: float) -> str | None:
    """One line where a map's factor is not ours, None where they agree or ours cannot be computed."""
    try:
        ratio = suvbw_ratio(*_of_type(one.suv_type), facts.weight_kg, facts.patient_size, facts.sex, [])
    except NetlesionError as error:
        return f"its factor to SUV {one.suv_type} cannot be compared: {error}"
    factors = min(conversion.suvbw_factors), max(conversion.suvbw_factors)
    ours = [factor * ratio * slope for factor in factors for slope in (1.0, rescale_slope)]
    nearest = min(ours, key=lambda factor: abs(one.slope / factor - 1.0))
    if abs(one.slope / nearest - 1.0) <= SAME_FACTOR:
        return None
    return (
        f"its factor to SUV {one.suv_type} is {one.slope:.6g}, ours {ours[0]:.6g}: {one.slope / ours[0]:.4g} times as "
        "large; ours is used"
    )


def _of_type(suv_type: str) -> tuple[SuvType, SulFormula]:
    if suv_type in SUL_OF_DICOM:
        return SuvType.SUL, SUL_OF_DICOM[suv_type]
    return {"BW": SuvType.SUVBW, "IBW": SuvType.SUVIBW, "BSA": SuvType.SUVBSA}[suv_type], SulFormula.JANMAHASATIAN
