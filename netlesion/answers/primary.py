"""Answer 2: where is the primary, and where are the metastases? Candidates in order, each with its reasons.

`primary_rank` is this project's score [P], not a probability:

    weight of the region (settings)
    * 2 p            p: the network's probability of primary over metastasis, where it gives one
    * (1 + m) / 2    m: by how much the region won, where the next is no organ that NET arise in
    * given_site     where the primary site is given and this region is not it (touching: bowel beside bowel)
    * 1.5            where nodes or deposits lie in the drainage of the region; at most 1 in all

A lesion beside an organ where NET arise (its next region) has half of what it would have in it. Regions where NET
arise weigh much; liver, bone and nodes hardly anything. In the lung several lesions speak for
metastases. Ties: the larger one first. A lesion that both tracers show is one candidate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from netlesion.answers.answer import Answer, Question, Reason, keys, not_assessable, settings_dict
from netlesion.answers.gaps import Place, gap_mm
from netlesion.answers.patient import Lesion, Patient, Visit
from netlesion.answers.settings import PrimarySettings
from netlesion.answers.staging import SITES, TOUCHING, UNKNOWN_PRIMARY, station_name
from netlesion.answers.words import counted, named, number, spoken

NAME = "primary"
NEEDED = ("lesions of at least one PET", "an organ map, for the region of each lesion")
READER = (
    "whether the first candidate is the primary: histology decides",
    "whether the primary was removed, or is too small or too faint to be seen",
)
#: Region -> stations of nodes and regions of deposits that speak for it (AJCC 8's regional nodes, `staging.SITES`).
DRAINAGE: Mapping[str, frozenset[str]] = {
    region: stations for regions, stations in SITES.values() for region in regions
}
DRAINAGE_FACTOR, EVEN, DOUBTFUL = 1.5, 0.5, 0.5
#: Not every pancreatic focus is a tumour (clinical.md 5.3).
CAUTION: Mapping[str, str] = {
    "pancreas": "The uncinate process may take up DOTATATE without a tumour.",
    "stomach": "The wall of the stomach may take up both tracers without a tumour.",
    "colon": "Bowel may take up FDG without a tumour.",
}
NO_CANDIDATE = "no_candidate"
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "primary_site_given": {"Description": "Primary site of participants.tsv"},
    "first_candidate": {"Description": "Case and lesion_id of the first candidate"},
    "first_score": {"Description": "Its primary_rank, a project-made score", "Units": "1"},
    "num_candidates": {"Description": "Lesions whose primary_rank reaches the threshold", "Units": "1"},
    "num_metastases": {"Description": "Other lesions, one that both tracers show counted once", "Units": "1"},
    "metastatic_regions": {"Description": "Their regions with numbers"},
}
ROW_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "rank": {"Description": "From 1", "Units": "1"},
    "lesion": {"Description": "Case and lesion_id"},
    "other_tracer": {"Description": "The same lesion on the other tracer, where it is seen there"},
    "region": {"Description": "Region of the body"},
    "primary_rank": {"Description": "Project-made score, 0 to 1", "Units": "1"},
    "p_primary": {"Description": "The network's probability of primary, where it gives one", "Units": "1"},
    "candidate": {"Description": "Whether the score reaches the threshold"},
    "why": {"Description": "What speaks for and against it"},
}


@dataclass(frozen=True)
class Candidate:
    """A lesion, what else it is on the other tracer, the organ it would have come from, its score and why."""

    lesion: Lesion
    twins: tuple[Lesion, ...]
    site: str
    score: float
    why: tuple[str, ...]

    @property
    def volume_ml(self) -> float:
        return max(x.volume_ml for x in (self.lesion, *self.twins))


def answer(patient: Patient, settings: PrimarySettings) -> tuple[Answer, ...]:
    """Ranked candidates at every visit."""
    return tuple(_at(patient, visit, settings) for visit in patient.visits)


def candidates(visit: Visit, site: str | None, settings: PrimarySettings) -> tuple[Candidate, ...]:
    """Every lesion of a visit in order of its score; the same for any order of the lesions."""
    merged = _merged(visit.lesions(), settings.same_mm)
    lung = sum(lesion.region == "lung" for lesion, _ in merged)
    around = {station_name(x.station) for x, _ in merged if x.station is not None}
    around |= {"mesenteric" for x, _ in merged if x.region == "abdominal_other"}
    found = [_best((lesion, *twins), site, lung, around, settings) for lesion, twins in merged]
    return tuple(sorted(found, key=lambda c: (-c.score, -c.volume_ml, c.lesion.key)))


def _at(patient: Patient, visit: Visit, settings: PrimarySettings) -> Answer:
    lesions, site = visit.lesions(), patient.primary_site
    why = None
    if patient.disease == "tio":
        why = "Tumour-induced osteomalacia has a culprit and no primary (question culprit)."
    elif not visit.pets:
        why = "The visit has no PET."
    elif lesions and all(x.region is None for x in lesions):
        why = "No organ map is there, so that the region of no lesion is known."
    if why is not None:
        return not_assessable(
            NAME, patient.patient_id, visit.name, why, needed=NEEDED, settings=settings, reader_decides=READER
        )
    ranked = candidates(visit, site, settings)
    named_ = [c for c in ranked if c.score >= settings.threshold]
    first = named_[0] if named_ else None
    others = [c.lesion for c in ranked if c is not first]
    regions = {
        r: sum((x.region or "unknown") == r for x in others) for r in sorted({x.region or "unknown" for x in others})
    }
    close = {c.site for c in named_[1:]} - {None if first is None else first.site}
    return Answer(
        question=NAME,
        patient=patient.patient_id,
        visit=visit.name,
        status="answered",
        category=NO_CANDIDATE if first is None else first.site,
        alternatives=tuple(sorted(close)),
        values={
            "primary_site_given": site,
            "first_candidate": None if first is None else first.lesion.key,
            "first_score": None if first is None else first.score,
            "num_candidates": len(named_),
            "num_metastases": len(others),
            "metastatic_regions": ", ".join(f"{region} {n}" for region, n in regions.items()) or None,
        },
        rows=tuple(
            {
                "rank": rank,
                "lesion": c.lesion.key,
                "other_tracer": ",".join(keys(c.twins)) or None,
                "region": c.lesion.region,
                "primary_rank": c.score,
                "p_primary": c.lesion.p_primary,
                "candidate": c.score >= settings.threshold,
                "why": " ".join(c.why),
            }
            for rank, c in enumerate(ranked, start=1)
        ),
        reasons=_reasons(named_, others, regions),
        needed=NEEDED,
        missing=() if any(x.p_primary is not None for x in lesions) or not lesions else (
            "a network that tells primary from metastasis, so that region and pattern alone decide",
        ),
        reader_decides=READER,
        settings=settings_dict(settings),
    )  # fmt: skip


def _merged(lesions: Sequence[Lesion], same_mm: float) -> list[tuple[Lesion, tuple[Lesion, ...]]]:
    """Each lesion once: one of the second tracer joins the nearest of the first, where both are placed."""
    ordered = sorted(lesions, key=lambda x: x.key)
    tracers = sorted({x.tracer for x in ordered}, key=lambda t: t != "sstr")
    first = [x for x in ordered if tracers and x.tracer == tracers[0]]
    twins: dict[str, list[Lesion]] = {x.key: [] for x in first}
    alone = []
    for other in (x for x in ordered if x not in first):
        gaps = [(_gap(x, other, same_mm), x.key) for x in first]
        gap, key = min(gaps, default=(float("inf"), ""))
        if gap <= same_mm:
            twins[key].append(other)
        else:
            alone.append(other)
    return [(x, tuple(twins[x.key])) for x in first] + [(x, ()) for x in alone]


def _gap(a: Lesion, b: Lesion, reach_mm: float) -> float:
    if a.placed_mm is None or b.placed_mm is None:
        return float("inf")
    return gap_mm(Place(a.placed_mm, a.voxel_ml), Place(b.placed_mm, b.voxel_ml), reach_mm)


def _candidate(
    lesion: Lesion, twins: tuple[Lesion, ...], site: str | None, lung: int, around: set[str], settings: PrimarySettings
) -> Candidate:
    region = lesion.region or "elsewhere"
    weights = {f.name: float(getattr(settings, f.name)) for f in fields(settings)}
    margin = lesion.region_confidence
    if region not in DRAINAGE and lesion.runner_up in DRAINAGE and (margin or 0.0) < settings.clear_margin:
        return _in_runner_up(lesion, twins, site, lung, around, settings)
    holds = region in weights and region not in (
        "given_site",
        "threshold",
        "many_in_lung",
        "same_mm",
        "clear_margin",
        "touching",
    )
    score = weights[region] if holds else settings.elsewhere
    why = [
        f"NET arise in the {spoken(region)}." if holds else f"A primary is rare in the {spoken(region)}."
    ]  # fmt: skip
    if region == "lung" and lung >= settings.many_in_lung:
        score = settings.elsewhere
        why = [f"{counted(lung, 'lung lesion')[0].upper()}{counted(lung, 'lung lesion')[1:]} speak for metastases."]
    if holds and margin is not None and lesion.runner_up not in DRAINAGE:
        score *= DOUBTFUL + (1.0 - DOUBTFUL) * margin
        if margin < settings.clear_margin:
            why.append(f"It may lie beside the {spoken(region)} and not in it.")
    p = next((x.p_primary for x in (lesion, *twins) if x.p_primary is not None), None)
    if p is not None:
        score *= p / EVEN
        why.append(f"The network's probability of a primary is {number(100 * p, '%', 0)}.")
    if site is not None and site != UNKNOWN_PRIMARY and site in SITES:
        if region in SITES[site][0]:
            why.append(f"The primary site is given as {spoken(site)}.")
        elif TOUCHING.get(region) in SITES[site][0]:
            score *= settings.touching
            why.append(f"The primary site is given as {spoken(site)}, whose loops touch this organ.")
        else:
            score *= settings.given_site
            why.append(f"The primary site is given as {spoken(site)}, which is elsewhere.")
    if holds and around & DRAINAGE.get(region, frozenset()):
        score *= DRAINAGE_FACTOR
        why.append("Nodes or deposits lie where it drains to.")
    if holds and region in CAUTION:
        why.append(CAUTION[region])
    return Candidate(lesion, twins, region, min(score, 1.0), tuple(why))


def _best(
    same: Sequence[Lesion], site: str | None, lung: int, around: set[str], settings: PrimarySettings
) -> Candidate:
    """One lesion that both tracers may show, told by the tracer that places it better."""
    seen = [_candidate(x, tuple(y for y in same if y is not x), site, lung, around, settings) for x in same]
    return max(seen, key=lambda c: c.score)


def _in_runner_up(
    lesion: Lesion, twins: tuple[Lesion, ...], site: str | None, lung: int, around: set[str], settings: PrimarySettings
) -> Candidate:
    """The lesion as if it lay in the next region, which it narrowly missed and where NET arise: half of that score."""
    missed = replace(lesion, region=lesion.runner_up, runner_up=None, region_confidence=1.0)
    found = _candidate(missed, twins, site, lung, around, settings)
    seems = f"It seems to be in the {spoken(lesion.region or 'lesion')}, close to the {spoken(lesion.runner_up or '')}."
    score = DOUBTFUL * (1.0 - (lesion.region_confidence or 0.0)) * found.score
    return Candidate(lesion, twins, found.site, score, (seems, *found.why))


def _reasons(named_: Sequence[Candidate], others: Sequence[Lesion], regions: Mapping[str, int]) -> tuple[Reason, ...]:
    reasons = []
    for n, c in enumerate(named_, start=1):
        every = (c.lesion, *c.twins)
        text = f"Candidate {n} is {named(every)} as a primary of the {spoken(c.site)}. {' '.join(c.why)}"
        reasons.append(Reason(text, keys(every)))
    if not named_:
        reasons.append(Reason("No lesion lies where a neuroendocrine primary would be expected."))
    if others:
        where = ", ".join(f"{spoken(region)} {n}" for region, n in regions.items())
        reasons.append(Reason(f"Counted as metastases unless the primary is among them: {where}.", keys(others)))
    return tuple(reasons)


QUESTION = Question(
    2,
    NAME,
    "Where is the primary, and where are the metastases?",
    answer,
    COLUMNS,
    ROW_COLUMNS,
    "candidate",
    of_disease=True,
)
