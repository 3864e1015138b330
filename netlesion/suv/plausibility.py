"""Whether a SUV image looks like one: no voxel beyond the largest SUV, a body mean near 1 (clinical.md 1.5).

Takes voxels, knows nothing about headers; a refusal or a warning, never a correction.
"""

from __future__ import annotations

import numpy as np

from netlesion.errors import QuantityError

#: No tissue reaches this SUV; a larger one has a wrong dose, weight or unit behind it [P].
LARGEST_SUV = 2500.0

#: A voxel with at least this SUVbw belongs to the body, for this check alone [P].
BODY_SUV = 0.1
#: Body-mean SUVbw outside these bounds is unusual [P].
BODY_MEAN_SUV = (0.3, 1.2)


def body_mean_suvbw(suvbw: np.ndarray) -> float | None:
    """Mean SUVbw over the voxels of the body, g/ml; None where the image shows none."""
    body = suvbw[suvbw >= BODY_SUV]
    return float(body.mean(dtype=np.float64)) if body.size else None


def body_mean_warning(mean: float | None) -> str | None:
    """One line where the mean is not that of a body, else None."""
    low, high = BODY_MEAN_SUV
    if mean is not None and low <= mean <= high:
        return None
    found = f"no voxel reaches SUVbw {BODY_SUV:g}" if mean is None else f"mean SUVbw of the body is {mean:.3g}"
    return f"{found}, expected {low:g} to {high:g} where a whole body was imaged; check dose, weight and times"


def require_possible(suvbw: np.ndarray, what: str, remedy: str) -> None:
    """Raises QuantityError, naming `what`, where a voxel is beyond LARGEST_SUV."""
    highest = float(suvbw.max(initial=0.0))
    if highest > LARGEST_SUV:
        raise QuantityError(f"{what}: SUVbw reaches {highest:.0f}, no tissue exceeds {LARGEST_SUV:g}; {remedy}")
