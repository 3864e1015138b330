"""The code, derivation and unit by which each column of the lesion table is written into a Structured Report.

Standard codes where DICOM has them, else the private scheme 99NETLES (values of at most 16 characters, meanings of at
most 64), all listed in docs/dicom-objects.md. Metabolic volume and glycolysis are words of FDG alone; units are UCUM.

Source: clinical.md 9.1, 9.3.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.sr.coding import Code

PRIVATE = "99NETLES"
SUVBW, SUL = Code("126401", "DCM", "SUVbw"), Code("126405", "DCM", "SUVlbm(Janma)")
MAX, MEAN = Code("56851009", "SCT", "Maximum"), Code("373098007", "SCT", "Mean")
PEAK, SD = Code("126031", "DCM", "Peak Value Within ROI"), Code("386136009", "SCT", "Standard Deviation")
MINIMUM = Code("255605001", "SCT", "Minimum")
VOLUME, METABOLIC_VOLUME = Code("118565006", "SCT", "Volume"), Code("126032", "DCM", "Metabolic Volume")
GLYCOLYSIS = Code("126033", "DCM", "Total Lesion Glycolysis")
RATIO = Code("126039", "DCM", "Lesion to Background SUV Ratio")
BACKGROUND = Code("126040", "DCM", "Background for Lesion to Background SUV Ratio")
LONG_AXIS, SHORT_AXIS = Code("103339001", "SCT", "Long Axis"), Code("103340004", "SCT", "Short Axis")
SUM_OF_VOXELS = Code("126030", "DCM", "Sum of segmented voxel volumes")
UNITS = {
    "ml": Code("ml", "UCUM", "milliliter"),
    "mm": Code("mm", "UCUM", "millimeter"),
    "g": Code("g", "UCUM", "gram"),
    "1": Code("1", "UCUM", "no units"),
    "ratio": Code("{ratio}", "UCUM", "ratio"),
    "suv": Code("g/ml{SUVbw}", "UCUM", "Standardized Uptake Value body weight"),
    "sul": Code("g/ml{SUVlbm(Janma)}", "UCUM", "Standardized Uptake Value lean body mass (Janma)"),
    "hu": Code("[hnsf'U]", "UCUM", "Hounsfield unit"),
    "1/m": Code("/m", "UCUM", "per meter"),
}
#: Where a lesion lies is said by its segment, in the patient's coordinates; a table's RAS+ mm would be read as LPS.
LEFT_OUT = frozenset(
    ("lesion_id", *(f"{what}_{axis}_mm" for what in ("centroid", "hottest") for axis in "xyz")),
)


@dataclass(frozen=True)
class Measure:
    """How one column is written. method: how it was found."""

    name: Code
    unit: str
    derivation: Code | None = None
    method: Code | None = None


def private(value: str, meaning: str) -> Code:
    """A code of this project."""
    return Code(value, PRIVATE, meaning)


def _suv(derivation: Code, name: Code = SUVBW, unit: str = "suv") -> Measure:
    return Measure(name, unit, derivation)


MEASURES: dict[str, Measure] = {
    "num_voxels": Measure(private("NUM_VOXELS", "Voxels of the lesion"), "1"),
    "volume_ml": Measure(VOLUME, "ml", method=SUM_OF_VOXELS),
    "suvmax_g_per_ml": _suv(MAX),
    "suvmean_g_per_ml": _suv(MEAN),
    "suvpeak_g_per_ml": _suv(PEAK),
    "suvsd_g_per_ml": _suv(SD),
    "sulmax_g_per_ml": _suv(MAX, SUL, "sul"),
    "sulmean_g_per_ml": _suv(MEAN, SUL, "sul"),
    "sulpeak_g_per_ml": _suv(PEAK, SUL, "sul"),
    "score": Measure(private("SCORE", "Highest lesion probability"), "1"),
    "score_p95": Measure(private("SCORE_P95", "95th percentile of the lesion probability"), "1"),
    "suvpeak_local_g_per_ml": Measure(private("SUVPEAK_LOCAL", "SUVbw of the 1 ml sphere on the hottest voxel"), "suv"),
    "suvpeak_ibsi_g_per_ml": Measure(private("SUVPEAK_IBSI", "Global intensity peak (IBSI 0F91) of SUVbw"), "suv"),
    "total_uptake_g": Measure(private("TLSRE", "Total lesion somatostatin receptor expression"), "g"),
    "cov": Measure(private("COV", "Coefficient of variation of SUVbw"), "1"),
    "skewness": Measure(private("SKEWNESS", "Skewness of SUVbw"), "1"),
    "excess_kurtosis": Measure(private("EXCESS_KURTOSIS", "Excess kurtosis of SUVbw"), "1"),
    "auc_csh": Measure(private("AUC_CSH", "Area under the cumulative SUV-volume histogram"), "1"),
    "volume_fixed4_ml": Measure(private("VOLUME_FIXED4", "Volume of SUVbw at least 4.0"), "ml"),
    "volume_rel41_ml": Measure(private("VOLUME_REL41", "Volume of at least 41 % of SUVmax"), "ml"),
    "volume_rel45_grown_ml": Measure(private("VOLUME_REL45", "Volume of at least 45 % of SUVmax, grown"), "ml"),
    "suvmean_rel45_g_per_ml": Measure(private("SUVMEAN_REL45", "SUVmean of the 45 % volume"), "suv"),
    "volume_adaptive_ml": Measure(private("VOLUME_ADAPTIVE", "Volume above the middle of background and SUVmax"), "ml"),
    "num_peaks": Measure(private("NUM_PEAKS", "Peaks at least 12 mm apart"), "1"),
    "pet_long_axis_mm": Measure(LONG_AXIS, "mm", method=private("PET_AXIAL", "Of the PET mask, axial; not for RECIST")),
    "pet_short_axis_mm": Measure(
        SHORT_AXIS, "mm", method=private("PET_AXIAL", "Of the PET mask, axial; not for RECIST")
    ),
    "pet_longest_mm": Measure(private("PET_LONGEST", "Longest extent of the PET mask; not for RECIST"), "mm"),
    "depth_mm": Measure(private("DEPTH", "Distance of the hottest point to the nearest skin"), "mm"),
    "background_g_per_ml": _suv(MEAN, BACKGROUND),
    "background_sd_g_per_ml": _suv(SD, BACKGROUND),
    "background_ratio_max": Measure(RATIO, "ratio", MAX, private("LOCAL", "Against the local background")),
    "background_ratio_mean": Measure(RATIO, "ratio", MEAN, private("LOCAL", "Against the local background")),
    **{
        f"{organ}_ratio_{what}": Measure(RATIO, "ratio", derivation, private(organ.upper(), f"Against the {words}"))
        for organ, words in (("liver", "liver"), ("spleen", "spleen"), ("blood_pool", "blood pool"))
        for what, derivation in (("max", MAX), ("mean", MEAN), ("peak", PEAK))
    },
    "ct_hu_mean": Measure(private("CT_HU", "Mean CT number where the lesion lies"), "hu", MEAN),
    "mr_t1_ratio": Measure(private("MR_T1_RATIO", "T1 MR signal over that 5 to 15 mm around"), "ratio"),
    "mr_t2_ratio": Measure(private("MR_T2_RATIO", "T2 MR signal over that 5 to 15 mm around"), "ratio"),
    "region_confidence": Measure(private("REGION_CONF", "Fraction in the region less that in the next"), "1"),
}
#: Of FDG the volume and the total uptake have names of their own.
OF_FDG: dict[str, Measure] = {
    "volume_ml": Measure(METABOLIC_VOLUME, "ml", method=SUM_OF_VOXELS),
    "total_uptake_g": Measure(GLYCOLYSIS, "g"),
}
#: What the lesions of one PET amount to (`quantify.summary.PatientSummary`).
TOTALS: dict[str, Measure] = {
    "num_lesions": Measure(private("NUM_LESIONS", "Number of lesions"), "1"),
    "volume_ml": Measure(VOLUME, "ml", method=SUM_OF_VOXELS),
    "total_uptake_g": Measure(private("WB_TLSRE", "Whole-body TLSRE"), "g"),
    "suvmax_g_per_ml": _suv(MAX),
    "min_suvmean_g_per_ml": Measure(private("MIN_SUVMEAN", "Lowest SUVmean of all lesions"), "suv"),
    "dmax_mm": Measure(private("DMAX", "Largest distance of two lesions"), "mm"),
    "sdmax_per_m": Measure(private("SDMAX", "Largest distance of two lesions over body surface"), "1/m"),
}
#: Project-made scores and classes of a lesion.
WORDS: dict[str, Code] = {
    "qkrenning": private("QKRENNING", "Project-made quantitative Krenning score"),
    "tracer_class": private("TRACER_CLASS", "Class of a finding in both tracers"),
    "change": private("CHANGE", "Class of a lesion since the visit before"),
}


def measure_of(column: str, tracer_label: str, table: dict[str, Measure] | None = None) -> Measure:
    """How a column is written for a tracer."""
    own = OF_FDG if tracer_label == "fdg" else {}
    return own.get(column) or (MEASURES if table is None else table)[column]
