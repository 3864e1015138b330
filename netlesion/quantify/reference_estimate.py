"""Reference organs where there is no organ map: a robust estimate from the PET and, for the blood pool, its CT.

Not there yet for any organ: each is missing with its reason.
"""

from __future__ import annotations

from netlesion.image.visit import Tracer
from netlesion.image.volume import Volume
from netlesion.quantify.anatomy import AnatomicalImage
from netlesion.quantify.references import REFERENCE_ORGANS, ReferenceOrgans


def references_by_estimate(
    suv: Volume, lesions: Volume, tracer: Tracer | None, ct: AnatomicalImage | None
) -> ReferenceOrgans:
    """The reference organs of one PET, without an organ map."""
    return ReferenceOrgans({}, dict.fromkeys(REFERENCE_ORGANS, "there is no organ map"))
