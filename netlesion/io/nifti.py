"""NIfTI files <-> Volume. The only place that imports nibabel.

A NIfTI carries no quantity: the caller says what the numbers mean. Compression goes through isal, which
is several times faster than zlib and writes ordinary gzip.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain, product
from pathlib import Path
from typing import BinaryIO

import numpy as np

from netlesion.errors import CohortError, GeometryError, NetlesionError, QuantityError, say
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.files import is_there, require_content
from netlesion.output.atomic import atomic_path
from netlesion.output.memory import require_memory

HEADER_BYTES = 348
#: What `xyzt_units` says of the affine's lengths; 0, unknown, is taken for mm.
MM_OF_UNIT = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
#: The smallest and the largest voxel (mm) of a patient's image; beyond it the unit is wrong [P].
VOXEL_MM = (0.01, 100.0)
#: sform and qform that lie farther apart are told [P].
FORMS_AGREE_VOXELS = 0.1
#: Bytes that isal is given at a time: what they become stays in the processor's cache while it is copied.
CHUNK_BYTES = 1 << 18
PIECE_BYTES = 8 * CHUNK_BYTES
#: More than deflate can gain, and what may follow the last voxel: some programs fill up a block.
LARGEST_INFLATION = 1100
TRAILING_BYTES = 1 << 16


def read_volume(path: str | Path, quantity: Quantity) -> Volume:
    """Reads a 3D NIfTI (.nii, .nii.gz).

    Singleton fourth axes are dropped; metres and microns become mm. Warns where sform and qform disagree; the sform is
    used.

    Args:
        path: The file.
        quantity: What its numbers mean: a NIfTI does not say.

    Returns:
        The volume (I, J, K), its affine in RAS+ mm.

    Raises:
        CohortError: if the file is missing, not fetched, or not a NIfTI.
        GeometryError: if it says nothing of its place in space (neither sform nor qform) or has voxels of no
            patient's size.
        QuantityError: for complex or colour values, NaN, and labels that are not whole.

    Example:
        >>> nl.read_volume("pet_suv.nii.gz", nl.Quantity.SUVBW).geometry.shape
        (9, 7, 5)
    """
    path = Path(path)
    if not is_there(path):
        raise CohortError(f"{path}: no such file")
    try:
        payload = _read_payload(path)
        header = _header(payload)
        _require_real_and_placed(path, header)
        array = _voxels(header, payload, quantity)
    except NetlesionError:
        raise
    except Exception as error:  # nibabel raises many kinds for a broken file; each means the same here
        raise CohortError(f"{path}: not a readable NIfTI file ({_first_line(error)})") from error
    while array.ndim > 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 3:
        raise CohortError(f"{path}: shape {array.shape}; expected one 3D image (split a 4D series into its frames)")
    try:
        return Volume(array, _geometry(path, header, array.shape), quantity)
    except (GeometryError, QuantityError) as error:
        raise type(error)(f"{path}: {error}") from error


def write_volume(path: str | Path, volume: Volume) -> None:
    """Writes a Volume as NIfTI, whole or not at all; float32, labels in their own integer type.

    The affine is stored as sform and qform with code 1 (scanner) and units mm.

    Args:
        path: The file, .nii or .nii.gz (compressed).
        volume: What to write.

    Raises:
        OutputError: if it cannot be written; nothing half-written is left.

    Example:
        >>> mask = nl.read_volume("mask.nii.gz", nl.Quantity.LABEL)
        >>> nl.write_volume("copy.nii.gz", mask)
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
    try:
        return array[:, :, :, 0], _geometry(path, header, array.shape[:3])
    except GeometryError as error:
        raise GeometryError(f"{path}: {error}") from error


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
            file.write(voxels.data)
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


