"""NIfTI files <-> Volume. The only place that imports nibabel.

A NIfTI carries no quantity: the caller says what the numbers mean. Compression goes through isal, which
is several times faster than zlib and writes ordinary gzip.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import numpy as np

from netlesion.atomic import atomic_path
from netlesion.errors import CohortError, GeometryError, QuantityError
from netlesion.geometry import Geometry
from netlesion.volume import Quantity, Volume

HEADER_BYTES = 348
#: Bytes that isal is given at a time: what they become stays in the processor's cache while it is copied.
CHUNK_BYTES = 1 << 18


def read_volume(path: str | Path, quantity: Quantity) -> Volume:
    """Reads a 3D NIfTI (.nii, .nii.gz) as a Volume of the quantity named.

    Singleton fourth axes are dropped. Raises CohortError when the file is missing or not a NIfTI, GeometryError
    when it says nothing of its place in space (neither sform nor qform), QuantityError for complex or colour
    values, NaN, and labels that are not whole; each with the file named.
    """
    path = Path(path)
    if not path.is_file():
        raise CohortError(f"{path}: no such file")
    try:
        payload = _read_payload(path)
        header = _header(payload)
        _require_real_and_placed(path, header)
        array = _voxels(header, payload, quantity)
    except (GeometryError, QuantityError):
        raise
    except Exception as error:  # nibabel raises many kinds for a broken file; each means the same here
        raise CohortError(f"{path}: not a readable NIfTI file ({_first_line(error)})") from error
    while array.ndim > 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 3:
        raise CohortError(f"{path}: shape {array.shape}; expected one 3D image (split a 4D series into its frames)")
    try:
        return Volume(array, Geometry(header.get_best_affine(), array.shape), quantity)
    except (GeometryError, QuantityError) as error:
        raise type(error)(f"{path}: {error}") from error


def write_volume(path: str | Path, volume: Volume) -> None:
    """Writes a Volume as NIfTI, whole or not at all; float32, labels in their own integer type.

    The affine is stored as sform with code 1 (scanner) and units mm.
    """
    import nibabel

    path = Path(path)
    _write_image(path, nibabel.Nifti1Image(volume.array, volume.geometry.affine_ras), volume.geometry)


def write_field(path: str | Path, vectors_IJK3: np.ndarray, geometry: Geometry) -> None:
    """Writes a displacement field, mm in RAS+, as a five-dimensional NIfTI of vectors (intent 1007), float32."""
    import nibabel

    image = nibabel.Nifti1Image(np.asarray(vectors_IJK3, dtype=np.float32)[:, :, :, None, :], geometry.affine_ras)
    image.header.set_intent("vector")
    _write_image(Path(path), image, geometry)


def read_field(path: str | Path) -> tuple[np.ndarray, Geometry]:
    """What `write_field` wrote: vectors (I, J, K, 3) and their grid. Raises CohortError for anything else."""
    path = Path(path)
    if not path.is_file():
        raise CohortError(f"{path}: no such file")
    payload = _read_payload(path)
    header = _header(payload)
    array = _voxels(header, payload, Quantity.MR).astype(np.float32, copy=False)
    if array.ndim != 5 or array.shape[3:] != (1, 3):
        raise CohortError(f"{path}: shape {array.shape}; expected a field of 3-vectors (I, J, K, 1, 3)")
    return array[:, :, :, 0], Geometry(header.get_best_affine(), array.shape[:3])


def _write_image(path: Path, image, geometry: Geometry) -> None:
    """mm, scanner space, compressed when the name says so, whole or not at all."""
    from isal import isal_zlib

    image.header.set_xyzt_units("mm")
    image.set_sform(geometry.affine_ras, code=1)
    image.set_qform(geometry.affine_ras, code=1)
    header = image.header
    header["vox_offset"], header["scl_slope"], header["scl_inter"] = header.single_vox_offset, 1.0, 0.0
    no_extension = bytes(header.single_vox_offset - HEADER_BYTES)
    voxels = np.ascontiguousarray(image.dataobj.T).reshape(-1).view(np.uint8)  # as in the file, first axis fastest
    with atomic_path(path) as part, part.open("wb") as file:
        if not path.name.endswith(".gz"):
            file.write(header.binaryblock + no_extension)
            file.write(voxels)
            return
        deflate = isal_zlib.compressobj(level=1, wbits=31)
        file.write(deflate.compress(header.binaryblock + no_extension))
        for first in range(0, len(voxels), CHUNK_BYTES):
            file.write(deflate.compress(voxels[first : first + CHUNK_BYTES]))
        file.write(deflate.flush())


def _header(payload: np.ndarray):
    """The header of a file of one part; what follows it is not looked at."""
    import nibabel

    header = nibabel.Nifti1Header(payload[:HEADER_BYTES].tobytes())
    if header["magic"].item() != header.single_magic:
        raise ValueError("header and voxels in two files")
    return header


def _require_real_and_placed(path: Path, header) -> None:
    kind = header.get_data_dtype().kind
    if kind not in "iuf":
        raise QuantityError(
            f"{path}: holds {'complex' if kind == 'c' else 'colour or structured'} values, expected real numbers; "
            "save the magnitude"
        )
    if int(header["sform_code"]) == 0 and int(header["qform_code"]) == 0:
        raise GeometryError(
            f"{path}: neither sform nor qform is set, so nobody knows where its voxels are; convert it again from DICOM"
        )


def _voxels(header, payload: np.ndarray, quantity: Quantity) -> np.ndarray:
    """The voxels where they lie in the payload; a scaled image anew, float32, plane by plane."""
    stored = np.ndarray(header.get_data_shape(), header.get_data_dtype(), payload, header.get_data_offset(), order="F")
    slope, inter = header.get_slope_inter()
    if slope is None or (slope, inter) == (1.0, 0.0):
        return stored
    if quantity is Quantity.LABEL:
        return stored * np.float64(slope) + np.float64(inter)
    scaled = np.empty(stored.shape, dtype=np.float32, order="F")
    for plane, out in zip(stored.T, scaled.T, strict=True):
        out[...] = plane * np.float64(slope) + np.float64(inter)
    return scaled


def _read_payload(path: Path) -> np.ndarray:
    """The bytes of a file, decompressed, as (n,) uint8."""
    from isal import igzip

    with path.open("rb") as file:
        if file.read(2) != b"\x1f\x8b":
            return np.fromfile(path, dtype=np.uint8)
        whole = _one_member(file)
    return np.frombuffer(igzip.decompress(path.read_bytes()), dtype=np.uint8) if whole is None else whole


def _one_member(file: BinaryIO) -> np.ndarray | None:
    """What a gzip file holds, in memory of the size that its last four bytes name; None where that is not what comes
    out, as with several members or a file cut off.
    """
    from isal import isal_zlib

    file.seek(-4, os.SEEK_END)
    whole = np.empty(int.from_bytes(file.read(4), "little"), dtype=np.uint8)
    file.seek(0)
    inflate, end = isal_zlib.decompressobj(wbits=31), 0
    while chunk := file.read(CHUNK_BYTES):
        piece = inflate.decompress(chunk)
        if end + len(piece) > len(whole):
            return None
        whole[end : end + len(piece)] = np.frombuffer(piece, dtype=np.uint8)
        end += len(piece)
    return whole if inflate.eof and not inflate.unused_data and end == len(whole) else None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
