"""Answer 6: did treatment work, is the disease back?
 For every visit after the first: what became of each lesion since the visit before (`answers.longitudinal`), PERCIST
1.0, PERCIST-5 and EORTC of FDG against the first visit, exploratory changes of DOTATATE under their own label, RECIST
1.1 from a reader's diameters, and recurrence after an operation, inside or outside the resection bed (clinical.md 4).
Scans that are not comparable make PERCIST and EORTC NE; `percist_as_measured` tells what they would have been.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scipy.spatial import cKDTree

from netlesion.answers.answer import Answer, Question, Reason, keys, not_assessable, settings_dict
from netlesion.answers.criteria import NE, RECIST_LONG_MM, RECIST_NODE_MM, RecistTarget, Verdict, recist, sstr_class
from netlesion.answers.fdg_response import FdgResponse, fdg_response
from netlesion.answers.finding import FDG, SSTR
from netlesion.answers.longitudinal import Change
from netlesion.answers.patient import TRACER_WORDS, Diameters, Fact, Lesion, Patient, Visit
from netlesion.answers.series import Series, not_comparable, words_of
from netlesion.answers.settings import ResponseSettings
from netlesion.answers.uptake import hottest
from netlesion.answers.words import counted, named, spoken

NAME = "response"
NEEDED = (
    "two visits with a PET of the same tracer and its image (--cohort)",
    "transforms between them (netlesion register --followups)",
    "for PERCIST: liver and blood pool, weight, height and sex; for EORTC: cycles_completed (sessions.tsv)",
    "for RECIST: a reader's diameters (diameters.tsv)",
    "for recurrence: surgery_date, or surgery as therapy (sessions.tsv), and a mask desc-bed",
)
READER = (
    "whether a change is one of disease: a fall of DOTATATE may be death of cells or dedifferentiation",
    "whether a new FDG-avid lesion is typical of cancer",
)
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "baseline_visit": {"Description": "Visit that the criteria compare with"},
    "percist": {"Description": "PERCIST 1.0 of FDG: CMR, PMR, SMD, PMD, NE"},
    "percist_as_measured": {"Description": "The same whatever makes the scans not comparable"},
    "percist_percent": {"Description": "Change of SULpeak of the hottest lesion", "Units": "%"},
    "percist_sul": {"Description": "Change of SULpeak of the hottest lesion", "Units": "g/ml"},
    "percist5": {"Description": "The per cent rule on the sum of up to five hottest lesions"},
    "eortc": {"Description": "EORTC 1999 of FDG: CMR, PMR, SMD, PMD, NE"},
    "eortc_percent": {"Description": "Change of the sum of SUVmax over the targets", "Units": "%"},
    "not_comparable_fdg": {"Description": "Why the FDG scans are not comparable"},
    "sstr_exploratory": {
        "Description": "Exploratory band of DOTATATE volume, no accepted criterion: increase, decrease, stable, mixed"
    },
    "sstr_volume_percent": {"Description": "Change of whole-body SRETV", "Units": "%"},
    "sstr_tlsre_percent": {"Description": "Change of whole-body TLSRE", "Units": "%"},
    "sstr_suvpeak_percent": {"Description": "Change of SUVpeak of the hottest lesion", "Units": "%"},
    "sstr_to_liver_percent": {"Description": "Change of lesion to liver, mean over lesions seen twice", "Units": "%"},
    "sstr_to_spleen_percent": {"Description": "The same of lesion to spleen", "Units": "%"},
    "not_comparable_sstr": {"Description": "What warns against comparing the DOTATATE scans"},
    "num_new": {"Description": "New lesions since the first visit, of all tracers", "Units": "1"},
    "num_resolved": {"Description": "Lesions that resolved since the visit before, of all tracers", "Units": "1"},
    "recist": {"Description": "RECIST 1.1 from a reader's diameters: CR, PR, SD, PD, NE"},
    "recist_sum_before_mm": {"Description": "Sum of diameters of the targets at the first visit", "Units": "mm"},
    "recist_sum_mm": {"Description": "The same now", "Units": "mm"},
    "recurrence": {"Description": "After an operation: none, in_bed, elsewhere, both, somewhere (no bed is given)"},
}
ROW_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "tracer": {"Description": "sstr or fdg"},
    "before_visit": {"Description": "The visit before with this tracer"},
    "lesions_before": {"Description": "Case and lesion_id, separated by commas"},
    "lesions_after": {"Description": "The same at this visit"},
    "class": {"Description": "persistent, resolved, new, split, merged, complex, not_assessable or newly_segmented"},
    "why": {"Description": "What a class rests on that is not plain"},
    "volume_percent": {"Description": "Change of the sum of volumes", "Units": "%"},
    "suvpeak_percent": {"Description": "Change of the highest SUVpeak", "Units": "%"},
    "total_uptake_percent": {"Description": "Change of the sum of TLSRE or TLG", "Units": "%"},
    "distance_mm": {"Description": "Between the centroids, in the patient's frame", "Units": "mm"},
    "residual_mm": {"Description": "How well the transform fits, inverse consistency", "Units": "mm"},
}


def answer(patient: Patient, settings: ResponseSettings) -> tuple[Answer, ...]:
    """Changes and criteria at every visit after the first."""
    if len(patient.visits) < 2:
        why = "There is one visit only." if patient.visits else "There is no visit."
        return (
            not_assessable(
                NAME, patient.patient_id, None, why, needed=NEEDED, settings=settings, reader_decides=READER
            ),
        )
    series = {t: Series.of(patient, t, settings) for t in (FDG, SSTR)}
    return tuple(_at(patient, n, series, settings) for n in range(1, len(patient.visits)))


def _at(patient: Patient, n: int, series: Mapping[str, Series], settings: ResponseSettings) -> Answer:
    visit = patient.visits[n]
    index = {t: i for t, s in series.items() if (i := s.index(visit.name)) is not None and i > 0}
    if not index:
        apart = [t for t, s in series.items() if visit.name in s.apart]
        why = (
            f"No transform leads from the first visit to this one ({TRACER_WORDS[apart[0]]}; netlesion register "
            "--followups)."
            if apart
            else "No tracer was used both at this visit and at an earlier one."
        )
        return not_assessable(
            NAME, patient.patient_id, visit.name, why, needed=NEEDED, settings=settings, reader_decides=READER
        )
    fdg = fdg_response(series[FDG], index[FDG], _cycles(patient, n), settings) if FDG in index else None
    sstr, sstr_values, sstr_warnings = _sstr(series[SSTR], index.get(SSTR), settings)
    new = tuple(x for t, i in index.items() for x in series[t].new_at(i))
    resolved = tuple(x for t, i in index.items() for x in series[t].resolved_at(i))
    of_recist, sums, recist_why = _recist(patient, series, index, settings)
    recurrence, recurrence_reason = _recurrence(patient, n, series, index, settings)
    values: dict[str, Fact] = {
        "baseline_visit": next(series[t].pets[0].visit for t in index),
        **_fdg_values(fdg),
        **sstr_values,
        "num_new": len(new),
        "num_resolved": len(resolved),
        "recist": None if of_recist is None else of_recist.category,
        "recist_sum_before_mm": None if sums is None else sums[0],
        "recist_sum_mm": None if sums is None else sums[1],
        "recurrence": recurrence,
    }
    category = values["percist"] if values["percist"] is not None else values["sstr_exploratory"]
    missing = [*(fdg.missing if fdg is not None else ("an FDG PET at both visits, for PERCIST and EORTC",))]
    missing += [] if SSTR in index else ["a DOTATATE PET at both visits"]
    missing += [] if recist_why is None else [recist_why]
    return Answer(
        question=NAME,
        patient=patient.patient_id,
        visit=visit.name,
        status="answered",
        category=None if category is None else str(category),
        alternatives=_alternatives(values),
        values=values,
        rows=tuple(_row(series[t], i, c) for t, i in index.items() for c in series[t].steps[i - 1]),
        reasons=(
            *_fdg_reasons(fdg),
            *_sstr_reasons(series[SSTR], index.get(SSTR), sstr, sstr_warnings),
            *_change_reasons(series, index, new),
            *([] if of_recist is None else [Reason(f"RECIST 1.1: {of_recist.category}, because {of_recist.why}.")]),
            *recurrence_reason,
        ),
        needed=NEEDED,
        missing=tuple(missing),
        reader_decides=READER,
        settings=settings_dict(settings),
    )


def _alternatives(values: Mapping[str, Fact]) -> tuple[str, ...]:
    measured = values["percist_as_measured"]
    return (str(measured),) if values["percist"] == NE and measured not in (None, NE) else ()


def _cycles(patient: Patient, n: int) -> int | None:
    """Cycles completed since the first visit: those of every visit after it that tells."""
    told = [v.cycles_completed for v in patient.visits[1 : n + 1] if v.cycles_completed is not None]
    return sum(told) if told else None


def _fdg_values(fdg: FdgResponse | None) -> dict[str, Fact]:
    def category(verdict: Verdict | None) -> str | None:
        return None if verdict is None else verdict.category

    numbers = None if fdg is None else fdg.numbers
    return {
        "percist": None if fdg is None else category(fdg.percist),
        "percist_as_measured": None if fdg is None else category(fdg.as_measured),
        "percist_percent": None if numbers is None else numbers.percent,
        "percist_sul": None if numbers is None else numbers.absolute,
        "percist5": None if fdg is None else category(fdg.percist5),
        "eortc": None if fdg is None else category(fdg.eortc),
        "eortc_percent": None if fdg is None else fdg.eortc_percent,
        "not_comparable_fdg": None if fdg is None else "; ".join(fdg.not_comparable) or None,
    }


def _sstr(
    series: Series, index: int | None, settings: ResponseSettings
) -> tuple[Verdict | None, dict[str, Fact], tuple[str, ...]]:
    names = [name for name in COLUMNS if name.startswith("sstr_") or name == "not_comparable_sstr"]
    if index is None:
        return None, dict.fromkeys(names), ()
    before, after = series.pets[0], series.pets[index]
    volumes = [sum(x.volume_ml for x in pet.lesions) for pet in (before, after)]
    totals = [sum(x.total_uptake_g for x in pet.lesions) for pet in (before, after)]
    peaks = [max((x.suvpeak for x in pet.lesions), default=0.0) for pet in (before, after)]
    warnings = not_comparable(before, after, settings)
    verdict = sstr_class(volumes[0], volumes[1], len(series.new_at(index)), settings)
    values: dict[str, Fact] = {
        "sstr_exploratory": verdict.category,
        "sstr_volume_percent": _percent(*volumes),
        "sstr_tlsre_percent": _percent(*totals),
        "sstr_suvpeak_percent": _percent(*peaks),
        "sstr_to_liver_percent": _to_organ_percent(series, index, "liver"),
        "sstr_to_spleen_percent": _to_organ_percent(series, index, "spleen"),
        "not_comparable_sstr": "; ".join(warnings) or None,
    }
    return verdict, values, warnings


def _to_organ_percent(series: Series, index: int, organ: str) -> float | None:
    """Change of the mean ratio of SUVpeak to an organ's hottest sphere over the lesions that are there twice."""
    before, after = series.pets[0], series.pets[index]
    a, b = before.references.found.get(organ), after.references.found.get(organ)
    if a is None or b is None or a.peak <= 0 or b.peak <= 0:
        return None
    pairs = [(x.suvpeak, series.of_track(x, index)) for x in before.lesions]
    twice = [(peak, max(y.suvpeak for y in later)) for peak, later in pairs if later]
    if not twice:
        return None
    return _percent(sum(p for p, _ in twice) / a.peak, sum(q for _, q in twice) / b.peak)