def _geometry(path: Path, header, shape: tuple[int, ...]) -> Geometry:
    """The grid in mm; GeometryError for a unit that does not exist, or voxels that no patient's image has."""
    unit = int(header["xyzt_units"]) & 7
    if unit not in MM_OF_UNIT:
        raise GeometryError(f"xyzt_units names unit {unit}, expected 1 (m), 2 (mm) or 3 (micron); correct it")
    affine = header.get_best_affine()
    affine[:3] *= MM_OF_UNIT[unit]
    i, j, k = shape
    geometry = Geometry(affine, (i, j, k))
    low, high = VOXEL_MM
    if not low <= min(geometry.spacing_mm) <= max(geometry.spacing_mm) <= high:
        sizes = " x ".join(f"{s:.3g}" for s in geometry.spacing_mm)
        raise GeometryError(
            f"voxels of {sizes} mm (xyzt_units {unit}), expected {low:g} to {high:g} mm; correct its affine or its unit"
        )
    _say_where_forms_disagree(path, header, shape)
    return geometry


def _say_where_forms_disagree(path: Path, header, shape: tuple[int, ...]) -> None:
    if int(header["sform_code"]) == 0 or int(header["qform_code"]) == 0:
        return
    corners = np.array([(*corner, 1.0) for corner in product(*((0, n - 1) for n in shape))])
    sform = header.get_sform()
    try:
        qform = header.get_qform()
    except Exception:  # a quaternion that is none says nothing
        return
    voxels = np.abs(np.linalg.solve(sform, (qform - sform) @ corners.T)).max()
    if voxels > FORMS_AGREE_VOXELS:
        say(f"{path}: its qform and sform lie {voxels:.1f} voxels apart; the sform is used, other programs may differ")


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
    """The bytes of a file that its header promises, decompressed, as (n,) uint8; no more is inflated or read.

    Raises ValueError for a file that holds less, or much more, and for a promise that it cannot keep.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        pieces = _inflated(file) if packed else iter(lambda: file.read(CHUNK_BYTES), b"")
        head = b""
        while len(head) < HEADER_BYTES and (piece := next(pieces, b"")):
            head += piece
        require_content(path, head[:64])
        promised = _promised_bytes(head)
        if promised > (LARGEST_INFLATION if packed else 1) * size:
            raise ValueError(f"its header promises {promised} bytes, which {size} bytes cannot hold; is it cut off?")
        require_memory(promised, str(path), "crop it, or save it with a coarser spacing")
        whole, end = np.empty(promised, dtype=np.uint8), 0
        for piece in chain([head], pieces):
            if end + len(piece) > promised + TRAILING_BYTES:
                raise ValueError(f"holds more than the {promised} bytes that its header promises")
            kept = piece[: max(promised - end, 0)]
            whole[end : end + len(kept)] = np.frombuffer(kept, dtype=np.uint8)
            end += len(piece)
    if end < promised:
        raise ValueError(f"holds {end} of the {promised} bytes that its header promises; is it cut off?")
    return whole


def _promised_bytes(head: bytes) -> int:
    """How many bytes a file has by its header: up to its last voxel."""
    header = _header(np.frombuffer(head[:HEADER_BYTES], dtype=np.uint8))
    shape, offset = header.get_data_shape(), int(header.get_data_offset())
    if offset < HEADER_BYTES or min(shape, default=0) < 1:
        raise ValueError(f"shape {shape} at byte {offset}, expected voxels behind the header")
    return offset + math.prod(shape) * header.get_data_dtype().itemsize


def _inflated(file: BinaryIO) -> Iterator[bytes]:
    """What a gzip file of one or several members holds, in pieces of at most CHUNK_BYTES * 8.

    Zeros between and behind members are passed over, as gzip does. Raises ValueError where a member is cut off or
    something else follows.
    """
    from isal import isal_zlib

    inflate, held, zeros = isal_zlib.decompressobj(wbits=31), b"", 0
    while True:
        held = held or file.read(CHUNK_BYTES)
        at_end = not held
        if inflate.eof:
            rest = held.lstrip(b"\0")
            zeros += len(held) - len(rest)
            if zeros > TRAILING_BYTES:
                raise ValueError(f"more than {TRAILING_BYTES} zeros follow its compressed data")
            if at_end:
                return
            if not (held := rest):
                continue
            inflate = isal_zlib.decompressobj(wbits=31)
        piece = inflate.decompress(held, PIECE_BYTES)
        held = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
        if piece:
            yield piece
        elif at_end and not inflate.eof:
            raise ValueError("its compressed data are cut off")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
