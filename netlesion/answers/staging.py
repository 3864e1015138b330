"""Answer 3: what stage is that? M for a given primary site, N suggested, T of the pancreas from a reader's diameters.

    L = any lesion in the liver,  E = any lesion outside the liver that is neither the primary nor in a regional node
    (L, E) -> (0,0) M0, (1,0) M1a, (0,1) M1b, (1,1) M1c              AJCC 8, clinical.md 5.1 and 5.2

A lesion of doubtful score, region or station has several roles; the alternatives are every category that some choice of
them reaches. N: N0 or N1, for jejunum and ileum N2 from 12 regional nodes or a mesenteric mass above 20 mm. T of the
pancreas: below 20 mm T1, to 40 mm T2, above T3; TX elsewhere and without a diameter. Takes a Patient, knows no files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netlesion.answers.answer import Answer, Question, Reason, keys, not_assessable, settings_dict
from netlesion.answers.patient import Lesion, Patient, Visit
from netlesion.answers.settings import StagingSettings
from netlesion.answers.words import counted, listed, named, spoken

NAME = "staging"
#: Primary site -> (regions that hold it, stations of its regional nodes). The stations are AJCC 8's lists in the words
#: of clinical.md 5.3 [M:med]; a physician must confirm them.
SITES: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "pancreas": (frozenset({"pancreas"}), frozenset({"hilar_hepatic", "mesenteric"})),
    "stomach": (frozenset({"stomach"}), frozenset({"hilar_hepatic"})),
    "duodenum": (frozenset({"duodenum"}), frozenset({"hilar_hepatic", "mesenteric"})),
    "jejunum": (frozenset({"small_bowel"}), frozenset({"mesenteric"})),
    "ileum": (frozenset({"small_bowel"}), frozenset({"mesenteric"})),
    "small_bowel": (frozenset({"small_bowel"}), frozenset({"mesenteric"})),
    "appendix": (frozenset({"colon", "small_bowel"}), frozenset({"mesenteric"})),
    "colon": (frozenset({"colon"}), frozenset({"mesenteric"})),
    "rectum": (frozenset({"colon"}), frozenset({"mesenteric", "iliac"})),
}
#: Organs that a lesion of one may seem to lie in the other of: loops of bowel touch [P].
TOUCHING: Mapping[str, str] = {"small_bowel": "colon", "colon": "small_bowel"}
#: Sites for which AJCC 8 tells N2 from N1 by number and size.
N2_SITES = frozenset({"jejunum", "ileum", "small_bowel"})
N2_NODES, N2_MASS_MM = 12, 20.0
T1_MM, T2_MM = 20.0, 40.0
#: Sites that may be given and are staged by other rules.
OTHER_RULES: Mapping[str, str] = {
    "lung": "a lung NET follows the lung's TNM, which needs the tumour's size and place in the bronchial tree",
    "other": "the M1a to M1c of AJCC 8 are those of gastro-entero-pancreatic tumours",
}
UNKNOWN_PRIMARY = "unknown"
#: Every value that `primary_site` of participants.tsv may have.
PRIMARY_SITES = (*SITES, *OTHER_RULES, UNKNOWN_PRIMARY)
CATEGORIES: Mapping[tuple[bool, bool], str] = {
    (False, False): "M0", (True, False): "M1a", (False, True): "M1b", (True, True): "M1c",
}  # fmt: skip
NEEDED = (
    "lesions of at least one PET",
    "an organ map, for the region of each lesion",
    "the primary site (primary_site in participants.tsv)",
)
READER = (
    "whether the tumour is a well-differentiated NET: a neuroendocrine carcinoma follows the carcinoma's chapter",
    "T of the gut, which is depth of invasion, and T4 (invasion of vessels and neighbouring organs)",
    "whether abdominal deposits outside every organ are peritoneal, mesenteric or ovarian: no organ map names these",
)
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "primary_site": {"Description": "Primary site as given in participants.tsv"},
    "m_category": {"Description": "M of AJCC 8 for gastro-entero-pancreatic NET: M0, M1a, M1b, M1c"},
    "n_suggested": {"Description": "N suggested from lesions in regional nodes: N0, N1, N2"},
    "t_category": {"Description": "T of the pancreas from a reader's diameter, else TX"},
    "num_liver": {"Description": "Lesions in the liver, on the tracer that shows more of them", "Units": "1"},
    "num_distant": {"Description": "Extrahepatic metastases, likewise", "Units": "1"},
    "num_regional_nodes": {"Description": "Lesions in regional nodes, likewise", "Units": "1"},
    "num_uncertain": {"Description": "Lesions whose role is uncertain, of all tracers", "Units": "1"},
}
ROW_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "lesion": {"Description": "Case and lesion_id"},
    "role": {"Description": "liver, distant, regional_node, primary or not_counted"},
    "other_roles": {"Description": "Roles it might have instead, separated by commas"},
    "region": {"Description": "Region of the body"},
    "station": {"Description": "Station of a node"},
}
LIVER, DISTANT, NODE, PRIMARY, NOT_COUNTED = "liver", "distant", "regional_node", "primary", "not_counted"


@dataclass(frozen=True)
class _Role:
    lesion: Lesion
    nominal: str
    others: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        return (self.nominal, *self.others)


def station_name(station: str) -> str:
    """A station without its side."""
    return station.removesuffix("_left").removesuffix("_right")


def answer(patient: Patient, settings: StagingSettings) -> tuple[Answer, ...]:
    """M category, suggested N and T at every visit; settings: what counts and what is uncertain."""
    return tuple(_at(patient, visit, settings) for visit in patient.visits)


def _at(patient: Patient, visit: Visit, settings: StagingSettings) -> Answer:
    site, lesions = patient.primary_site, visit.lesions()
    refusal = _refusal(patient, visit, lesions)
    if refusal is not None:
        return not_assessable(
            NAME, patient.patient_id, visit.name, refusal, needed=NEEDED, settings=settings, reader_decides=READER
        )
    roles = [_role(lesion, site, settings) for lesion in lesions]
    category = CATEGORIES[_found(r.nominal for r in roles)]
    reachable = _reachable(roles)
    nodes = _most(roles, NODE)
    uncertain = [r.lesion for r in roles if r.others]
    values = {
        "primary_site": site,
        "m_category": category,
        "n_suggested": _n_suggested(patient, site, roles, nodes),
        "t_category": _t_category(patient, site, roles),
        "num_liver": _most(roles, LIVER),
        "num_distant": _most(roles, DISTANT),
        "num_regional_nodes": nodes,
        "num_uncertain": len(uncertain),
    }
    rows = tuple(
        {
            "lesion": r.lesion.key,
            "role": r.nominal,
            "other_roles": ",".join(r.others) or None,
            "region": r.lesion.region,
            "station": r.lesion.station,
        }
        for r in roles
    )
    return Answer(
        question=NAME,
        patient=patient.patient_id,
        visit=visit.name,
        status="answered",
        category=category,
        alternatives=tuple(c for c in CATEGORIES.values() if c in reachable and c != category),
        values=values,
        rows=rows,
        reasons=_reasons(roles, category, reachable, site),
        needed=NEEDED,
        missing=() if site is not None else ("the primary site, which no lesion depends on here",),
        reader_decides=READER,
        settings=settings_dict(settings),
    )


def _refusal(patient: Patient, visit: Visit, lesions: Sequence[Lesion]) -> str | None:
    """Why this visit cannot be staged, as a sentence; None where it can."""
    site = patient.primary_site
    if patient.disease == "tio":
        return "Tumour-induced osteomalacia has no TNM."
    if not visit.pets:
        return "The visit has no PET."
    if site is not None and site in OTHER_RULES:
        return f"The primary site is {site}: {OTHER_RULES[site]}."
    if lesions and all(lesion.region is None for lesion in lesions):
        return "No organ map is there, so that the region of no lesion is known."
    if lesions and site is None:
        return "The primary site is not given (primary_site in participants.tsv), so that regional nodes are not known."
    return None


def _role(lesion: Lesion, site: str | None, settings: StagingSettings) -> _Role:
    """What a lesion counts as, and as what it might count if it were another thing than it seems."""
    if lesion.score is not None and lesion.score < settings.p_lesion:
        return _Role(lesion, NOT_COUNTED, ())
    possible = list(_roles_of(lesion.region, lesion.station, site))
    margin = lesion.region_confidence
    doubtful = margin is not None and margin < settings.region_margin
    if doubtful and lesion.runner_up is not None:
        possible += _roles_of(lesion.runner_up, None, site)
    if lesion.score is not None and lesion.score < settings.p_certain:
        possible.append(NOT_COUNTED)
    nominal, *others = dict.fromkeys(possible)
    return _Role(lesion, nominal, tuple(others))


def _roles_of(region: str | None, station: str | None, site: str | None) -> tuple[str, ...]:
    """Roles of a lesion in this region, the likeliest first."""
    organs, stations = SITES.get(site or "", (frozenset(), frozenset()))
    if region is None:
        return DISTANT, LIVER, NODE, PRIMARY
    if region == "liver":
        return (LIVER,)
    if region in organs:
        return (PRIMARY,)
    if TOUCHING.get(region) in organs:
        return PRIMARY, DISTANT
    unknown = site == UNKNOWN_PRIMARY
    if unknown and any(region in of_site for of_site, _ in SITES.values()):
        return PRIMARY, DISTANT
    if region != "node":
        return (DISTANT,)
    if unknown:
        return DISTANT, NODE
    if station is None:
        return NODE, DISTANT
    return (NODE,) if station_name(station) in stations else (DISTANT,)


def _found(roles) -> tuple[bool, bool]:
    roles = set(roles)
    return LIVER in roles, DISTANT in roles


def _reachable(roles: Sequence[_Role]) -> set[str]:
    """Every category that some choice among each lesion's roles gives; the choices are independent."""
    states = {(False, False)}
    for role in roles:
        states = {(liver or r == LIVER, far or r == DISTANT) for liver, far in states for r in role.all}
    return {CATEGORIES[state] for state in states}


