"""A PET series and its conversion -> a Volume in SUVbw or in Bq/ml, slice by slice where the factors differ."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netlesion.errors import CohortError, NetlesionError, say
from netlesion.image.visit import TRACER_OF_LABEL, Acquisition, Scan, Visit
from netlesion.image.volume import Quantity, Volume
from netlesion.io.dicom.pet_header import pet_facts, tracer_of_series
from netlesion.io.dicom.series import Series, read_image
from netlesion.io.dicom.series_choice import one_series
from netlesion.suv import Overrides, PetFacts, SuvConversion, suv_conversion
from netlesion.suv.plausibility import body_mean_suvbw, body_mean_warning, require_possible

#: What is wrong where a SUV is impossible.
WRONG_FACTS = "correct dose (0018,1074), weight (0010,1030), units (0054,1001) or times in its header"


@dataclass(frozen=True, eq=False, repr=False)
class DicomPet(Volume):
    """A PET in SUVbw (g/ml) with what its DICOM header says, and how its SUV was made.

    Attributes:
        facts: Units, dose, weight and times as the header states them, with the caller's values in their place.
        conversion: The factors of every slice, the row of the decision table (`path`), and warnings.
        tracer_label: BIDS `trc-` label (fdg, dotatate), None where the header does not tell.
    """

    facts: PetFacts
    conversion: SuvConversion
    tracer_label: str | None

    def as_visit(self, tracer_label: str | None = None) -> Visit:
        """The visit that consists of this PET alone.

        Args:
            tracer_label: BIDS `trc-` label, where the header does not tell.

        Raises:
            CohortError: if the tracer is not known.
        """
        label = self.tracer_label if tracer_label is None else tracer_label
        if label is None or label not in TRACER_OF_LABEL:
            raise CohortError(
                f"the tracer of this PET is {label or 'not in its header'}, expected one of "
                f"{', '.join(TRACER_OF_LABEL)}; name it: as_visit(tracer_label=...)"
            )
        tracer, activity = TRACER_OF_LABEL[label], self.conversion.activity
        acquisition = Acquisition(
            manufacturer=self.facts.manufacturer,
            weight_kg=self.facts.weight_kg,
            dose_bq=self.facts.dose_bq,
            half_life_s=self.facts.half_life_s,
            suv_factor=None if activity is None else activity.factor,
            ref_time_source=None if activity is None else activity.ref_time_source,
        )
        scan = Scan(tracer.value, self, tracer, acquisition, tracer_label=label)
        return Visit("n/a", f"trc-{label}", {tracer.value: scan})

    def _facts(self) -> dict[str, object]:
        activity = self.conversion.activity
        return {
            **super()._facts(),
            "tracer": self.tracer_label or "not in the header",
            "SUV path": self.conversion.path,
            "reference time": "n/a" if activity is None else activity.ref_time_source,
            "warnings": "; ".join(self.conversion.warnings) or "none",
        }


def read_dicom_pet(folder: str | Path, overrides: Overrides | None = None, number: int | None = None) -> DicomPet:
    """Reads a PET series of a folder as SUVbw (g/ml) (clinical.md 1.3).

    Args:
        folder: Folder that holds a PET series, among other series if need be.
        overrides: Facts that you state instead of the header's: weight, height, sex, dose, times.
        number: Which of several PET series, from 1; without it they are listed in the error.

    Returns:
        The volume (I, J, K) in RAS+, with the header's facts, the conversion and the tracer. What is doubtful about
        the header is a NetlesionWarning.

    Raises:
        DicomError: if the folder holds no PET series, several, or a broken one.
        SuvError: if the header does not allow a SUV.

    Example:
        >>> pet = nl.read_dicom_pet("dicom_pet")
        >>> pet.quantity.name, pet.tracer_label, pet.conversion.path
        ('SUVBW', 'dotatate', 'BQML START')
    """
    series, passed = one_series(folder, "PT", number)
    facts, conversion = series_facts(series, overrides)
    try:
        tracer = tracer_of_series(series)
    except NetlesionError as error:
        raise type(error)(f"{series.label}: {error}") from error
    suv = read_suvbw(series, conversion)
    for line in (*passed, *conversion.warnings, body_mean_warning(body_mean_suvbw(suv.array))):
        if line:
            say(f"{series.label}: {line}")
    label = None if tracer is None else tracer.label
    return DicomPet(suv.array, suv.geometry, suv.quantity, facts, conversion, label)


def series_facts(series: Series, overrides: Overrides | None = None) -> tuple[PetFacts, SuvConversion]:
    """The facts of a series, with what the user states in their place, and the conversion they allow.

    Raises DicomError and SuvError with the series named.
    """
    facts = pet_facts(series)
    try:
        facts = (overrides or Overrides()).apply(facts)
        return facts, suv_conversion(facts)
    except NetlesionError as error:
        raise type(error)(f"{series.label}: {error}") from error


def read_suvbw(series: Series, conversion: SuvConversion) -> Volume:
    """The series in SUVbw, g/ml; raises QuantityError for values that no SUV can have."""
    suv = _scaled(read_image(series), conversion.suvbw_factors, Quantity.SUVBW)
    require_possible(suv.array, series.label, WRONG_FACTS)
    return suv


def require_activity(series: Series, conversion: SuvConversion) -> None:
    """Raises SuvError, naming the series, where its header does not hold what Bq/ml need."""
    try:
        conversion.require_activity()
    except NetlesionError as error:
        raise type(error)(f"{series.label}: {error}") from error


def read_bqml(series: Series, conversion: SuvConversion) -> Volume:
    """The series in Bq/ml, decay-corrected to the conversion's reference time.

    Of an image that is SUV already: the Bq/ml that give its SUV again with the header's facts. Raises SuvError,
    naming the series, where the header does not hold them.
    """
    require_activity(series, conversion)
    bqml = _scaled(read_image(series), conversion.bqml_factors, Quantity.BQML)
    require_possible(bqml.array.max(axis=(0, 1)) * conversion.require_activity().factor, series.label, WRONG_FACTS)
    return bqml


def _scaled(voxels: Volume, factors: tuple[float, ...], quantity: Quantity) -> Volume:
    """One factor for all slices, or one for each along the last axis."""
    assert len(factors) in (1, voxels.geometry.shape[2]), (len(factors), voxels.geometry.shape)
    return voxels.with_array((voxels.array * np.asarray(factors, dtype=np.float64)).astype(np.float32), quantity)
