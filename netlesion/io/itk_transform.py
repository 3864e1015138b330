"""A rigid ITK transform file (.tfm, text) -> a (4, 4) matrix between RAS+ millimetres.

ITK writes points in LPS, and a transform that was made to resample an image takes points of the *fixed* image to the
*moving* one. Read here: Euler3DTransform, VersorRigid3DTransform, AffineTransform and MatrixOffsetTransformBase that
are rigid, TranslationTransform (ITK Software Guide, chapter "Registration": transforms; SimpleITK is the oracle of the
tests). Anything else, and anything that scales or mirrors, is refused. Knows nothing about images.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from netlesion.errors import CohortError, GeometryError

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
RIGID_TOLERANCE = 1e-4


def read_rigid_ras(path: str | Path) -> np.ndarray:
    """(4, 4) float64: RAS+ mm of the fixed image -> RAS+ mm of the moving image.

    Raises CohortError when the file is missing or not a transform, GeometryError when it is not rigid.
    """
    path = Path(path)
    if not path.is_file():
        raise CohortError(f"{path}: no such file; expected a rigid ITK transform")
    kind, parameters, fixed = _parse(path)
    try:
        rotation, shift = _rotation_and_shift(kind, parameters)
    except ValueError as error:
        raise CohortError(f"{path}: {kind} with {len(parameters)} parameters cannot be read ({error})") from error
    centre = np.array(fixed[:3] if len(fixed) >= 3 else (0.0, 0.0, 0.0))
    if kind == "Euler3DTransform" and len(fixed) > 3 and fixed[3]:
        rotation = _euler(parameters, zyx=True)
    if np.abs(rotation.T @ rotation - np.eye(3)).max() > RIGID_TOLERANCE or np.linalg.det(rotation) < 0:
        raise GeometryError(f"{path}: the transform scales, shears or mirrors; expected a rigid one")
    lps = np.eye(4)
    lps[:3, :3] = rotation
    lps[:3, 3] = shift + centre - rotation @ centre
    return LPS_FROM_RAS @ lps @ LPS_FROM_RAS


def _parse(path: Path) -> tuple[str, list[float], list[float]]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if not lines or not lines[0].startswith("#Insight Transform File"):
        raise CohortError(f"{path}: not an ITK transform file (its first line is not '#Insight Transform File V1.0')")
    found: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if not line.startswith("#") and value:
            found.setdefault(name.strip(), []).append(value.strip())
    if len(found.get("Transform", ())) != 1 or "Parameters" not in found:
        raise CohortError(f"{path}: holds {len(found.get('Transform', ()))} transforms, expected one with Parameters")
    try:
        parameters = [float(v) for v in found["Parameters"][0].split()]
        fixed = [float(v) for v in found.get("FixedParameters", [""])[0].split()]
    except ValueError as error:
        raise CohortError(f"{path}: its parameters are not numbers ({error})") from error
    return found["Transform"][0].split("_")[0], parameters, fixed


def _rotation_and_shift(kind: str, p: list[float]) -> tuple[np.ndarray, np.ndarray]:
    if kind == "Euler3DTransform" and len(p) == 6:
        return _euler(p, zyx=False), np.array(p[3:])
    if kind == "VersorRigid3DTransform" and len(p) == 6:
        return _versor(p), np.array(p[3:])
    if kind in ("AffineTransform", "MatrixOffsetTransformBase") and len(p) == 12:
        return np.array(p[:9]).reshape(3, 3), np.array(p[9:])
    if kind == "TranslationTransform" and len(p) == 3:
        return np.eye(3), np.array(p)
    raise ValueError(
        "known are Euler3D and VersorRigid3D with 6, Affine and MatrixOffsetTransformBase with 12, Translation with 3"
    )


def _euler(p: list[float], zyx: bool) -> np.ndarray:
    """ITK's order is Rz Rx Ry, or Rz Ry Rx when ComputeZYX is set."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(p[:3]), np.sin(p[:3])
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x if zyx else about_z @ about_x @ about_y


def _versor(p: list[float]) -> np.ndarray:
    """The rotation of a unit quaternion whose vector part is given."""
    x, y, z = p[:3]
    w = np.sqrt(max(0.0, 1.0 - x * x - y * y - z * z))
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
