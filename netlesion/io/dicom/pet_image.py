"""A PET series and its conversion -> a Volume in SUVbw or in Bq/ml, slice by slice where the factors differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netlesion.errors import NetlesionError
from netlesion.image.volume import Quantity, Volume
from netlesion.io.dicom.pet_header import pet_facts
from netlesion.io.dicom.series import Series, read_image
from netlesion.suv import Overrides, SuvConversion, suv_conversion

if TYPE_CHECKING:
    from netlesion.suv import PetFacts


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
    """The series in SUVbw, g/ml."""
    return _scaled(read_image(series), conversion.suvbw_factors, Quantity.SUVBW)


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
    return _scaled(read_image(series), conversion.bqml_factors, Quantity.BQML)


def _scaled(voxels: Volume, factors: tuple[float, ...], quantity: Quantity) -> Volume:
    """One factor for all slices, or one for each along the last axis."""
    assert len(factors) in (1, voxels.geometry.shape[2]), (len(factors), voxels.geometry.shape)
    return voxels.with_array((voxels.array * np.asarray(factors, dtype=np.float64)).astype(np.float32), quantity)
