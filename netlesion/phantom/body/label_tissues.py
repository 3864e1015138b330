"""What each organ of a label map is made of, in painting order, and the names a map may use.

A recipe is the tissue of the whole organ and of layers inside it by depth. Data only; the parts of the built-in body
follow the same tissues.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from netlesion.phantom.body.label_sides import PAIR_CODES
from netlesion.phantom.body.labels import LABELS

#: Other tools' and versions' names -> ours. `body` and its kind give the outline only.
ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "body": "skin", "body_trunc": "skin", "body_extremities": "skin", "torso_fat": "visceral_fat",
        "skeletal_muscle": "muscle",
        **{f"heart_{c}": "heart" for c in ("myocardium", "atrium_left", "ventricle_left", "atrium_right",
        "ventricle_right")},
        "sublingual_gland_left": "sublingual_gland", "sublingual_gland_right": "sublingual_gland",
        "spinal_canal": "spinal_cord",
    }
)  # fmt: skip
#: Every name that means something; for a folder of masks, later ones are written over earlier ones.
KNOWN_NAMES: tuple[str, ...] = (*ALIASES, *PAIR_CODES, *LABELS)
#: Names that are painted as layers under the outline, from masks on a coarse grid.
LAYERS = ("skin", "subcutaneous_fat", "fat", "muscle", "visceral_fat", "mediastinum")


@dataclass(frozen=True)
class Recipe:
    """inner: (tissue, mm below the surface, at most this share of the organ's depth), outermost first."""

    tissue: str
    inner: tuple[tuple[str, float, float], ...] = ()
    segment: str = "trunk"
    factor: float = 1.0


def _bone(cortex_mm: float, marrow: str = "bone_marrow", segment: str = "trunk") -> Recipe:
    return Recipe("cortical_bone", ((marrow, cortex_mm, 0.35),), segment)


#: kind of organ -> recipe, in painting order.
RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "gluteus_maximus": Recipe("muscle"), "gluteus_medius": Recipe("muscle"), "gluteus_minimus": Recipe("muscle"),
        "autochthon": Recipe("muscle"), "iliopsoas": Recipe("muscle"), "breast": Recipe("breast"),
        "lung": Recipe("lung"), "thymus": Recipe("thymus"),
        "heart": Recipe("myocardium", (("blood", 3.5, 0.3),), factor=0.35), "atrial_appendage": Recipe("blood"),
        "esophagus": Recipe("esophagus"), "trachea": Recipe("air"), "airway": Recipe("air"),
        "thyroid_gland": Recipe("thyroid"),
        "small_bowel": Recipe("jejunum"), "colon": Recipe("colon"), "duodenum": Recipe("duodenum"),
        "kidney": Recipe("kidney_cortex", (("kidney_medulla", 8.0, 0.5), ("renal_pelvis", 15.0, 0.75))),
        "renal_pelvis": Recipe("renal_pelvis"), "kidney_cyst": Recipe("csf"), "ureter": Recipe("ureter"),
        "stomach": Recipe("stomach_wall", (("stomach_content", 6.0, 0.5),)), "pancreas": Recipe("pancreas_body"),
        "spleen": Recipe("spleen"), "accessory_spleen": Recipe("spleen"), "liver": Recipe("liver"),
        "gallbladder": Recipe("gallbladder"), "adrenal_gland": Recipe("adrenal"), "urinary_bladder": Recipe("bladder"),
        "prostate": Recipe("prostate"), "uterus": Recipe("uterus"), "ovary": Recipe("ovary"),
        "testis": Recipe("testis"),
        **dict.fromkeys(
            ("pulmonary_vein", "pulmonary_artery", "superior_vena_cava", "inferior_vena_cava",
            "portal_vein_and_splenic_vein",
             "brachiocephalic_vein", "iliac_vena", "brachiocephalic_trunk", "subclavian_artery",
             "common_carotid_artery",
             "iliac_artery", "aorta"), Recipe("blood")),
        "costal_cartilages": Recipe("cartilage"), "bone": _bone(1.7), "rib": _bone(1.7), "sternum": _bone(1.4),
        "scapula": _bone(1.8), "clavicula": _bone(1.8), "hip": _bone(1.8), "sacrum": _bone(1.5),
        "vertebrae": _bone(1.3),
        "femur": _bone(4.5, "yellow_marrow"), "humerus": _bone(4.0, "yellow_marrow"),
        **{b: _bone(2.6, "yellow_marrow") for b in ("radius", "ulna", "tibia", "fibula")},
        **{b: _bone(1.8, "yellow_marrow") for b in ("patella", "carpal", "metacarpal", "fingers", "tarsal",
        "metatarsal", "toes")},
        "spinal_cord": Recipe("spinal_cord"),
        "tongue": Recipe("muscle", segment="head"), "parotid_gland": Recipe("parotid", segment="head"),
        "submandibular_gland": Recipe("submandibular", segment="head"),
        "sublingual_gland": Recipe("sublingual", segment="head"),
        "tonsil_palatine": Recipe("palatine_tonsil", segment="head"),
        "tonsil_lingual": Recipe("lingual_tonsil", segment="head"),
        "soft_palate": Recipe("soft_palate", segment="head"),
        "nasal_cavity": Recipe("nasal_mucosa", (("air", 3.0, 0.5),), "head"),
        "eye": Recipe("eye", segment="head"), "mandible": _bone(2.4, segment="head"),
        "skull": _bone(2.0, segment="head"),
        "brain": Recipe("brain_grey", (("brain_white", 4.0, 0.4),), "head"),
        "cerebellum": Recipe("cerebellum", segment="head"),
        "pituitary": Recipe("pituitary", segment="head"),
    }
)  # fmt: skip
#: Kinds on which a body can stand.
BONES = frozenset(kind for kind, recipe in RECIPES.items() if recipe.tissue == "cortical_bone")
#: Kinds nobody misses in a map of the trunk.
NOT_MISSED = frozenset(
    {"kidney_cyst", "accessory_spleen", "bone", "renal_pelvis", "thymus", "airway", "breast", "testis", "ovary",
    "uterus", "prostate",
     "radius", "ulna", "tibia", "fibula", "patella", "carpal", "metacarpal", "fingers", "tarsal", "metatarsal",
     "toes", "atrial_appendage",
     "tongue", "soft_palate", "tonsil_palatine", "tonsil_lingual", "nasal_cavity", "eye", "mandible", "cerebellum"}
)  # fmt: skip
#: What is put in by landmark when a map lacks it: small, and seen by the tracers. The latter ones need a head.
PLACED = ("adrenal_gland_left", "adrenal_gland_right", "ureter_left", "ureter_right")
PLACED_IN_HEAD = (
    "pituitary", "parotid_gland_left", "parotid_gland_right", "submandibular_gland_left", "submandibular_gland_right",
    "sublingual_gland",
)  # fmt: skip


def kind_of(organ: str) -> str:
    """The organ without its side, number or level: `rib_left_7` -> `rib`, `vertebrae_L1` -> `vertebrae`."""
    if organ.startswith("vertebrae_"):
        return "vertebrae"
    if organ.startswith("lung_"):
        return "lung"
    return re.sub(r"(_(left|right))?(_\d+)?$", "", organ)


assert {kind_of(n) for n in LABELS} - RECIPES.keys() - set(LAYERS) == set(), "an organ without a recipe"
