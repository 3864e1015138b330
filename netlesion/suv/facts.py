"""What a PET header says of units, patient, dose and time: the input of every SUV decision.

Values are as stored, None is "the header does not say". Knows nothing about DICOM.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta


@dataclass(frozen=True)
class Frame:
    """When one slice was measured: start of its frame, duration, and the vendor's reference time and decay factor.

    second_start: what Acquisition DateTime (0008,002A) says where Acquisition Date and Time say it too.
    """

    acquisition_datetime: datetime | None
    duration_s: float | None = None
    reference_time_s: float | None = None
    decay_factor: float | None = None
    second_start: datetime | None = None


@dataclass(frozen=True)
class PetFacts:
    """The facts of one classic PET series.

    Series and frame times are on the scanner's clock, without zone. Injection and vendor DateTimes may carry
    a UTC offset; `utc_offset` is the scanner's own (0008,0201). `patient_size` is as stored: metres, or
    centimetres where a scanner got that wrong. `reference_datetime` is a side-car's word on the moment to which the
    image is decay-corrected, `reference_clock` a user's, `allow_uncorrected` a user's wish to take an image without
    attenuation correction. `frames` has one entry for each slice, in the order of the image's last axis, or a single
    one for all. `notes` are warnings from reading the header.
    """

    units: str | None
    decay_correction: str | None
    corrected_image: tuple[str, ...]
    weight_kg: float | None
    dose_bq: float | None
    half_life_s: float | None
    nuclide: str | None
    injection_datetime: datetime | None
    injection_time: time | None
    series_datetime: datetime | None
    frames: tuple[Frame, ...]
    suv_type: str | None = None
    patient_size: float | None = None
    sex: str | None = None
    utc_offset: timedelta | None = None
    manufacturer: str | None = None
    ge_scan_datetime: datetime | None = None
    siemens_decay_datetime: datetime | None = None
    philips_suv_factor: float | None = None
    philips_bqml_factor: float | None = None
    attenuation_method: str | None = None
    reference_datetime: datetime | None = None
    reference_clock: time | None = None
    allow_uncorrected: bool = False
    notes: tuple[str, ...] = ()

    @property
    def earliest(self) -> Frame:
        """The frame that was measured first; of several with one start, the one with the smallest reference time."""
        return min(
            self.frames,
            key=lambda f: (f.acquisition_datetime or datetime.max, f.reference_time_s or 0.0),
        )

    @property
    def acquisition_datetime(self) -> datetime | None:
        """Start of the earliest frame."""
        return self.earliest.acquisition_datetime

    @property
    def frame_duration_s(self) -> float | None:
        """Duration of the earliest frame."""
        return self.earliest.duration_s