def _most(roles: Sequence[_Role], wanted: str) -> int:
    """Lesions of a role on the tracer that shows most of them: one seen with both tracers is not counted twice."""
    tracers = {r.lesion.tracer for r in roles}
    return max((sum(r.nominal == wanted and r.lesion.tracer == t for r in roles) for t in tracers), default=0)


def _n_suggested(patient: Patient, site: str | None, roles: Sequence[_Role], nodes: int) -> str | None:
    if site is None or site == UNKNOWN_PRIMARY:
        return None if nodes or site == UNKNOWN_PRIMARY else "N0"
    masses = [
        patient.diameters[r.lesion.key].long_axis_mm
        for r in roles
        if r.nominal == NODE and r.lesion.key in patient.diameters
    ]
    if site in N2_SITES and (nodes >= N2_NODES or any(mm > N2_MASS_MM for mm in masses)):
        return "N2"
    return "N1" if nodes else "N0"


def _t_category(patient: Patient, site: str | None, roles: Sequence[_Role]) -> str:
    if site != "pancreas":
        return "TX"
    found = [patient.diameters.get(r.lesion.key) for r in roles if r.nominal == PRIMARY]
    longest = max((d.long_axis_mm for d in found if d is not None), default=None)
    if longest is None:
        return "TX"
    return "T1" if longest < T1_MM else "T2" if longest <= T2_MM else "T3"


