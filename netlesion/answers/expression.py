"""Answer 4: do all lesions express somatostatin receptors enough for radionuclide therapy? Findings, never a verdict.
 Per lesion `qkrenning`, this project's quantitative score (clinical.md 3.2 [P]), with the range it takes over a sweep
of its two thresholds, and whether its uptake is above liver. Per visit counts, volumes and the target lesions that
SSTR-RADS names (up to 5, at most 3 an organ; clinical.md 3.3), and the imaging findings of clinical.md 3.4. A low
score of a lesion below 1 ml is indeterminate (partial volume). Without a liver there is no answer, and no default
stands in for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from netlesion.answers.answer import Answer, Question, Reason, keys, not_assessable, settings_dict
from netlesion.answers.patient import Fact, Lesion, Patient, Pet, Visit
from netlesion.answers.settings import ExpressionSettings
from netlesion.answers.uptake import hottest, of_lesion, of_organ, qkrenning
from netlesion.answers.words import counted, named, number

NAME = "expression"
NEEDED = (
    "lesions of a DOTATATE PET",
    "the uptake of the normal liver (reference_organs.tsv); spleen and blood pool for scores 4 and 0",
)
READER = (
    "grade, Ki-67, renal and marrow function and earlier therapy, which images do not tell",
    "whether the liver that lesions are compared with is normal",
    "the visual Krenning score, which the quantitative one of this project does not replace",
)
ALL_ABOVE, PARTLY, NONE_ABOVE, INDETERMINATE, NO_LESION = (
    "all_above_liver", "partly_above_liver", "none_above_liver", "indeterminate", "no_lesion",
)  # fmt: skip
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "num_lesions": {"Description": "Lesions of the DOTATATE PET", "Units": "1"},
    "num_assessable": {
        "Description": "Lesions of at least 1 ml, or of a short axis of 10 mm on CT or MR",
        "Units": "1",
    },
    "qkrenning_min": {"Description": "Lowest project-made quantitative Krenning score", "Units": "1"},
    "qkrenning_median": {"Description": "Median of it", "Units": "1"},
    "qkrenning_max": {"Description": "Highest of it", "Units": "1"},
    "qkrenning_volume_mean": {"Description": "Mean of it, weighted by volume", "Units": "1"},
    "frac_volume_ge3": {"Description": "Fraction of the volume with qkrenning of 3 or 4", "Units": "1"},
    "frac_lesions_gt_liver": {"Description": "Fraction of assessable lesions above liver", "Units": "1"},
    "frac_volume_gt_liver": {"Description": "Fraction of the volume of all lesions above liver", "Units": "1"},
    "num_le_liver": {"Description": "Assessable lesions at or below liver", "Units": "1"},
    "lesions_le_liver": {"Description": "Their keys, separated by commas"},
    "all_assessable_gt_liver": {"Description": "Whether every assessable lesion is above liver"},
    "wb_sretv_ml": {"Description": "Whole-body SSTR-expressing tumour volume", "Units": "ml"},
    "wb_tlsre_g": {"Description": "Whole-body total lesion SSTR expression", "Units": "g"},
    "min_suvmean_g_per_ml": {"Description": "Lowest SUVmean of a lesion", "Units": "g/ml"},
    "liver_g_per_ml": {"Description": "SUVbw of the liver, by the statistic of the settings", "Units": "g/ml"},
    "spleen_g_per_ml": {"Description": "The same of the spleen", "Units": "g/ml"},
    "blood_pool_g_per_ml": {"Description": "The same of the blood pool", "Units": "g/ml"},
    "reference_unreliable": {"Description": "Spleen at or below liver, or a doubtful liver: scores may be too high"},
    "sink_effect": {"Description": "Volume above 500 ml: normal organs may take up less, ratios may be too high"},
    "indeterminate": {"Description": "Small low lesions, a doubtful reference or no assessable lesion"},
}
ROW_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "lesion": {"Description": "Case and lesion_id"},
    "region": {"Description": "Region of the body"},
    "volume_ml": {"Description": "Volume", "Units": "ml"},
    "uptake_g_per_ml": {"Description": "SUVbw by the statistic of the settings", "Units": "g/ml"},
    "ratio_liver": {"Description": "Uptake over liver, of one statistic", "Units": "1"},
    "ratio_spleen": {"Description": "Uptake over spleen, of one statistic", "Units": "1"},
    "qkrenning": {"Description": "Project-made quantitative Krenning score; n/a where indeterminate", "Units": "1"},
    "qkrenning_as_measured": {"Description": "The same whatever the volume", "Units": "1"},
    "qkrenning_lowest": {"Description": "Lowest of it over the sweep of thresholds", "Units": "1"},
    "qkrenning_highest": {"Description": "Highest of it over the sweep of thresholds", "Units": "1"},
    "above_liver": {"Description": "Whether its uptake is above liver"},
    "assessable": {"Description": "Whether it is large enough for a low uptake to be believed"},
    "target": {"Description": "Whether it is one of the target lesions of SSTR-RADS"},
}


@dataclass(frozen=True)
class _Scored:
    lesion: Lesion
    uptake: float
    score: int
    lowest: int
    highest: int
    above: bool
    assessable: bool

    @property
    def is_open(self) -> bool:
        """Low, and too small for that to be believed."""
        return not self.assessable and self.score < 3


def answer(patient: Patient, settings: ExpressionSettings) -> tuple[Answer, ...]:
    """Scores and PRRT findings of every visit's first DOTATATE PET."""
    return tuple(_at(patient, visit, settings) for visit in patient.visits)


