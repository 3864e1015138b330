"""SNOMED CT codes of places, with the meaning that DICOM gives them (clinical.md 9.1)."""

from __future__ import annotations

from functools import cache

from pydicom.sr.coding import Code

from netlesion.io.dicom.objects.reported import Site

RIGHT, LEFT = Code("24028007", "SCT", "Right"), Code("7771000", "SCT", "Left")
LESION = Code("52988006", "SCT", "Lesion")
TYPE_OF_KIND = {
    "primary": Code("372087000", "SCT", "Neoplasm, Primary"),
    "metastasis": Code("14799000", "SCT", "Neoplasm, Secondary"),
    None: LESION,
}
MORPHOLOGICALLY_ABNORMAL = Code("49755003", "SCT", "Morphologically Abnormal Structure")
#: Regions that no organ map names by one label.
OF_REGION = {
    "adrenal_gland": "23451007", "bone": "272673000", "brain": "12738006", "breast": "76752008", "colon": "71854001",
    "duodenum": "38848004", "esophagus": "32849002", "gallbladder": "28231008", "head_neck": "774007",
    "heart": "80891009", "kidney": "64033007", "liver": "10200004", "lung": "39607008", "ovary": "15497006",
    "pancreas": "15776009", "pituitary": "56329008", "prostate": "41216001", "small_bowel": "30315005",
    "spleen": "78961009", "stomach": "69695003", "testis": "40689003", "thymus": "9875009",
    "thyroid_gland": "69748006", "urinary_bladder": "89837001", "uterus": "35039007", "node": "59441001",
    "soft_tissue": "87784001", "abdominal_other": "818981001",
}  # fmt: skip
#: Lymph-node stations that have a code of their own.
OF_STATION = {
    "mesenteric": "279795009", "retroperitoneal": "91394001", "hilar_hepatic": "61492009", "mediastinal": "62683002",
    "iliac": "54268001", "inguinal": "8928004", "axillary": "68171009", "cervical": "81105003",
    "supraclavicular": "76838003",
}  # fmt: skip


def site(value: str | None, name: str | None = None) -> Site | None:
    """The place of a code that DICOM's own lists hold, with the side that a label's `name` ends on; None for others."""
    meaning = _meanings().get(value or "")
    if value is None or meaning is None:
        return None
    words = (name or "").split("_")
    return Site(value, meaning, "left" if "left" in words else "right" if "right" in words else None)


@cache
def _meanings() -> dict[str, str]:
    from pydicom.sr.codedict import codes

    found: dict[str, str] = {}
    for code in codes.SCT.concepts.values():
        known = found.get(code.value)
        if known is None or len(code.meaning) < len(known):  # DICOM's word, not SNOMED's full name
            found[code.value] = code.meaning
    return found