def _reasons(roles: Sequence[_Role], category: str, reachable: set[str], site: str | None) -> tuple[Reason, ...]:
    reasons = []
    words = {
        LIVER: "in the liver",
        DISTANT: "outside the liver and are distant metastases",
        NODE: f"in regional nodes of the {spoken(site or '')}",
        PRIMARY: "in the organ of the primary and are no metastases",
        NOT_COUNTED: "below the score from which a lesion is counted",
    }
    for role, where in words.items():
        found = [r.lesion for r in roles if r.nominal == role]
        if found:
            regions = ""
            if role == DISTANT:
                names = dict.fromkeys(spoken(x.station or x.region or "an unknown region") for x in found)
                regions = f" ({listed(tuple(names))})"
            text = f"{named(found)} lie {where}{regions}."
            if len(found) == 1:
                text = text.replace(" lie ", " lies ").replace(" are distant metastases", " is a distant metastasis")
                text = text.replace(" are no metastases", " is no metastasis")
            reasons.append(Reason(text, keys(found)))
    if not reasons:
        reasons.append(Reason("No lesion was found."))
    uncertain = [r.lesion for r in roles if r.others]
    if uncertain:
        others = sorted(reachable - {category})
        effect = f"{listed(others, 'or')} would be reached if they were other than they seem" if others else (
            f"the category is {category} whatever they are"
        )  # fmt: skip
        count = counted(len(uncertain), "lesion is", "lesions are")
        reasons.append(
            Reason(f"{count[0].upper()}{count[1:]} uncertain ({named(uncertain)}); {effect}.", keys(uncertain))
        )
    return tuple(reasons)


QUESTION = Question(3, NAME, "What stage is that?", answer, COLUMNS, ROW_COLUMNS, of_disease=True)
