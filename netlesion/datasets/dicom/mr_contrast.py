"""What an MR series shows: T1, T2, FLAIR or proton density, a Dixon image, a diffusion image or its ADC map.

Told by image type, b-value, the words of series and protocol, and last by echo and repetition time. The words
are read here and go nowhere. Takes plain values; knows nothing about files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Longest echo (ms) and repetition (ms) of a T1 image, shortest echo of a T2 image, where no word tells [P].
T1_ECHO_MS, T1_REPETITION_MS, T2_ECHO_MS = 30.0, 1200.0, 60.0

_DIXON_TYPES = {
    "W": "water", "WATER": "water", "F": "fat", "FAT": "fat", "IP": "in", "IN_PHASE": "in", "INPHASE": "in",
    "OP": "opp", "OPP_PHASE": "opp", "OUT_PHASE": "opp", "OPPOSED_PHASE": "opp", "FF": "fatfraction",
}  # fmt: skip
_DIXON_WORDS = (
    (r"_W$|\bWATER\b|_W_", "water"),
    (r"_F$|\bFAT ?ONLY\b|_F_", "fat"),
    (r"_IN$|\bIN[- _]?PHASE\b|_IN_", "in"),
    (r"_OPP$|\bOPP(OSED)?[- _]?(PHASE)?\b|\bOUT[- _]?(OF[- _]?)?PHASE\b|_OPP_", "opp"),
)


@dataclass(frozen=True)
class MrContrast:
    """Where an MR image goes in BIDS: folder, suffix, `acq-` label ("" for none); `by` says what told."""

    folder: str
    suffix: str
    acquisition: str
    by: str


@dataclass(frozen=True)
class NoContrast:
    """An MR series that is no image for a cohort, and why."""

    why: str


def mr_contrast(
    words: str,
    image_type: tuple[str, ...],
    echo_ms: float | None,
    repetition_ms: float | None,
    b_value: float | None,
) -> MrContrast | NoContrast:
    """Contrast of one MR image stack; `words` are series and protocol description, in any case."""
    words = re.sub(r"\s+", " ", words.upper()).strip()
    types = set(image_type)
    if re.search(r"LOCALI[SZ]ER|SCOUT|SURVEY|AAHEAD|\bLOC\b", words):
        return NoContrast("a localiser")
    if re.search(r"\bMIP\b|_MIP|\bMPR\b|SCREEN|\bSUB\b|_SUB\b", words) or types & {"MIP", "PROJECTION IMAGE", "SUB"}:
        return NoContrast("a projection, reformat or subtraction, not an acquisition")
    if re.search(r"UMAP|MU[- _]?MAP|ATTENUATION MAP", words):
        return NoContrast("a map for attenuation correction")
    if "ADC" in types or re.search(r"(?<![A-Z])E?ADC(?![A-Z])", words):
        if re.search(r"EADC|EXP", words):
            return MrContrast("dwi", "expADC", "", "image type or words")
        return MrContrast("dwi", "ADC", "", "image type or words")
    if (
        "DIFFUSION" in types
        or re.search(r"DWI|DIFF|TRACEW|EP2D|RESOLVE", words)
        or (b_value is not None and b_value > 0)
    ):
        if b_value is None:
            return NoContrast("a diffusion image without a b-value")
        return MrContrast("dwi", "trace", f"b{b_value:.0f}", "b-value")
    return _anatomical(words, types, echo_ms, repetition_ms)


def _anatomical(
    words: str, types: set[str], echo_ms: float | None, repetition_ms: float | None
) -> MrContrast | NoContrast:
    dixon = next((label for kind, label in _DIXON_TYPES.items() if kind in types), None)
    if dixon is None and re.search(r"DIXON|MRAC|LAVA|FLEX|IDEAL|VIBE|CAIPI", words):
        dixon = next((label for pattern, label in _DIXON_WORDS if re.search(pattern, words)), None)
    if dixon == "fatfraction":
        return NoContrast("a fat fraction map")
    if re.search(r"FLAIR|DARK[- _]?FLUID", words):
        return MrContrast("anat", "FLAIR", "", "words")
    if re.search(r"STIR|TIRM", words):
        return MrContrast("anat", "T2w", "stir", "words")
    if re.search(r"(?<![A-Z0-9])T2(?![0-9])|HASTE|SSFSE|TRUFI", words):
        return MrContrast("anat", "T2w", "" if dixon is None else dixon, "words")
    if re.search(r"(?<![A-Z0-9])T1(?![0-9])|VIBE|LAVA|DIXON|MPRAGE|MRAC|THRIVE", words) or dixon is not None:
        return MrContrast(
            "anat", "T1w", "" if dixon is None else dixon, "words" if dixon is None else "Dixon image type"
        )
    if re.search(r"(?<![A-Z0-9])PD(?![A-Z0-9])", words):
        return MrContrast("anat", "PDw", "", "words")
    if echo_ms is not None and repetition_ms is not None:
        if echo_ms >= T2_ECHO_MS:
            return MrContrast("anat", "T2w", "", "echo time")
        if echo_ms <= T1_ECHO_MS and repetition_ms <= T1_REPETITION_MS:
            return MrContrast("anat", "T1w", "", "echo and repetition time")
    return NoContrast("MR of unknown contrast (neither T1 nor T2)")
