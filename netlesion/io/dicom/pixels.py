"""Pixel data -> numbers: one frame at a time, with its own rescale slope and intercept.

Sizes are checked before anything is decoded, so that a header that lies costs no memory. Compressed transfer
syntaxes are decoded by pydicom, else by SimpleITK; what both lack is named with its remedy. Knows nothing
about geometry.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import UID

from netlesion.errors import DicomError
from netlesion.io.dicom.bits import bit_layout, in_stored_bits, padding
from netlesion.io.dicom.file import (
    integer_of,
    require_size,
    text_of,
    transfer_syntax,
    transfer_syntax_is_compressed,
)
from netlesion.io.dicom.itk_frames import SYNTAXES, itk_frames
from netlesion.io.dicom.value_ranges import VALUE_RANGES, map_by_range

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pydicom.dataset import Dataset

#: What reads a compressed syntax that neither pydicom with Pillow nor SimpleITK does: high-throughput JPEG 2000.
REMEDY = {f"1.2.840.10008.1.2.4.{n}": "pip install pylibjpeg pylibjpeg-openjpeg" for n in (201, 202, 203)}


def undecodable(syntax: str | None) -> str | None:
    """Why the pixels of a transfer syntax cannot be decoded here, with the remedy; None when they can."""
    if syntax is None or syntax in SYNTAXES:
        return None
    name = UID(syntax).name
    remedy = REMEDY.get(syntax, "export the series uncompressed (Explicit VR Little Endian)")
    try:
        return (
            None if get_decoder(UID(syntax)).is_available else f"compressed as {name}, which is not readable: {remedy}"
        )
    except NotImplementedError:
        return f"transfer syntax {name} is not readable: {remedy}"


def frames_of(path: Path, dataset: Dataset, wanted: Sequence[int] | None = None) -> Iterator[np.ndarray]:
    """The stored values, (rows, columns), of every frame in stored order, or of the frames numbered `wanted` (from 0).

    Raises DicomError, naming the file, for colour, sizes beyond reason, and whatever the decoder refuses.
    """
    _require_reasonable(path, dataset)
    if wanted is not None and not wanted:
        return
    if integer_of(dataset, "BitsAllocated") == 1 and not transfer_syntax_is_compressed(dataset):
        yield from _bits(dataset, wanted)
        return
    layout = bit_layout(path, dataset)
    try:
        for frame in _decoded(dataset, wanted):
            yield in_stored_bits(path, frame, layout)
    except DicomError:
        raise
    except Exception as error:  # pydicom and its decoders raise many kinds; each means the same here
        reason = undecodable(transfer_syntax(dataset))
        reason = reason or f"pixel data cannot be decoded ({type(error).__name__}); restore the file"
        raise DicomError(f"{path}: {reason}") from error


def _decoded(dataset: Dataset, wanted: Sequence[int] | None) -> Iterator[np.ndarray]:
    """Frames by pydicom, or by SimpleITK where pydicom has no decoder or its decoder refuses the first one."""
    syntax, first = transfer_syntax(dataset), None
    try:
        frames = iter_pixels(dataset, raw=True, indices=wanted, correct_unused_bits=False)
        first = _next_quietly(frames)
    except Exception:
        if syntax not in SYNTAXES:
            raise
        yield from itk_frames(dataset, wanted)
        return
    while first is not None:
        yield first
        first = _next_quietly(frames)


def _bits(dataset: Dataset, wanted: Sequence[int] | None) -> Iterator[np.ndarray]:
    """Frames of one bit a pixel, packed without a gap between frames, lowest bit first (PS3.5 8.1.1).

    pydicom reads a single frame only where it begins on a byte.
    """
    rows, columns = integer_of(dataset, "Rows"), integer_of(dataset, "Columns")
    assert rows is not None, "_require_reasonable has seen to it"
    assert columns is not None
    size = rows * columns
    payload = np.frombuffer(dataset.PixelData, dtype=np.uint8)
    frames = integer_of(dataset, "NumberOfFrames")
    for n in range(1 if frames is None else frames) if wanted is None else wanted:
        first, skip = divmod(n * size, 8)
        bits = np.unpackbits(payload[first : first + (skip + size + 7) // 8], bitorder="little")
        yield bits[skip : skip + size].reshape(rows, columns)


def _next_quietly(frames: Iterator[np.ndarray]) -> np.ndarray | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return next(frames, None)


def rescaled(
    path: Path, frame: np.ndarray, header: Dataset, required: bool, outside: float | None = None
) -> np.ndarray:
    """Stored values times slope plus intercept as float32; `required`: a header without them is refused.

    outside: what padding (0028,0120) becomes, in the unit of the result; None for padding that stays as it is. Where
    the header maps stored values by ranges (`io.dicom.multiframe`), each range has a slope of its own.
    """
    slope, intercept = _finite(path, header, "RescaleSlope"), _finite(path, header, "RescaleIntercept")
    if "ModalityLUTSequence" in header:
        raise DicomError(f"{path}: values go through a Modality LUT (0028,3000), which is not handled; export without")
    if required and (slope is None or intercept is None):
        raise DicomError(
            f"{path}: Rescale Slope (0028,1053) or Intercept (0028,1052) is missing; its values have no unit"
        )
    slope = 1.0 if slope is None else slope
    if slope == 0:
        raise DicomError(f"{path}: Rescale Slope (0028,1053) is 0; restore the file from its source")
    padded = padding(frame, header) if outside is not None else None
    maps = getattr(header, VALUE_RANGES, ())
    if maps:
        values = map_by_range(path, frame, maps, padded)
    else:
        values = frame.astype(np.float64) * slope + (0.0 if intercept is None else intercept)
    if padded is not None:
        values[padded] = outside
    return values.astype(np.float32)


def _require_reasonable(path: Path, dataset: Dataset) -> None:
    if integer_of(dataset, "SamplesPerPixel") not in (None, 1):
        raise DicomError(f"{path}: a colour image; expected grey values")
    found = len(dataset.PixelData) if "PixelData" in dataset else 0
    if found == 0:
        raise DicomError(f"{path}: no pixel data, the file is truncated; restore it from its source")
    require_size(path, dataset, found, transfer_syntax_is_compressed(dataset))


def _finite(path: Path, header: Dataset, name: str) -> float | None:
    text = text_of(header, name)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DicomError(f"{path}: {name} is not a finite number; restore the file from its source")
    return value
