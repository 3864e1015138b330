"""A stack of stored integers and a header -> one file per slice, in a folder that appears whole or not at all.

Geometry is exact: I runs along a row, J down a column, and K along their cross product, because DICOM readers order
slices so. A left-handed grid is therefore written with K reversed: every voxel stays where it is in space.
Knows nothing about what the numbers mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless
from pydicom.valuerep import format_number_as_ds

from netlesion.image.geometry import Geometry
from netlesion.io.dicom.series import LPS_TO_RAS
from netlesion.io.dicom.write.exam import COMMENT, UID_NAMESPACE
from netlesion.output.atomic import atomic_folder
from netlesion.output.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from netlesion.image.volume import Volume
    from netlesion.io.dicom.write.exam import SyntheticExam

#: Largest stored integer, and the negative of the smallest that is used.
MOST_STORED = 32767


@dataclass(frozen=True, eq=False)
class WrittenSeries:
    """One image series on disk; instance_uids and files run along K of `geometry`, which is right-handed."""

    folder: Path
    series_uid: str
    sop_class: str
    instance_uids: tuple[str, ...]
    files: tuple[Path, ...]
    geometry: Geometry


def right_handed(volume: Volume) -> Volume:
    """The same voxels at the same places, K reversed if need be so that K runs along I x J."""
    affine = volume.geometry.affine_ras
    if np.linalg.det(affine[:3, :3]) > 0:
        return volume
    last = volume.geometry.shape[2] - 1
    flipped = affine.copy()
    flipped[:3, 3] = affine[:3, 3] + last * affine[:3, 2]
    flipped[:3, 2] = -affine[:3, 2]
    return type(volume)(volume.array[:, :, ::-1], Geometry(flipped, volume.geometry.shape), volume.quantity)


def write_slices(
    stored_IJK: np.ndarray,
    geometry: Geometry,
    header: Dataset,
    folder: str | Path,
    exam: SyntheticExam,
    per_slice: Callable[[Dataset, int], None] = lambda dataset, k: None,
    *,
    compress: bool = False,
) -> WrittenSeries:
    """Writes int16 values on a right-handed grid; `per_slice` sets what differs from slice to slice.

    compress: RLE Lossless instead of plain Explicit VR Little Endian. Raises OutputError for a folder that exists.
    """
    folder = Path(folder)
    set_plane(header, geometry)
    header.ImageComments, header.BodyPartExamined = COMMENT, "WHOLEBODY"
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.Rows, header.Columns = geometry.shape[1], geometry.shape[0]
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 16, 15, 1
    uids, names = [], [f"{k + 1:04d}.dcm" for k in range(geometry.shape[2])]
    positions = slice_positions(geometry)
    with atomic_folder(folder) as part:
        for k, name in enumerate(names):
            uids.append(exam.uid("series", header.SeriesDescription, k))
            header.InstanceNumber = k + 1
            header.ImagePositionPatient = positions[k]
            per_slice(header, k)
            header.add_new("PixelData", "OW", np.ascontiguousarray(stored_IJK[:, :, k].T, dtype="<i2").tobytes())
            save(header, part / name, uids[-1], compress=compress)
    files = tuple(folder / name for name in names)
    return WrittenSeries(folder, header.SeriesInstanceUID, header.SOPClassUID, tuple(uids), files, geometry)


def save(dataset: Dataset, path: Path, instance_uid: str, *, compress: bool = False, explicit: bool = True) -> None:
    """Writes one object with its File Meta Information; no date and no library's name goes into it."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, UID(instance_uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if explicit else ImplicitVRLittleEndian
    meta.ImplementationClassUID = UID(f"2.25.{UID_NAMESPACE.int}")
    meta.ImplementationVersionName = f"NETLESION_{__version__}"[:16]
    dataset.SOPInstanceUID, dataset.file_meta = instance_uid, meta
    if compress:
        dataset.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    dataset.save_as(path, enforce_file_format=True)


def set_plane(dataset: Dataset, geometry: Geometry) -> None:
    """Orientation and spacing of a grid's slices, as in the Image Plane module."""
    i_mm, j_mm, k_mm = geometry.spacing_mm
    axes_lps = (LPS_TO_RAS @ geometry.affine_ras)[:3, :2] / (i_mm, j_mm)
    dataset.ImageOrientationPatient = [_clean(v) for v in axes_lps.T.ravel()]
    dataset.PixelSpacing = [_clean(j_mm), _clean(i_mm)]
    dataset.SliceThickness = _clean(k_mm)


def slice_positions(geometry: Geometry) -> list[list[str]]:
    """Image Position (Patient) of every slice along K: the centre of voxel (0, 0, k) in LPS mm."""
    index = np.zeros((geometry.shape[2], 3))
    index[:, 2] = np.arange(geometry.shape[2])
    return [[_clean(v) for v in point] for point in geometry.to_world(index) @ LPS_TO_RAS[:3, :3].T]


def ds(value: float) -> str:
    """A number as a Decimal String of at most 16 characters."""
    return format_number_as_ds(float(value))


def _clean(value: float) -> str:
    """A length in mm or a direction cosine, free of noise below 1e-12."""
    return ds(round(float(value), 12) + 0.0)
