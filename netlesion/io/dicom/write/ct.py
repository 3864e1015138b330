"""A CT Volume in HU -> a classic DICOM CT series of signed 16 bit integers, rounded to whole HU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netlesion.errors import QuantityError
from netlesion.image.volume import Quantity, Volume
from netlesion.io.dicom.write.exam import da, tm
from netlesion.io.dicom.write.series import MOST_STORED, WrittenSeries, right_handed, write_slices

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from netlesion.io.dicom.write.exam import SyntheticExam

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
#: HU of a stored 0, as most scanners have it.
INTERCEPT_HU = -1024


def write_ct_series(
    volume: Volume,
    exam: SyntheticExam,
    folder: str | Path,
    *,
    name: str = "CT",
    number: int = 2,
    when: datetime | None = None,
    compress: bool = False,
) -> WrittenSeries:
    """Writes HU as one series, acquired at the start of the exam unless told otherwise.

    Raises QuantityError for another quantity or HU beyond 16 bit, OutputError if `folder` exists.
    """
    if volume.quantity is not Quantity.HU:
        raise QuantityError(f"a CT series holds HU, not {volume.quantity.name}")
    volume, when = right_handed(volume), exam.start if when is None else when
    stored = np.rint(volume.array) - INTERCEPT_HU
    if stored.min() < -MOST_STORED or stored.max() > MOST_STORED:
        raise QuantityError(
            f"HU from {volume.array.min():g} to {volume.array.max():g} do not fit 16 bit with intercept {INTERCEPT_HU}"
        )
    header = exam.series_header(CT_IMAGE, "CT", name, number, when)
    header.PatientPosition = "HFS"
    header.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    header.AcquisitionDate = header.ContentDate = da(when)
    header.AcquisitionTime = header.ContentTime = tm(when)
    header.AcquisitionNumber, header.KVP = 1, ""
    header.RescaleIntercept, header.RescaleSlope, header.RescaleType = str(INTERCEPT_HU), "1", "HU"
    header.WindowCenter, header.WindowWidth = "40", "400"
    return write_slices(stored.astype(np.int16), volume.geometry, header, folder, exam, compress=compress)