def _percent(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None or before <= 0 else 100.0 * (after - before) / before


def _recist(
    patient: Patient, series: Mapping[str, Series], index: Mapping[str, int], settings: ResponseSettings
) -> tuple[Verdict | None, tuple[float, float] | None, str | None]:
    """Verdict, sums of diameters before and now, and why there is none; of the tracer with more measured targets."""
    if not patient.diameters:
        return None, None, "a reader's diameters, so that RECIST has no value"
    tracer = max(index, key=lambda t: (sum(x.key in patient.diameters for x in series[t].pets[0].lesions), t == FDG))
    one, i = series[tracer], index[tracer]
    measured = [x for x in one.pets[0].lesions if _is_target(x, patient.diameters)]
    targets = hottest(measured, settings.targets, settings.targets_per_organ)
    sums = []
    for at in range(1, i + 1):
        found = [_target(x, one, at, patient.diameters) for x in targets]
        if any(t is None for t in found):
            if at == i:
                return Verdict(NE, "a target has no diameter at this visit"), None, None
            continue
        sums.append([t for t in found if t is not None])
    now = sums[-1] if sums else []
    before = sum(t.before_mm for t in now)
    nadir = min([before, *(sum(t.after_mm for t in each) for each in sums[:-1])])
    new = len(series[FDG].new_at(index[FDG])) if FDG in index else 0
    return recist(now, nadir, new), (before, sum(t.after_mm for t in now)), None


def _is_target(lesion: Lesion, diameters: Mapping[str, Diameters]) -> bool:
    found = diameters.get(lesion.key)
    if found is None:
        return False
    if lesion.region == "node":
        return found.short_axis_mm is not None and found.short_axis_mm >= RECIST_NODE_MM
    return found.long_axis_mm >= RECIST_LONG_MM


def _target(lesion: Lesion, series: Series, at: int, diameters: Mapping[str, Diameters]) -> RecistTarget | None:
    """A target's diameters at the first PET and at another; 0 where its lesion is gone, None where not measured."""
    node = lesion.region == "node"

    def axis(found: Diameters | None) -> float | None:
        return None if found is None else found.short_axis_mm if node else found.long_axis_mm

    before, later = axis(diameters.get(lesion.key)), series.of_track(lesion, at)
    after = [axis(diameters.get(x.key)) for x in later]
    if before is None or any(mm is None for mm in after):
        return None
    return RecistTarget(node, before, sum(mm for mm in after if mm is not None))


def _recurrence(
    patient: Patient, n: int, series: Mapping[str, Series], index: Mapping[str, int], settings: ResponseSettings
) -> tuple[str | None, tuple[Reason, ...]]:
    """New lesions since the first visit after an operation, by the bed (clinical.md 4.5)."""
    start = next((m for m, v in enumerate(patient.visits) if _is_after_surgery(v, patient.visits, m)), None)
    if start is None or n <= start:
        return None, ()
    new: list[Lesion] = []
    for tracer, i in index.items():
        since = series[tracer].index(patient.visits[start].name)
        if since is not None and i > since:
            new += series[tracer].new_at(i, since)
    if not new:
        return "none", (
            Reason(f"No lesion is new since {patient.visits[start].name}, the first visit after the operation."),
        )
    if patient.bed_mm is None:
        text = f"New since the operation, with no resection bed given: {named(new)}."
        return "somewhere", (Reason(text, keys(new)),)
    tree = cKDTree(patient.bed_mm)
    inside = [x for x in new if x.placed_mm is not None and tree.query(x.placed_mm)[0].min() <= settings.bed_mm]
    outside = [x for x in new if x not in inside]
    where = "both" if inside and outside else "in_bed" if inside else "elsewhere"
    groups = ((inside, "in the resection bed"), (outside, "outside the resection bed"))
    return where, tuple(Reason(f"New since the operation {place}: {named(x)}.", keys(x)) for x, place in groups if x)


def _is_after_surgery(visit: Visit, visits: Sequence[Visit], m: int) -> bool:
    if visit.therapy == "surgery":
        return True
    days = [v.surgery_days for v in visits if v.surgery_days is not None]
    return bool(days) and visit.days is not None and visit.days >= max(days)


def _row(series: Series, index: int, change: Change) -> dict[str, Fact]:
    peaks = change.peaks
    return {
        "tracer": series.tracer,
        "before_visit": series.pets[index - 1].visit,
        "lesions_before": ",".join(keys(change.before)) or None,
        "lesions_after": ",".join(keys(change.after)) or None,
        "class": change.status,
        "why": change.why,
        "volume_percent": _percent(*change.volumes_ml) if change.after else None,
        "suvpeak_percent": _percent(*peaks),
        "total_uptake_percent": _percent(*change.uptakes_g) if change.after else None,
        "distance_mm": change.distance_mm,
        "residual_mm": series.pets[index].residual_mm,
    }


def _fdg_reasons(fdg: FdgResponse | None) -> tuple[Reason, ...]:
    if fdg is None or fdg.percist is None or fdg.as_measured is None:
        return ()
    reasons = [Reason(f"FDG by PERCIST 1.0: {fdg.percist.category}, because {fdg.percist.why}.", keys(fdg.targets))]
    if fdg.percist.category == NE and fdg.as_measured.category != NE:
        text = f"Had the scans been comparable it would be {fdg.as_measured.category}, because {fdg.as_measured.why}."
        reasons.append(Reason(text, keys(fdg.targets)))
    if fdg.eortc is not None and not fdg.not_comparable:
        reasons.append(Reason(f"FDG by EORTC 1999: {fdg.eortc.category}, because {fdg.eortc.why}.", keys(fdg.targets)))
    return tuple(reasons)


def _sstr_reasons(
    series: Series, index: int | None, verdict: Verdict | None, warnings: Sequence[str]
) -> tuple[Reason, ...]:
    if verdict is None or index is None:
        return ()
    lesions = (*series.pets[0].lesions, *series.pets[index].lesions)
    text = f"DOTATATE, exploratory, by no accepted criterion: {spoken(verdict.category)}, because {verdict.why}."
    reasons = [Reason(text, keys(lesions))]
    if warnings:
        reasons.append(Reason(f"The DOTATATE scans should be compared with caution: {'; '.join(warnings)}."))
    return tuple(reasons)


def _change_reasons(
    series: Mapping[str, Series], index: Mapping[str, int], new: Sequence[Lesion]
) -> tuple[Reason, ...]:
    reasons = []
    if new:
        head = counted(len(new), "lesion is", "lesions are")
        reasons.append(Reason(f"{head[0].upper()}{head[1:]} new since the first visit: {named(new)}.", keys(new)))
    for tracer, i in index.items():
        before = series[tracer].pets[i - 1].visit
        for change in series[tracer].steps[i - 1]:
            if change.status == "persistent" or change.status == "new":
                continue
            lesions = change.before or change.after
            when = f"of {before} " if change.before else ""
            because = f", because {change.why}" if change.why else ""
            text = f"{named(lesions)} {when}{'is' if len(lesions) == 1 else 'are'} {words_of(change)}{because}."
            reasons.append(Reason(text, keys((*change.before, *change.after))))
    if not reasons:
        reasons.append(Reason("Every lesion is there at both visits, and none is new."))
    return tuple(reasons)


QUESTION = Question(
    6,
    NAME,
    "Did treatment work, and is the disease back?",
    answer,
    COLUMNS,
    ROW_COLUMNS,
    row_name="change",
    row_key=("lesions_before", "lesions_after"),
    of_disease=True,
)
