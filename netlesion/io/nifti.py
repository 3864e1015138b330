"""NIfTI files <-> Volume. The only place that imports nibabel.

A NIfTI carries no quantity: the caller says what the numbers mean. Compression goes through isal, which
is several times faster than zlib and writes ordinary gzip.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from netlesion.atomic import atomic_path
from netlesion.errors import CohortError, GeometryError, QuantityError
from netlesion.geometry import Geometry
from netlesion.volume import Quantity, Volume


def read_volume(path: str | Path, quantity: Quantity) -> Volume:
    """Reads a 3D NIfTI (.nii, .nii.gz) as a Volume of the quantity named.

    Singleton fourth axes are dropped. Raises CohortError when the file is missing or not a NIfTI, GeometryError
    when it says nothing of its place in space (neither sform nor qform), QuantityError for complex or colour
    values, NaN, and labels that are not whole; each with the file named.
    """
    import nibabel

    path = Path(path)
    if not path.is_file():
        raise CohortError(f"{path}: no such file")
    try:
        image = nibabel.Nifti1Image.from_bytes(_read_bytes(path))
        _require_real_and_placed(path, image)
        array = np.asarray(image.dataobj)
    except (GeometryError, QuantityError):
        raise
    except Exception as error:  # nibabel raises many kinds for a broken file; each means the same here
        raise CohortError(f"{path}: not a readable NIfTI file ({_first_line(error)})") from error
    while array.ndim > 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 3:
        raise CohortError(f"{path}: shape {array.shape}; expected one 3D image (split a 4D series into its frames)")
    try:
        return Volume(array, Geometry(image.affine, array.shape), quantity)
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
    import nibabel

    path = Path(path)
    if not path.is_file():
        raise CohortError(f"{path}: no such file")
    image = nibabel.Nifti1Image.from_bytes(_read_bytes(path))
    array = np.asarray(image.dataobj, dtype=np.float32)
    if array.ndim != 5 or array.shape[3:] != (1, 3):
        raise CohortError(f"{path}: shape {array.shape}; expected a field of 3-vectors (I, J, K, 1, 3)")
    return array[:, :, :, 0], Geometry(image.affine, array.shape[:3])


def _write_image(path: Path, image, geometry: Geometry) -> None:
    """mm, scanner space, compressed when the name says so, whole or not at all."""
    from isal import igzip

    image.header.set_xyzt_units("mm")
    image.set_sform(geometry.affine_ras, code=1)
    image.set_qform(geometry.affine_ras, code=1)
    payload = image.to_bytes()
    if path.name.endswith(".gz"):
        payload = igzip.compress(payload, compresslevel=1, mtime=0)
    with atomic_path(path) as part:
        part.write_bytes(payload)


def _require_real_and_placed(path: Path, image) -> None:
    kind = image.get_data_dtype().kind
    if kind not in "iuf":
        raise QuantityError(
            f"{path}: holds {'complex' if kind == 'c' else 'colour or structured'} values, expected real numbers; "
            "save the magnitude"
        )
    if int(image.header["sform_code"]) == 0 and int(image.header["qform_code"]) == 0:
        raise GeometryError(
            f"{path}: neither sform nor qform is set, so nobody knows where its voxels are; convert it again from DICOM"
        )


def _read_bytes(path: Path) -> bytes:
    from isal import igzip

    payload = path.read_bytes()
    return igzip.decompress(payload) if payload[:2] == b"\x1f\x8b" else payload


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
