"""What may be known beside a PET and its lesions: reference organs, an organ map, CT and MR, the patient's lean mass.

Everything may be missing; what needs it is then missing too. Knows nothing about files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netlesion.image.visit import Tracer
from netlesion.quantify.anatomy import AnatomicalImage
from netlesion.quantify.organ_map import OrganMap
from netlesion.quantify.references import ReferenceOrgans

#: Organs with so much normal uptake of a tracer that they are no background of a lesion outside them [P]
#: (clinical.md 3.6, 7.2).
HOT_ORGANS: Mapping[Tracer | None, tuple[str, ...]] = {
    Tracer.SSTR: (
        "liver", "spleen", "accessory_spleen", "kidney", "renal_pelvis", "ureter", "urinary_bladder", "adrenal_gland",
        "pituitary", "stomach", "small_bowel", "duodenum",
    ),
    Tracer.FDG: ("brain", "cerebellum", "heart", "kidney", "renal_pelvis", "ureter", "urinary_bladder"),
    Tracer.PSMA: (
        "liver", "spleen", "accessory_spleen", "kidney", "renal_pelvis", "ureter", "urinary_bladder", "parotid_gland",
        "submandibular_gland", "sublingual_gland", "small_bowel", "duodenum",
    ),
    None: (),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Context:
    """What is known of one PET's patient.

    Args:
        tracer: Which organs are hot; None where it is not known.
        references: Reference organs of this PET.
        organs: A map of the organs in this PET's frame, on any grid.
        images: Channel (ct, mr_t1, mr_t2) -> image.
        sul_per_suv: Lean body mass over weight (Janmahasatian), so that SUL = SUVbw times it.
    """

    tracer: Tracer | None = None
    references: ReferenceOrgans = field(default_factory=ReferenceOrgans)
    organs: OrganMap | None = None
    images: Mapping[str, AnatomicalImage] = field(default_factory=dict[str, AnatomicalImage])
    sul_per_suv: float | None = None
