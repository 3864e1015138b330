"""Answer 8: what do the images say that matters for treatment? One page gathered from answers 2 to 6; never a verdict.

    images_for_surgery   yes  no metastasis (M0) and a candidate for the primary
                         no   metastases outside the liver (M1b, M1c)
                         open liver metastases alone (M1a), no candidate for the primary, or another category reachable
    images_for_prrt      yes  every lesion that can be judged is above liver
                         no   none is;  open  some are, or lesions are too small to be judged
    images_against_prrt  yes  disease that takes up FDG and no DOTATATE (by the background definition)
                         no   none;  open  findings whose class is indeterminate

Where the answer behind one is not assessable, it is `not_known` and the reason is told. The rules are this project's
[P]: they say which way images point and decide nothing (clinical.md 3.4). What images cannot tell is listed as needed
from elsewhere on every page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from netlesion.answers import discordance, expression, primary, response, staging
from netlesion.answers.answer import Answer, Question, Reason, not_assessable
from netlesion.answers.patient import Fact, Patient, Visit

if TYPE_CHECKING:
    from netlesion.answers.settings import Settings

NAME = "treatment"
YES, NO, OPEN, NOT_KNOWN = "yes", "no", "open", "not_known"
#: The answers that are gathered, in order, and what each of them tells about.
PARTS: Mapping[str, str] = {
    primary.NAME: "Primary and metastases",
    staging.NAME: "Stage",
    expression.NAME: "Receptor expression",
    discordance.NAME: "Tracer discordance",
    response.NAME: "Course",
}
NEEDED = ("what the answers on primary, stage, receptor expression, discordance and response need",)
READER = (
    "grade and Ki-67 (histology)",
    "renal function and bone marrow (blood tests)",
    "hormonal symptoms, earlier therapies and their limits",
    "operability, other illness and what the patient wants",
    "which treatment is given: this page gathers findings and is no verdict",
)
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "images_for_surgery": {"Description": "yes, no, open or not_known; a rule of this project, no verdict"},
    "images_for_prrt": {"Description": "yes, no, open or not_known; a rule of this project, no verdict"},
    "images_against_prrt": {"Description": "yes, no, open or not_known; a rule of this project, no verdict"},
    "primary_candidate": {"Description": "Case and lesion_id of the first candidate for the primary"},
    "m_category": {"Description": "M category; n/a where not assessable"},
    "m_alternatives": {"Description": "Other M categories that are reachable, separated by commas"},
    "frac_lesions_gt_liver": {"Description": "Share of assessable lesions above liver", "Units": "1"},
    "frac_volume_gt_liver": {"Description": "Share of the volume of all lesions above liver", "Units": "1"},
    "wb_sretv_ml": {"Description": "Whole-body SSTR-expressing tumour volume", "Units": "ml"},
    "num_fdg_only": {"Description": "Findings positive on FDG alone", "Units": "1"},
    "volume_fdg_only_ml": {"Description": "Their volume", "Units": "ml"},
    "netpet_auto": {"Description": "Project-made NETPET grade"},
    "percist": {"Description": "PERCIST 1.0 since the first visit"},
    "num_new": {"Description": "New lesions since the first visit", "Units": "1"},
    "recurrence": {"Description": "After an operation: none, in_bed, elsewhere, both or somewhere"},
}
ROW_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "about": {"Description": "What the finding is about"},
    "from": {"Description": "Which answer it comes from"},
    "finding": {"Description": "One sentence"},
    "lesions": {"Description": "Case and lesion_id of the lesions that it rests on, separated by commas"},
}
#: Column here -> answer and its column there.
TAKEN: Mapping[str, tuple[str, str]] = {
    "primary_candidate": (primary.NAME, "first_candidate"),
    "m_category": (staging.NAME, "m_category"),
    "frac_lesions_gt_liver": (expression.NAME, "frac_lesions_gt_liver"),
    "frac_volume_gt_liver": (expression.NAME, "frac_volume_gt_liver"),
    "wb_sretv_ml": (expression.NAME, "wb_sretv_ml"),
    "num_fdg_only": (discordance.NAME, "num_fdg_only"),
    "volume_fdg_only_ml": (discordance.NAME, "volume_fdg_only_ml"),
    "netpet_auto": (discordance.NAME, "netpet_auto"),
    "percist": (response.NAME, "percist"),
    "num_new": (response.NAME, "num_new"),
    "recurrence": (response.NAME, "recurrence"),
}
WORDS: Mapping[str, Mapping[str, str]] = {
    "surgery": {
        YES: "The images show a possible primary and no metastasis, which speaks for looking at an operation.",
        NO: "The images show metastases outside the liver, which speaks against an operation that removes all disease.",
        OPEN: "The images leave open whether all disease could be removed.",
        NOT_KNOWN: "Whether all disease could be removed is not known from the images.",
    },
    "prrt": {
        YES: "Every lesion that can be judged takes up more DOTATATE than the liver, as radionuclide therapy asks.",
        NO: "No lesion takes up more DOTATATE than the liver, which radionuclide therapy asks for.",
        OPEN: "Not every lesion is known to take up more DOTATATE than the liver, which radionuclide therapy asks for.",
        NOT_KNOWN: "Whether lesions take up enough DOTATATE for radionuclide therapy is not known from the images.",
    },
    "against": {
        YES: "There is disease that takes up FDG and no DOTATATE, which argues against radionuclide therapy alone.",
        NO: "No disease was found that takes up FDG and no DOTATATE.",
        OPEN: "Whether there is disease that takes up FDG and no DOTATATE is not certain.",
        NOT_KNOWN: "Whether there is disease that takes up FDG and no DOTATATE is not known.",
    },
}


def answer(patient: Patient, settings: Settings) -> tuple[Answer, ...]:
    """The page of every visit; takes all settings, for it builds on five other answers."""
    gathered: dict[str, tuple[Answer, ...]] = {
        primary.NAME: primary.answer(patient, settings.primary),
        staging.NAME: staging.answer(patient, settings.staging),
        expression.NAME: expression.answer(patient, settings.expression),
        discordance.NAME: discordance.answer(patient, settings.discordance),
        response.NAME: response.answer(patient, settings.response),
    }
    return tuple(_at(patient, visit, gathered) for visit in patient.visits)


def for_surgery(stage: Answer | None, origin: Answer | None) -> str:
    """yes, no, open or not_known, by the rule of this module."""
    if stage is None or stage.status != "answered" or stage.category is None:
        return NOT_KNOWN
    reachable = {stage.category, *stage.alternatives}
    if reachable <= {"M1b", "M1c"}:
        return NO
    has_primary = origin is not None and origin.status == "answered" and bool(origin.values.get("num_candidates"))
    return YES if reachable == {"M0"} and has_primary else OPEN


def for_prrt(uptake: Answer | None) -> str:
    """yes, no, open or not_known, by the rule of this module."""
    if uptake is None or uptake.status != "answered" or uptake.category is None:
        return NOT_KNOWN
    reachable = {uptake.category, *uptake.alternatives}
    if reachable == {expression.ALL_ABOVE}:
        return YES
    return NO if reachable <= {expression.NONE_ABOVE, expression.NO_LESION} else OPEN


def against_prrt(classes: Answer | None) -> str:
    """yes, no, open or not_known, by the rule of this module."""
    if classes is None or classes.status != "answered" or classes.category is None:
        return NOT_KNOWN
    if classes.category == discordance.DISCORDANT:
        return YES
    return OPEN if classes.values.get("num_indeterminate") else NO


def _at(patient: Patient, visit: Visit, gathered: Mapping[str, Sequence[Answer]]) -> Answer:
    parts = {name: _of_visit(answers, visit) for name, answers in gathered.items()}
    points = {
        "surgery": for_surgery(parts[staging.NAME], parts[primary.NAME]),
        "prrt": for_prrt(parts[expression.NAME]),
        "against": against_prrt(parts[discordance.NAME]),
    }
    refusal = _refusal(patient, visit, points)
    if refusal is not None:
        return not_assessable(NAME, patient.patient_id, visit.name, refusal, needed=NEEDED, reader_decides=READER)
    values: dict[str, Fact] = dict.fromkeys(COLUMNS)
    values |= {
        "images_for_surgery": points["surgery"],
        "images_for_prrt": points["prrt"],
        "images_against_prrt": points["against"],
    }
    for column, (name, theirs) in TAKEN.items():
        part = parts[name]
        values[column] = None if part is None else part.values.get(theirs)
    stage = parts[staging.NAME]
    values["m_alternatives"] = None if stage is None else ",".join(stage.alternatives) or None
    rows = [row for name, part in parts.items() if part is not None for row in _rows(name, part)]
    not_known = [f"{PARTS[name]}: {_why(part)}" for name, part in parts.items() if _why(part)]
    return Answer(
        question=NAME,
        patient=patient.patient_id,
        visit=visit.name,
        status="answered",
        values=values,
        rows=tuple(rows),
        reasons=_reasons(points, parts),
        needed=NEEDED,
        missing=tuple(not_known),
        reader_decides=READER,
        settings={name: dict(part.settings) for name, part in parts.items() if part is not None},
    )


def _of_visit(answers: Sequence[Answer], visit: Visit) -> Answer | None:
    """The answer of this visit; None where the question has none for it (response, at the first visit)."""
    return next((a for a in answers if a.visit == visit.name), None)


def _refusal(patient: Patient, visit: Visit, points: Mapping[str, str]) -> str | None:
    if patient.disease == "tio":
        return "The page is about neuroendocrine tumours; for osteomalacia the question is where the culprit lies."
    if not visit.pets:
        return "The visit has no PET."
    if set(points.values()) == {NOT_KNOWN}:
        return "Neither stage, nor receptor expression, nor tracer discordance is assessable."
    return None


def _why(part: Answer | None) -> str:
    """Why a part is not assessable; empty where it is, or where there is none for this visit."""
    return "" if part is None or part.status == "answered" else part.reasons[0].text.rstrip(".")


def _rows(name: str, part: Answer) -> list[Mapping[str, Fact]]:
    prefix = "" if part.status == "answered" else "Not assessable: "
    return [
        {
            "about": PARTS[name],
            "from": name,
            "finding": f"{prefix}{reason.text}",
            "lesions": ",".join(reason.lesions) or None,
        }
        for reason in part.reasons
    ]


def _reasons(points: Mapping[str, str], parts: Mapping[str, Answer | None]) -> tuple[Reason, ...]:
    """What images point to, each with the lesions of the answer behind it; then what happened since the first visit."""
    behind = {"surgery": staging.NAME, "prrt": expression.NAME, "against": discordance.NAME}
    reasons = [Reason(WORDS[topic][point], _lesions(parts[behind[topic]])) for topic, point in points.items()]
    course = parts[response.NAME]
    if course is not None and course.status == "answered":
        reasons += list(course.reasons)
    return tuple(reasons)


def _lesions(part: Answer | None) -> tuple[str, ...]:
    found = () if part is None else (key for reason in part.reasons for key in reason.lesions)
    return tuple(dict.fromkeys(found))


QUESTION = Question(
    8,
    NAME,
    "What do the images say that matters for treatment?",
    answer,
    COLUMNS,
    ROW_COLUMNS,
    "finding",
    True,
    of_disease=True,
)
