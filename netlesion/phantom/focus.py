"""One focus of uptake: a lesion, or a mimic that a reader may take for one.

Frozen data in the body's reference frame: where it lies, how large it is, its shape and its true SUVs before any blur.
Knows nothing about how it was drawn, grids or images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netlesion.phantom.biodistribution import SSTR
from netlesion.phantom.lesion_shape import LesionShape, sphere_diameter_mm

if TYPE_CHECKING:
    from netlesion.phantom.solids import Point, Solid

#: Every other kind (fracture, degenerative, inflamed_node, brown_fat, uncinate) is a mimic.
LESION_KINDS = ("primary", "metastasis")
#: CT number of a focus by site, with contrast medium.
HU_OF_SITE: Mapping[str, float] = {
    "liver": 78.0, "node": 60.0, "bone": 420.0, "pancreas": 135.0, "small_bowel": 110.0, "peritoneum": 55.0,
    "lung": 35.0, "other": 60.0, "soft_tissue": 60.0,
}  # fmt: skip


@dataclass(frozen=True)
class Focus:
    """One lesion or mimic. suv: true SUV by channel, of the rim when there is a core (core_ratio below 1).

    site: liver, node, bone, ...; region: the organ's or station's name; centre_mm in the body's reference frame.
    A lesion's id is unique within the patient and stays with it at every time point.
    """

    lesion_id: int
    kind: str
    site: str
    region: str
    segment: str
    centre_mm: Point
    volume_ml: float
    shape: LesionShape
    suv: Mapping[str, float]
    core_ratio: float = 1.0

    @property
    def solid(self) -> Solid:
        return self.shape.solid(self.centre_mm, self.volume_ml)

    @property
    def core(self) -> Solid | None:
        return None if self.core_ratio == 1.0 else self.shape.core(self.centre_mm, self.volume_ml)

    @property
    def diameter_mm(self) -> float:
        return sphere_diameter_mm(self.volume_ml)

    def mean_suv(self, channel: str) -> float:
        """True mean over the lesion; a necrotic core is an eighth of the volume."""
        return self.suv[channel] * (1.0 + (self.core_ratio - 1.0) / 8.0)


def sstr_burden_ml(foci: tuple[Focus, ...], least_suv: float = 4.0) -> float:
    """Volume of all lesions that bind the SSTR tracer, for the sink effect; 0.0 without any."""
    return sum((f.volume_ml for f in foci if f.kind in LESION_KINDS and f.suv[SSTR] > least_suv), 0.0)
