"""An MR Volume -> a classic DICOM MR series with the tags by which an importer tells its contrast.

Sequences and their times follow clinical.md 7.6. Voxels are 16 bit integers with one rescale slope per series (MR has
no scale of its own). Each diffusion weighting and each Dixon image is a series of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from netlesion.errors import QuantityError
from netlesion.image.volume import Quantity, Volume
from netlesion.io.dicom.write.exam import da, tm
from netlesion.io.dicom.write.series import MOST_STORED, WrittenSeries, ds, right_handed, write_slices

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from netlesion.io.dicom.write.exam import SyntheticExam

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"


@dataclass(frozen=True)
class MrProtocol:
    """The header of one contrast; times in ms, flip in degrees, b_value in s/mm2."""

    name: str
    image_type: tuple[str, ...]
    scanning_sequence: tuple[str, ...]
    sequence_variant: tuple[str, ...]
    scan_options: tuple[str, ...]
    acquisition_type: str
    repetition_ms: float
    echo_ms: float
    flip_deg: float
    echo_train: int = 1
    b_value: float | None = None


def _dixon(kind: str, echo_ms: float, origin: str) -> MrProtocol:
    name = f"t1_vibe_dixon_{kind.lower()}"
    return MrProtocol(name, (origin, "PRIMARY", "DIXON", kind), ("GR",), ("SP", "OSP"), (), "3D", 3.6, echo_ms, 10.0)


def _diffusion(b_value: int) -> MrProtocol:
    image_type = ("DERIVED", "PRIMARY", "DIFFUSION", "TRACEW")
    name = f"ep2d_dwi_b{b_value}"
    return MrProtocol(name, image_type, ("SE", "EP"), ("SK",), ("FS",), "2D", 6000.0, 76.0, 90.0, 1, float(b_value))


class MrContrast(Enum):
    """What an MR shows; the value is its protocol."""

    T1 = MrProtocol("t1_vibe_fs", ("ORIGINAL", "PRIMARY", "M"), ("GR",), ("SP", "OSP"), ("FS",), "3D", 4.2, 2.0, 10.0)
    DIXON_IN = _dixon("IN_PHASE", 2.46, "ORIGINAL")
    DIXON_OPP = _dixon("OPP_PHASE", 1.23, "ORIGINAL")
    DIXON_WATER = _dixon("WATER", 1.23, "DERIVED")
    DIXON_FAT = _dixon("FAT", 1.23, "DERIVED")
    T2 = MrProtocol(
        "t2_haste", ("ORIGINAL", "PRIMARY", "M"), ("SE",), ("SK", "SP"), ("PFP",), "2D", 1000.0, 90.0, 150.0, 160
    )
    DWI_B50 = _diffusion(50)
    DWI_B800 = _diffusion(800)


def write_mr_series(
    volume: Volume,
    exam: SyntheticExam,
    folder: str | Path,
    *,
    contrast: MrContrast,
    name: str | None = None,
    number: int = 3,
    when: datetime | None = None,
    compress: bool = False,
) -> WrittenSeries:
    """Writes an MR image as one series, acquired at the start of the exam unless told otherwise.

    Raises QuantityError for another quantity, OutputError if `folder` exists.
    """
    if volume.quantity is not Quantity.MR:
        raise QuantityError(f"an MR series holds MR, not {volume.quantity.name}")
    volume, when = right_handed(volume), exam.start if when is None else when
    protocol = contrast.value
    peak = float(np.abs(volume.array).max())
    slope = ds(peak / MOST_STORED) if peak > 0 else "1"
    stored = np.rint(volume.array.astype(np.float64) / float(slope)).astype(np.int16)
    header = exam.series_header(MR_IMAGE, "MR", name or protocol.name, number, when)
    header.PatientPosition = "HFS"
    header.ProtocolName = protocol.name
    header.ImageType = list(protocol.image_type)
    header.AcquisitionDate = header.ContentDate = da(when)
    header.AcquisitionTime = header.ContentTime = tm(when)
    header.ScanningSequence, header.SequenceVariant = list(protocol.scanning_sequence), list(protocol.sequence_variant)
    header.ScanOptions, header.MRAcquisitionType = list(protocol.scan_options), protocol.acquisition_type
    header.RepetitionTime, header.EchoTime = ds(protocol.repetition_ms), ds(protocol.echo_ms)
    header.FlipAngle, header.EchoTrainLength = ds(protocol.flip_deg), protocol.echo_train
    header.MagneticFieldStrength, header.ImagedNucleus = "3", "1H"
    header.SpacingBetweenSlices = ds(round(volume.geometry.spacing_mm[2], 12))
    header.RescaleIntercept, header.RescaleSlope, header.RescaleType = "0", slope, "US"
    if protocol.b_value is not None:
        header.DiffusionBValue, header.DiffusionDirectionality = protocol.b_value, "ISOTROPIC"
    return write_slices(stored, volume.geometry, header, folder, exam, compress=compress)
