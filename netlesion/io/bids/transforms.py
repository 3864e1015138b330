"""Stored transforms of a cohort: <cohort>/derivatives/netlesion/sub-X/sub-X_from-A_to-B_mode-image_xfm.json.

A and B name frames: `ses02` is the world of that session's PET, `ses02ct` that of its CT (`ses02mrt1`, ...). The JSON
says what moved where, by which method and how well; a rigid transform is its 4 x 4 matrix, a deformable one a field in
the NIfTI of the same name. A point p of B (mm, RAS+) lies at T(p) in A. Read and written here alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netlesion.errors import CohortError, GeometryError
from netlesion.image.transform import DisplacementField, RigidTransform, Transform
from netlesion.io.nifti import read_field, write_field
from netlesion.output.atomic import write_json

SUFFIX = "_mode-image_xfm.json"
MEANING = "A point p of To (mm, RAS+) lies at T(p) in From; sampling From there lays it over To"


@dataclass(frozen=True)
class TransformFacts:
    """How a transform came about and how good it is.

    method: rigid or deformable, and through which images. metric_before, metric_after: mutual information in bits of
    the two images under the headers alone and under the transform. inverse_consistency_mm: how far there-and-back ends
    from where it began, median over the trunk. overlap: fraction of the trunk inside the moving image.
    """

    method: str
    metric_before: float
    metric_after: float
    inverse_consistency_mm: float
    overlap: float
    metric: str = "mutual information, bits"


def frame_name(session: str, channel: str | None = None) -> str:
    """`ses02`, or `ses02mrt1` for an image with a place of its own."""
    return "ses" + session.removeprefix("ses-") + ("" if channel is None else channel.replace("_", ""))


def transform_path(derivatives: Path, subject: str, moving: str, fixed: str) -> Path:
    """Where the transform that lays `moving` over `fixed` is kept; subject without `sub-`."""
    return Path(derivatives, f"sub-{subject}", f"sub-{subject}_from-{moving}_to-{fixed}{SUFFIX}")


def write_transform(path: Path, moving: str, fixed: str, transform: Transform, facts: TransformFacts) -> None:
    """The field first, then the JSON, so that a JSON never stands without its field."""
    field_path = _field_path(path)
    record: dict[str, Any] = {"From": moving, "To": fixed, "Description": MEANING, "Units": "mm"}
    if isinstance(transform, RigidTransform):
        record |= {"Type": "rigid", "Matrix": transform.matrix.tolist()}
    else:
        write_field(field_path, transform.vectors, transform.geometry)
        record |= {"Type": "field", "Field": field_path.name}
    write_json(path, record | {"Quality": asdict(facts)})
    if isinstance(transform, RigidTransform):
        field_path.unlink(missing_ok=True)


def remove_transform(path: Path) -> None:
    """Takes a stored transform away, JSON first."""
    path.unlink(missing_ok=True)
    _field_path(path).unlink(missing_ok=True)


def read_transform(path: Path) -> Transform:
    """What `write_transform` kept; raises CohortError for a file that is missing, broken or not rigid."""
    record = read_record(path)
    try:
        if record["Type"] == "rigid":
            return RigidTransform(np.array(record["Matrix"], dtype=np.float64))
        if record["Type"] == "field":
            return DisplacementField(*read_field(path.with_name(record["Field"])))
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, (CohortError, GeometryError)):
            raise CohortError(f"{path}: {error}") from error
        raise CohortError(
            f"{path}: not a stored transform ({error!r}); make it anew with netlesion register"
        ) from error
    raise CohortError(
        f"{path}: Type is {record['Type']!r}, expected rigid or field; make it anew with netlesion register"
    )


def read_record(path: Path) -> Mapping[str, Any]:
    """The JSON of a stored transform."""
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise CohortError(f"{path}: cannot be read ({error.strerror}); make it with netlesion register") from error
    except ValueError as error:
        raise CohortError(f"{path}: not valid JSON ({error}); make it anew with netlesion register") from error
    if not isinstance(record, dict):
        raise CohortError(f"{path}: expected a JSON object; make it anew with netlesion register")
    return record


def _field_path(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".json") + ".nii.gz")
