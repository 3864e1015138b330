"""Whether the numbers of a CT are Hounsfield units: by what its header calls them, and by what they are.

Dual-energy scanners store electron density, effective atomic number and iodine as CT images. Knows nothing about files.
"""

from __future__ import annotations

from netlesion.errors import QuantityError
from netlesion.image.volume import Volume

#: Rescale Type (PS3.3 C.11.1.1.2) of values that are no HU, and what they are.
OTHER_MAPS = {
    "ED": "a map of electron density",
    "EDW": "a map of electron density",
    "Z_EFF": "a map of effective atomic number",
    "MGML": "a map of a material in mg/ml",
    "PCT": "a map in percent",
    "HU_MOD": "a map of modified HU",
    "OD": "optical densities",
}
HU = ("HU", "HOUNSFIELD", "HOUNSFIELD UNIT", "HOUNSFIELD UNITS")
#: Fat, lung and the air around a patient lie here; padding lies below, at -1024 where a header names its value.
NEGATIVE_HU = (-1000.0, 0.0)


def other_map(rescale_type: str | None) -> str | None:
    """What a CT with this Rescale Type shows instead of HU; None for HU, for no type, and for one that is unknown."""
    return None if rescale_type is None else OTHER_MAPS.get(rescale_type.upper())


def is_hu(rescale_type: str | None) -> bool:
    """Whether a Rescale Type says HU, as its absence does (PS3.3 C.8.2.1)."""
    return rescale_type is None or rescale_type.upper() in HU


def require_negative_hu(volume: Volume, where: str) -> None:
    """Raises QuantityError for a CT without a voxel of air or fat: stored values that nobody made HU."""
    (lowest, _), (low, high) = volume.range, NEGATIVE_HU
    if low <= lowest < high or (lowest < low and ((volume.array >= low) & (volume.array < high)).any()):
        return
    raise QuantityError(
        f"{where}: no value lies between {low:g} and {high:g}, the lowest is {lowest:g}; a CT in HU has air and fat "
        "there, correct its intercept or leave the image out"
    )