def _at(patient: Patient, visit: Visit, settings: ExpressionSettings) -> Answer:
    pet = visit.pet("sstr")
    liver = None if pet is None else of_organ(pet.references.liver, settings.statistic)
    if pet is None or liver is None or liver <= 0:
        why = (
            "The visit has no DOTATATE PET."
            if pet is None
            else f"The uptake of the liver is not known: {pet.references.why_not('liver') or 'it is 0'}."
        )
        return not_assessable(
            NAME, patient.patient_id, visit.name, why, needed=NEEDED, settings=settings, reader_decides=READER
        )
    spleen, blood = (of_organ(pet.references.found.get(o), settings.statistic) for o in ("spleen", "blood_pool"))
    scored = [_scored(patient, lesion, blood, liver, spleen, settings) for lesion in pet.lesions]
    targets = hottest(pet.lesions, settings.targets, settings.targets_per_organ)
    doubtful = (spleen is not None and spleen <= liver) or bool(pet.references.found["liver"].flags)
    category, alternatives = _category(scored)
    values = _values(pet, scored, settings) | {
        "liver_g_per_ml": liver,
        "spleen_g_per_ml": spleen,
        "blood_pool_g_per_ml": blood,
        "reference_unreliable": doubtful,
        "indeterminate": doubtful or category == INDETERMINATE or any(s.is_open for s in scored),
    }
    rows = tuple(
        {
            "lesion": s.lesion.key,
            "region": s.lesion.region,
            "volume_ml": s.lesion.volume_ml,
            "uptake_g_per_ml": s.uptake,
            "ratio_liver": s.uptake / liver,
            "ratio_spleen": None if not spleen else s.uptake / spleen,
            "qkrenning": None if s.is_open else s.score,
            "qkrenning_as_measured": s.score,
            "qkrenning_lowest": s.lowest,
            "qkrenning_highest": s.highest,
            "above_liver": s.above,
            "assessable": s.assessable,
            "target": s.lesion in targets,
        }
        for s in scored
    )
    missing = [
        f"the {name} ({pet.references.why_not(organ)}), so that {effect}"
        for name, organ, effect, value in (
            ("spleen", "spleen", "a score of 3 means at least 3", spleen),
            ("blood pool", "blood_pool", "a score of 1 means at most 1", blood),
        )
        if value is None
    ]
    return Answer(
        question=NAME,
        patient=patient.patient_id,
        visit=visit.name,
        status="answered",
        category=category,
        alternatives=alternatives,
        values=values,
        rows=rows,
        reasons=_reasons(pet, scored, targets, values, settings),
        needed=NEEDED,
        missing=tuple(missing),
        reader_decides=READER,
        settings=settings_dict(settings),
    )


def _scored(
    patient: Patient,
    lesion: Lesion,
    blood: float | None,
    liver: float,
    spleen: float | None,
    settings: ExpressionSettings,
) -> _Scored:
    x = of_lesion(lesion, settings.statistic)
    sweep = [qkrenning(x, blood, liver, spleen, a, b) for a in settings.sweep_low for b in settings.sweep_high]
    score = qkrenning(x, blood, liver, spleen, settings.low, settings.high)
    diameters = patient.diameters.get(lesion.key)
    short = None if diameters is None else diameters.short_axis_mm
    assessable = lesion.volume_ml >= settings.least_ml or (short is not None and short >= settings.least_axis_mm)
    return _Scored(lesion, x, score, min(*sweep, score), max(*sweep, score), x > liver, assessable)


