"""The organ labels of the digital body: one integer per name, the same in every cohort.

1-117 are the classes of TotalSegmentator 2's task `total` in its own order, so that its maps and ours can be read by
one table; names it does not have follow. Data only.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_SIDES = ("left", "right")
_VERTEBRAE = (
    "S1", "L5", "L4", "L3", "L2", "L1", *(f"T{n}" for n in range(12, 0, -1)), *(f"C{n}" for n in range(7, 0, -1)),
)  # fmt: skip
TOTALSEGMENTATOR = (
    "spleen", "kidney_right", "kidney_left", "gallbladder", "liver", "stomach", "pancreas", "adrenal_gland_right",
    "adrenal_gland_left", "lung_upper_lobe_left", "lung_lower_lobe_left", "lung_upper_lobe_right",
    "lung_middle_lobe_right", "lung_lower_lobe_right", "esophagus", "trachea", "thyroid_gland", "small_bowel",
    "duodenum", "colon", "urinary_bladder", "prostate", "kidney_cyst_left", "kidney_cyst_right", "sacrum",
    *(f"vertebrae_{v}" for v in _VERTEBRAE), "heart", "aorta", "pulmonary_vein", "brachiocephalic_trunk",
    "subclavian_artery_right", "subclavian_artery_left", "common_carotid_artery_right", "common_carotid_artery_left",
    "brachiocephalic_vein_left", "brachiocephalic_vein_right", "atrial_appendage_left", "superior_vena_cava",
    "inferior_vena_cava", "portal_vein_and_splenic_vein", "iliac_artery_left", "iliac_artery_right", "iliac_vena_left",
    "iliac_vena_right", *(f"{b}_{s}" for b in ("humerus", "scapula", "clavicula", "femur", "hip") for s in _SIDES),
    "spinal_cord", *(f"gluteus_{g}_{s}" for g in ("maximus", "medius", "minimus") for s in _SIDES),
    *(f"{m}_{s}" for m in ("autochthon", "iliopsoas") for s in _SIDES), "brain", "skull",
    *(f"rib_left_{n}" for n in range(1, 13)), *(f"rib_right_{n}" for n in range(1, 13)), "sternum", "costal_cartilages",
)  # fmt: skip
OWN = (
    "skin", "fat", "muscle", "bone", "mediastinum", "thymus", "pulmonary_artery", "accessory_spleen",
    *(f"{o}_{s}" for o in ("renal_pelvis", "ureter", "ovary", "breast", "parotid_gland", "submandibular_gland", "eye",
                           "radius", "ulna", "carpal", "metacarpal", "fingers", "tibia", "fibula", "patella", "tarsal",
                           "metatarsal", "toes") for s in _SIDES),
    "testis", "uterus", "pituitary", "sublingual_gland", "tonsil_palatine", "tonsil_lingual", "soft_palate",
    "nasal_cavity", "mandible", "airway", "tongue", "cerebellum", "subcutaneous_fat", "visceral_fat",
)  # fmt: skip
#: name -> integer.
LABELS: Mapping[str, int] = MappingProxyType({name: n for n, name in enumerate((*TOTALSEGMENTATOR, *OWN), start=1)})
assert len(TOTALSEGMENTATOR) == 117
assert len(LABELS) < 256
