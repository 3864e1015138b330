"""A PET Volume -> a classic DICOM PET series, in the header flavours that scanners write.

Every flavour holds the same SUVbw; they differ in units, in the moment to which voxels are decay-corrected, and in
which header fields tell that moment (clinical.md 1.3). Voxels are 16 bit integers with a rescale slope per slice, so
SUV comes back within half a stored grey level. The flavour GE is after a real Discovery ST: Frame Reference Time
counts from the start of the first bed to the start of a bed, while Decay Factor reaches to the moment of mean activity.

Confessed: beds do not overlap, and only the vendors' fields that bear on SUV are written.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
from pydicom.dataset import Dataset

from netlesion.errors import DicomError, QuantityError, SuvError
from netlesion.image.volume import Quantity, Volume
from netlesion.io.dicom.write.exam import code_item, da, dt, tm
from netlesion.io.dicom.write.series import MOST_STORED, WrittenSeries, ds, right_handed, write_slices
from netlesion.suv import suvbw_factor

if TYPE_CHECKING:
    from pathlib import Path

    from netlesion.image.geometry import Geometry
    from netlesion.image.visit import Acquisition
    from netlesion.io.dicom.write.exam import SyntheticExam

PET_IMAGE = "1.2.840.10008.5.1.4.1.1.128"
#: Bq/ml per stored count of the Philips flavour; any number does, one that is not a power of ten shows mistakes [P].
PHILIPS_BQML_PER_COUNT = 1.7
#: From the decay-correction reference to the first bed, where only a private field tells the reference [P].
PRIVATE_LEAD_S = 45.0
#: From the end of the last bed to the moment at which a later reconstruction wrote over the series time [P].
POST_PROCESSING_S = 1200.0


class PetFlavour(Enum):
    """How a header says what its voxels mean.

    BQML_START, BQML_ADMIN: Bq/ml, decay-corrected to the start of the scan (series time) or to the injection.
    PHILIPS_CNTS: counts; (7053,xx00) turns them into SUVbw, (7053,xx09) into Bq/ml at the start of the scan.
    GE: Bq/ml; series time written over, only (0009,xx0D) tells the reference.
    SIEMENS: Bq/ml; series time written over, (0071,xx22) tells the reference, and Frame Reference Time agrees.
    """

    BQML_START = "bqml-start"
    BQML_ADMIN = "bqml-admin"
    PHILIPS_CNTS = "philips-cnts"
    GE = "ge"
    SIEMENS = "siemens"


@dataclass(frozen=True)
class Radiopharmaceutical:
    """Codes of a tracer (clinical.md 9.1) with the positron fraction of its nuclide (1.2)."""

    text: str
    agent: tuple[str, str, str]
    nuclide: tuple[str, str, str]
    positron_fraction: float


_F18 = (("77004003", "SCT", "^18^Fluorine"), 0.967)
_GA68 = (("35337001", "SCT", "^68^Gallium"), 0.889)
#: BIDS `trc-` label -> what is injected.
RADIOPHARMACEUTICALS = {
    "dotatate": Radiopharmaceutical("Dotatate Ga-68", ("724025002", "SCT", "Dotatate Ga^68^"), *_GA68),
    "dotatoc": Radiopharmaceutical("Edotreotide Ga-68", ("C2713594", "UMLS", "Edotreotide Ga^68^"), *_GA68),
    "fdg": Radiopharmaceutical("Fluorodeoxyglucose F-18", ("35321007", "SCT", "Fluorodeoxyglucose F^18^"), *_F18),
}


@dataclass(frozen=True)
class PetScan:
    """Injection and scan of one PET. start: the decay-correction reference, `uptake_s` after the injection."""

    tracer_label: str
    dose_bq: float
    half_life_s: float
    uptake_s: float
    start: datetime
    frame_duration_s: float = 180.0
    bed_mm: float = 200.0

    def __post_init__(self) -> None:
        if self.tracer_label not in RADIOPHARMACEUTICALS:
            raise DicomError(
                f"no codes for tracer {self.tracer_label!r}; known are {', '.join(sorted(RADIOPHARMACEUTICALS))}"
            )
        for name in ("dose_bq", "half_life_s", "frame_duration_s", "bed_mm"):
            if not getattr(self, name) > 0:
                raise SuvError(f"{name} of a PET to be written is {getattr(self, name)}, expected above 0")

    @classmethod
    def of(cls, acquisition: Acquisition, tracer_label: str, start: datetime) -> PetScan:
        """From the facts of a Scan; raises SuvError where one is missing."""
        facts = {name: getattr(acquisition, name) for name in ("dose_bq", "half_life_s", "uptake_s")}
        missing = [name for name, value in facts.items() if value is None]
        if missing:
            raise SuvError(f"a PET of {tracer_label} cannot be written: its acquisition has no {', '.join(missing)}")
        return cls(tracer_label, start=start, **facts)

    @property
    def injection(self) -> datetime:
        return self.start - timedelta(seconds=self.uptake_s)


def write_pet_series(
    volume: Volume,
    scan: PetScan,
    exam: SyntheticExam,
    folder: str | Path,
    *,
    flavour: PetFlavour = PetFlavour.BQML_START,
    name: str | None = None,
    number: int = 1,
    compress: bool = False,
) -> WrittenSeries:
    """Writes SUVbw, or Bq/ml decay-corrected to `scan.start`, as one series; `name` must be unique in the exam.

    Raises QuantityError for another quantity, SuvError without the exam's weight, OutputError if `folder` exists.
    """
    if exam.weight_kg is None or not exam.weight_kg > 0:
        raise SuvError(f"a PET of {exam.patient_id} cannot be written: the exam has no weight")
    per_bqml = suvbw_factor(exam.weight_kg, scan.dose_bq, scan.half_life_s, scan.uptake_s)
    if volume.quantity not in (Quantity.SUVBW, Quantity.BQML):
        raise QuantityError(f"a PET series holds SUVBW or BQML, not {volume.quantity.name}")
    volume = right_handed(volume)
    values = volume.array.astype(np.float64)
    if volume.quantity is Quantity.SUVBW:
        values /= per_bqml
    if flavour is PetFlavour.BQML_ADMIN:
        values *= per_bqml / suvbw_factor(exam.weight_kg, scan.dose_bq, scan.half_life_s, 0.0)
    elif flavour is PetFlavour.PHILIPS_CNTS:
        values /= PHILIPS_BQML_PER_COUNT
    stored, slopes = _quantised(values)
    beds = _beds(volume.geometry, scan.bed_mm)
    clock = _clock(scan, flavour, num_beds=int(beds.max()) + 1)
    header = _header(scan, exam, flavour, clock, name or f"PET {scan.tracer_label} {flavour.value}", number, beds)
    if flavour is PetFlavour.PHILIPS_CNTS:
        block = header.private_block(0x7053, "Philips PET Private Group", create=True)
        block.add_new(0x00, "DS", ds(per_bqml * PHILIPS_BQML_PER_COUNT))
        block.add_new(0x09, "DS", ds(PHILIPS_BQML_PER_COUNT))
    offset_s = _mean_activity_s(scan.half_life_s, scan.frame_duration_s)
    decay_reference = scan.injection if flavour is PetFlavour.BQML_ADMIN else scan.start

    def per_slice(dataset: Dataset, k: int) -> None:
        acquired = clock.first_bed + timedelta(seconds=scan.frame_duration_s * int(beds[k]))
        corrected_s = (acquired - decay_reference).total_seconds() + offset_s
        if flavour is PetFlavour.GE:
            frame_s = (acquired - clock.first_bed).total_seconds()
        else:
            frame_s = (acquired - scan.start).total_seconds() + offset_s
        dataset.RescaleSlope, dataset.RescaleIntercept = slopes[k], "0"
        dataset.AcquisitionDate, dataset.AcquisitionTime = da(acquired), tm(acquired)
        dataset.ContentDate, dataset.ContentTime = da(acquired), tm(acquired)
        dataset.FrameReferenceTime = ds(round(frame_s * 1000.0, 3))
        dataset.DecayFactor = ds(math.exp(math.log(2.0) / scan.half_life_s * corrected_s))
        dataset.ImageIndex = k + 1

    return write_slices(stored, volume.geometry, header, folder, exam, per_slice, compress=compress)


@dataclass(frozen=True)
class _Clock:
    """series: what Series Time says. first_bed: when its acquisition starts."""

    series: datetime
    first_bed: datetime


def _clock(scan: PetScan, flavour: PetFlavour, num_beds: int) -> _Clock:
    if flavour not in (PetFlavour.GE, PetFlavour.SIEMENS):
        return _Clock(scan.start, scan.start)
    first = scan.start + timedelta(seconds=PRIVATE_LEAD_S)
    return _Clock(first + timedelta(seconds=num_beds * scan.frame_duration_s + POST_PROCESSING_S), first)


def _header(
    scan: PetScan, exam: SyntheticExam, flavour: PetFlavour, clock: _Clock, name: str, number: int, beds: np.ndarray
) -> Dataset:
    header = exam.series_header(PET_IMAGE, "PT", name, number, clock.series)
    header.ImageType = ["ORIGINAL", "PRIMARY"]
    header.Units = "CNTS" if flavour is PetFlavour.PHILIPS_CNTS else "BQML"
    header.DecayCorrection = "ADMIN" if flavour is PetFlavour.BQML_ADMIN else "START"
    header.CorrectedImage = ["DECY", "ATTN", "SCAT", "DTIM", "RAN", "NORM"]
    header.SeriesType = ["WHOLE BODY" if beds.max() > 0 else "STATIC", "IMAGE"]
    header.CountsSource, header.CollimatorType = "EMISSION", "NONE"
    header.ReconstructionMethod = "none: digital phantom"
    header.AttenuationCorrectionMethod = header.ScatterCorrectionMethod = "model-based: digital phantom"
    header.NumberOfSlices = len(beds)
    header.ActualFrameDuration = round(scan.frame_duration_s * 1000.0)
    header.AcquisitionContextSequence = []
    orientation = code_item("102538003", "SCT", "recumbent")
    orientation.PatientOrientationModifierCodeSequence = [code_item("40199007", "SCT", "supine")]
    header.PatientOrientationCodeSequence = [orientation]
    header.PatientGantryRelationshipCodeSequence = [code_item("102540008", "SCT", "headfirst")]
    header.RadiopharmaceuticalInformationSequence = [_injected(scan)]
    if flavour is PetFlavour.GE:
        block = header.private_block(0x0009, "GEMS_PETD_01", create=True)
        for element, moment in ((0x0D, scan.start), (0x39, scan.injection), (0x3B, scan.injection)):
            block.add_new(element, "DT", dt(moment))  # scan, dose measured, dose administered
    elif flavour is PetFlavour.SIEMENS:
        header.private_block(0x0071, "SIEMENS MED PT", create=True).add_new(0x22, "DT", dt(scan.start))
    return header


def _injected(scan: PetScan) -> Dataset:
    agent = RADIOPHARMACEUTICALS[scan.tracer_label]
    item = Dataset()
    item.Radiopharmaceutical = agent.text
    item.RadiopharmaceuticalStartTime = tm(scan.injection)
    item.RadiopharmaceuticalStartDateTime = dt(scan.injection)
    item.RadionuclideTotalDose, item.RadionuclideHalfLife = ds(scan.dose_bq), ds(scan.half_life_s)
    item.RadionuclidePositronFraction = ds(agent.positron_fraction)
    item.RadionuclideCodeSequence = [code_item(*agent.nuclide)]
    item.RadiopharmaceuticalCodeSequence = [code_item(*agent.agent)]
    item.AdministrationRouteCodeSequence = [code_item("47625008", "SCT", "Intravenous route")]
    return item


def _mean_activity_s(half_life_s: float, frame_s: float) -> float:
    """Seconds into a frame at which the activity equals the frame's mean (clinical.md 1.3)."""
    decay = math.log(2.0) / half_life_s
    return math.log(decay * frame_s / -math.expm1(-decay * frame_s)) / decay


def _quantised(values: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """int16 values and the slope of each slice, as it will stand in the header; half a grey level is the error."""
    peaks = np.abs(values).max(axis=(0, 1))
    slopes = [ds(peak / MOST_STORED) if peak > 0 else "1" for peak in peaks]
    return np.rint(values / np.array([float(s) for s in slopes])).astype(np.int16), slopes


def _beds(geometry: Geometry, bed_mm: float) -> np.ndarray:
    """The bed of every slice, counted from the feet, as bodies are scanned to spare the bladder."""
    k = np.arange(geometry.shape[2])
    from_feet = k if geometry.affine_ras[2, 2] >= 0 else k[::-1]
    return np.floor(from_feet * geometry.spacing_mm[2] / bed_mm + 1e-9).astype(int)