def _category(scored: Sequence[_Scored]) -> tuple[str, tuple[str, ...]]:
    """By the lesions that can be assessed; the alternatives are what small low lesions could make of it."""
    if not scored:
        return NO_LESION, ()
    certain = [s.above for s in scored if s.assessable or s.above]
    small = [s for s in scored if not s.assessable and not s.above]
    if not certain:
        return INDETERMINATE, (ALL_ABOVE, PARTLY, NONE_ABOVE) if len(small) > 1 else (ALL_ABOVE, NONE_ABOVE)
    category = _of(certain)
    reachable = {_of(certain + [True] * len(small)), _of(certain + [False] * bool(small))}
    return category, tuple(sorted(reachable - {category}))


def _of(above: Sequence[bool]) -> str:
    return ALL_ABOVE if all(above) else PARTLY if any(above) else NONE_ABOVE


def _values(pet: Pet, scored: Sequence[_Scored], settings: ExpressionSettings) -> dict[str, Fact]:
    volumes = np.array([s.lesion.volume_ml for s in scored])
    scores = np.array([s.score for s in scored])
    above = np.array([s.above for s in scored], dtype=bool)
    sure = [s for s in scored if s.assessable]
    low = [s.lesion for s in sure if not s.above]
    total = float(volumes.sum())
    some = len(scored) > 0
    return {
        "num_lesions": len(scored),
        "num_assessable": len(sure),
        "qkrenning_min": int(scores.min()) if some else None,
        "qkrenning_median": float(np.median(scores)) if some else None,
        "qkrenning_max": int(scores.max()) if some else None,
        "qkrenning_volume_mean": float(scores @ volumes / total) if some else None,
        "frac_volume_ge3": float(volumes[scores >= 3].sum() / total) if some else None,
        "frac_lesions_gt_liver": float(np.mean([s.above for s in sure])) if sure else None,
        "frac_volume_gt_liver": float(volumes[above].sum() / total) if some else None,
        "num_le_liver": len(low),
        "lesions_le_liver": ",".join(keys(low)) or None,
        "all_assessable_gt_liver": all(s.above for s in sure) if sure else None,
        "wb_sretv_ml": total,
        "wb_tlsre_g": sum(x.total_uptake_g for x in pet.lesions),
        "min_suvmean_g_per_ml": min((x.suvmean for x in pet.lesions), default=None),
        "sink_effect": total > settings.sink_ml,
    }


def _reasons(
    pet: Pet,
    scored: Sequence[_Scored],
    targets: Sequence[Lesion],
    values: Mapping[str, Fact],
    settings: ExpressionSettings,
) -> tuple[Reason, ...]:
    if not scored:
        return (Reason("No lesion was found on the DOTATATE PET."),)
    statistic = "SUVpeak" if settings.statistic == "peak" else "SUVmean"
    liver = number(values["liver_g_per_ml"], "g/ml")  # type: ignore[arg-type]
    reasons = []
    groups = (
        ([s.lesion for s in scored if s.above], f"above liver ({statistic} of the liver {liver})"),
        ([s.lesion for s in scored if not s.above and s.assessable], "at or below liver and large enough to be judged"),
        (
            [s.lesion for s in scored if not s.above and not s.assessable],
            "at or below liver, but too small to be judged",
        ),
    )
    for lesions, what in groups:
        if lesions:
            head = counted(len(lesions), "lesion is", "lesions are")
            reasons.append(Reason(f"{head[0].upper()}{head[1:]} {what}: {named(lesions)}.", keys(lesions)))
    share = 100.0 * float(values["frac_volume_gt_liver"] or 0.0)
    reasons.append(
        Reason(
            f"{share:.0f} % of the volume of {number(float(values['wb_sretv_ml'] or 0.0), 'ml')} is above liver.",
            keys([s.lesion for s in scored]),
        )
    )
    hottest = f"The hottest, at most {settings.targets_per_organ} of one region, are {named(targets)}."
    reasons.append(Reason(hottest, keys(targets)))
    if values["reference_unreliable"]:
        reasons.append(Reason("The spleen is not above the liver, or the liver is doubtful: scores may be too high."))
    if values["sink_effect"]:
        reasons.append(
            Reason(
                f"The volume is above {settings.sink_ml:g} ml: normal organs may take up less, ratios may be too high."
            )
        )
    return tuple(reasons)


QUESTION = Question(
    4, NAME, "Do all lesions express somatostatin receptors above liver?", answer, COLUMNS, ROW_COLUMNS, of_disease=True
)
