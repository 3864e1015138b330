"""Answers 2, 3, 5 and 6 against the truth of a digital cohort, on its true masks or on predicted ones.

    netlesion phantom COHORT --patients 70 --preset mixed --seed 1401
    python -m bench.answers COHORT OUT [--results RESULTS] [--patients 40]
 The cohort is laid out anew in OUT/cohort with links: true transforms become stored ones, participants.tsv gets the
drawn primary site, the sex of the body and the disease. OUT/answers holds the answers, OUT/truth the truth as tables
of categories, which `netlesion evaluate --tasks categories` scores too; figures.json and the screen hold the figures,
each with an interval over patients (clustered bootstrap, or exact where each row is a patient).
"""

from __future__ import annotations

import argparse
import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from netlesion.answers.cohort import answer_cohort
from netlesion.answers.staging import CATEGORIES, SITES
from netlesion.evaluate.cohort.interval import Resampling
from netlesion.image.visit import Tracer
from netlesion.image.volume import Quantity
from netlesion.io.bids.label_maps import read_named_map
from netlesion.io.bids.masks import open_masks
from netlesion.io.bids.pet import read_suv_image
from netlesion.io.nifti import read_volume
from netlesion.io.table_file import read_table
from netlesion.output.atomic import write_json, write_text
from netlesion.output.tables import tsv
from netlesion.quantify.case import measure_case
from netlesion.quantify.organ_map import OrganMap
from netlesion.quantify.references import write_references
from netlesion.quantify.table import write_lesions

DERIVATIVES = Path("derivatives", "netlesion")
#: Organ that a drawn primary of site `other` lies in -> primary site.
SITE_OF_ORGAN = {"stomach": "stomach", "duodenum": "duodenum", "colon": "colon"}
#: Drawn stations in the words of `quantify.stations`.
STATION = {"coeliac": "hilar_hepatic", "hilar_pulmonary": "mediastinal"}
VISIT_GAP_DAYS = 40


@dataclass(frozen=True)
class Drawn:
    """One drawn lesion at one visit: tracers whose map holds it, and where it is."""

    patient: str
    visit: str
    lesion_id: int
    kind: str
    site: str
    region: str
    in_map: Mapping[str, str]
    rows: Mapping[str, Mapping[str, str]]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("cohort", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--results", type=Path, help="of infer.py on OUT/cohort; default: the true masks")
    parser.add_argument("--patients", type=int, help="the first so many")
    parser.add_argument("--lay-out", action="store_true", help="only lay the cohort out, for infer.py")
    given = parser.parse_args()
    subjects = chosen(given.cohort, given.patients)
    cohort, results = given.out / "cohort", given.out / "results"
    drawn = [d for subject in subjects for d in lay_out(given.cohort, cohort, subject)]
    write_tables(given.cohort, cohort, subjects, drawn)
    if given.lay_out:
        return
    if given.results is None and not (results / "lesions.tsv").is_file():
        measure_truth(cohort, results)
    blind = answer_cohort(given.results or results, given.out / "blind", given.out / "blind_answers", ("primary",))
    found = answer_cohort(given.results or results, cohort, given.out / "answers")
    for line in found.failures.values():
        print(f"failed: {line}")
    answers = {p: [vars(a) for a in mine] for p, mine in found.answers.items()}
    figures = {
        **staging_figures(given.out, drawn, answers),
        **primary_figures(drawn, answers, "site given"),
        **primary_figures(drawn, {p: [vars(a) for a in mine] for p, mine in blind.answers.items()}, "site not given"),
        **discordance_figures(drawn, answers),
        **response_figures(cohort, drawn, answers),
        **assessable_figures(answers),
    }
    write_json(given.out / "figures.json", figures)
    for name, figure in figures.items():
        print(f"{name:52s} {figure['text']}")


def chosen(source: Path, number: int | None) -> list[str]:
    """Patients with a NET or without a lesion, those with follow-up first."""
    every = sorted(p.name for p in source.glob("sub-*") if any(p.glob("ses-*")))
    net = [s for s in every if not is_tio(read_drawn(source, s))]
    followed = {p.parent.name for p in (source / DERIVATIVES).glob("sub-*/*_correspondence.tsv")}
    return sorted(net, key=lambda s: (s not in followed, s))[:number]


def measure_truth(cohort: Path, results: Path) -> None:
    """Results that hold the true masks: links to them, lesions.tsv and reference_organs.tsv."""
    rows, references = {}, {}
    for case, mask in tqdm(open_masks(cohort).masks.items(), desc="measure", unit="PET"):
        _link(mask.path, results / case.split("_trc-")[0] / mask.path.name)
        organs = read_named_map(mask.path.with_name(mask.path.name.replace("desc-lesions", "desc-organs")))
        pet = next((cohort / f"sub-{mask.patient}").glob(f"ses-*/pet/{case}_pet.nii.gz"))
        found = measure_case(
            read_suv_image(pet), read_volume(mask.path, Quantity.LABEL), None,
            Tracer("fdg" if case.endswith("fdg") else "sstr"),
            OrganMap(organs.volume.array, organs.volume.geometry, organs.names),
        )  # fmt: skip
        rows[case], references[case] = found.rows, found.references
    write_references(results / "reference_organs.tsv", references)
    write_lesions(results / "lesions.tsv", rows)


def lay_out(source: Path, cohort: Path, subject: str) -> list[Drawn]:
    """Links to one patient's files, transforms stored; returns what was drawn."""
    (cohort / DERIVATIVES).mkdir(parents=True, exist_ok=True)
    for folder in (Path(), DERIVATIVES):
        target = cohort / folder / subject
        target.mkdir(parents=True, exist_ok=True)
        for path in (source / folder / subject).iterdir():
            if path.is_dir() or "desc-true" not in path.name and not path.name.endswith("_sessions.tsv"):
                _link(path, target / path.name)
    for path in (source / DERIVATIVES).glob("desc-*_dseg.tsv"):
        _link(path, cohort / DERIVATIVES / path.name)
    if not (cohort / DERIVATIVES / "desc-organs_dseg.tsv").is_file():
        from netlesion.phantom.body.labels import LABELS

        write_text(
            cohort / DERIVATIVES / "desc-organs_dseg.tsv", tsv(("index", "name"), [(n, k) for k, n in LABELS.items()])
        )
    for field in (source / DERIVATIVES / subject).glob("*_desc-true_xfm.nii.gz"):
        stem = field.name.replace("_desc-true_xfm.nii.gz", "_xfm")
        moving, fixed = (stem.split(f"_{word}-")[1].split("_")[0] for word in ("from", "to"))
        _link(field, cohort / DERIVATIVES / subject / f"{stem}.nii.gz")
        record = {"From": moving, "To": fixed, "Type": "field", "Field": f"{stem}.nii.gz", "Units": "mm"}
        write_json(cohort / DERIVATIVES / subject / f"{stem}.json", record | {"Quality": {"method": "true"}})
    return read_drawn(source, subject)


def read_drawn(source: Path, subject: str) -> list[Drawn]:
    rows = read_table(source / DERIVATIVES / subject / f"{subject}_lesions.tsv", ("session", "lesion_id")).rows
    visits = visits_of(source, subject)
    found: dict[tuple[str, int, str], dict[str, Any]] = {}
    first_scanner: dict[tuple[str, str], str] = {}
    for session, (visit, _) in visits.items():
        for pet in sorted((source / subject / session / "pet").glob("*_pet.nii.gz")):
            tracer = "fdg" if "trc-fdg" in pet.name else "sstr"
            first_scanner.setdefault((visit, tracer), session)
    for row in rows:
        session, tracer = f"ses-{row.cells['session']}", row.cells["tracer"]
        visit = visits[session][0]
        if first_scanner.get((visit, tracer)) != session:
            continue
        key = (visit, int(row.cells["lesion_id"]), row.cells["kind"])
        entry = found.setdefault(key, {"site": row.cells["site"], "region": row.cells["region"], "in": {}, "rows": {}})
        entry["rows"][tracer] = row.cells
        if row.cells["in_map"] == "1":
            entry["in"][tracer] = f"{subject}_{session}_trc-{'fdg' if tracer == 'fdg' else 'dotatate'}/{key[1]}"
    patient = subject.removeprefix("sub-")
    return [Drawn(patient, v, n, k, e["site"], e["region"], e["in"], e["rows"]) for (v, n, k), e in found.items()]


def visits_of(source: Path, subject: str) -> dict[str, tuple[str, float]]:
    """Session -> (visit, day), by the days of the truth: far apart is another visit."""
    days = {}
    for path in sorted((source / DERIVATIVES / subject).glob("ses-*/pet/*_desc-truth_pet.json")):
        days[path.parent.parent.name] = float(json.loads(path.read_text(encoding="utf-8"))["day"])
    visits, number, last = {}, 1, None
    for session, day in sorted(days.items()):
        number += last is not None and day - last > VISIT_GAP_DAYS
        visits[session], last = (f"visit-{number}", day), day
    return visits


def write_tables(source: Path, cohort: Path, subjects: Sequence[str], drawn: Sequence[Drawn]) -> None:
    """participants.tsv and each sessions.tsv: what images cannot give."""
    people = []
    for subject in subjects:
        mine = [d for d in drawn if f"sub-{d.patient}" == subject]
        site = primary_site(mine)
        disease = "tio" if is_tio(mine) else "net"
        organs = next((cohort / DERIVATIVES / subject).glob("ses-*/pet/*_desc-organs_dseg.nii.gz"))
        sex = "M" if {"prostate", "testis"} & set(read_named_map(organs).names.values()) else "F"
        people.append((subject, site or "unknown", disease, sex))
        rows = []
        old = source / subject / f"{subject}_sessions.tsv"
        sizes = {r.cells["session_id"]: r for r in read_table(old, ("session_id",)).rows} if old.is_file() else {}
        for session, (visit, day) in visits_of(source, subject).items():
            sidecar = json.loads(
                next((source / subject / session / "pet").glob("*_pet.json")).read_text(encoding="utf-8")
            )
            height = sizes[session].cells["height"] if session in sizes else "170"
            date = f"2000-{1 + int(day) // 28:02d}-{1 + int(day) % 28:02d}" if day < 330 else "n/a"
            rows.append((session, visit, sidecar["PatientWeight"], height, date))
        columns = ("session_id", "visit", "weight", "height", "acq_time")
        write_text(cohort / subject / f"{subject}_sessions.tsv", tsv(columns, rows))
    write_text(cohort / "participants.tsv", tsv(("participant_id", "primary_site", "disease", "sex"), people))
    blind = cohort.parent / "blind"
    for path in cohort.iterdir():
        if path.name != "participants.tsv":
            _link(path, blind / path.name)
    write_text(blind / "participants.tsv", tsv(("participant_id", "disease"), [(s, d) for s, _, d, _ in people]))


def is_tio(drawn: Iterable[Drawn]) -> bool:
    """Whether the drawn primary is the culprit of an osteomalacia: in bone, soft tissue or the head."""
    primary = next((d for d in drawn if d.kind == "primary"), None)
    return primary is not None and primary.site not in SITES and primary.region not in SITE_OF_ORGAN


def primary_site(drawn: Iterable[Drawn]) -> str | None:
    """The site of the drawn primary; None without one."""
    primary = next((d for d in drawn if d.kind == "primary"), None)
    if primary is None:
        return None
    return primary.site if primary.site in SITES else SITE_OF_ORGAN.get(primary.region, "other")


def staging_figures(out: Path, drawn: Sequence[Drawn], answers: Mapping[str, list[dict]]) -> dict[str, Any]:
    """M by the drawn sites of what the maps hold, for patients whose primary is known."""
    rows, hits, inside, patients, wrong = [], [], [], [], []
    for patient, mine in answers.items():
        site = primary_site([d for d in drawn if d.patient == patient])
        for a in (a for a in mine if a["question"] == "staging" and a["status"] == "answered"):
            here = [d for d in drawn if d.patient == patient and d.visit == a["visit"] and d.in_map]
            if site is None and here:
                continue
            truth = m_of(here, site or "")
            rows.append((f"sub-{patient}_{a['visit']}", patient, truth))
            hits.append(a["category"] == truth)
            inside.append(truth in (a["category"], *a["alternatives"]))
            patients.append(patient)
            if not hits[-1]:
                wrong.append(f"sub-{patient} {a['visit']}: {a['category']}, truth {truth}")
    write_text(out / "truth" / "staging.tsv", tsv(("case", "patient", "category"), rows))
    return {
        "M category": figure(hits, patients, wrong),
        "M category or an alternative": figure(inside, patients),
    }


def m_of(here: Sequence[Drawn], site: str) -> str:
    stations = SITES[site][1] if site in SITES else frozenset()
    liver = any(d.site == "liver" and d.kind != "primary" for d in here)
    far = any(
        d.kind != "primary" and d.site != "liver" and not (d.site == "node" and _station(d) in stations) for d in here
    )
    return CATEGORIES[liver, far]


def _station(d: Drawn) -> str:
    name = d.region.removesuffix("_left").removesuffix("_right")
    return STATION.get(name, name)


def primary_figures(drawn: Sequence[Drawn], answers: Mapping[str, list[dict]], name: str) -> dict[str, Any]:
    """Whether the first candidate is the drawn primary."""
    hits, patients, wrong = [], [], []
    for patient, mine in answers.items():
        for a in (a for a in mine if a["question"] == "primary" and a["status"] == "answered"):
            true = [
                d for d in drawn if d.patient == patient and d.visit == a["visit"] and d.kind == "primary" and d.in_map
            ]
            if not true:
                continue
            first = a["values"]["first_candidate"]
            hits.append(first in true[0].in_map.values())
            patients.append(patient)
            if not hits[-1]:
                wrong.append(f"sub-{patient} {a['visit']}: {first} ({a['category']}), truth {true[0].region}")
    return {f"primary ranked first, {name}": figure(hits, patients, wrong)}


def discordance_figures(drawn: Sequence[Drawn], answers: Mapping[str, list[dict]]) -> dict[str, Any]:
    """Class of every drawn lesion that either map holds; indeterminate ones counted apart."""
    hits, patients, doubtful, of, classes = [], [], [], [], Counter()
    for patient, mine in answers.items():
        for a in (a for a in mine if a["question"] == "discordance" and a["status"] == "answered"):
            of_key = {
                key: row["class"]
                for row in a["rows"]
                for key in (row["sstr_lesions"] or "").split(",") + (row["fdg_lesions"] or "").split(",")
            }
            for d in (d for d in drawn if d.patient == patient and d.visit == a["visit"] and d.in_map):
                truth = {("sstr",): "sstr_only", ("fdg",): "fdg_only"}.get(tuple(sorted(d.in_map)), "concordant")
                found = {of_key[k] for k in d.in_map.values() if k in of_key}
                if not found:
                    continue
                said = "indeterminate" if "indeterminate" in found else next(iter(found)) if len(found) == 1 else "torn"
                classes[truth, said] += 1
                doubtful.append(said == "indeterminate")
                of.append(patient)
                if said != "indeterminate":
                    hits.append(said == truth)
                    patients.append(patient)
    table = [f"{truth} called {said}: {n}" for (truth, said), n in sorted(classes.items())]
    return {
        "discordance class, determinate lesions": figure(hits, patients, table),
        "discordance indeterminate": figure(doubtful, of),
    }


def response_figures(cohort: Path, drawn: Sequence[Drawn], answers: Mapping[str, list[dict]]) -> dict[str, Any]:
    """Edges and classes between visits against the drawn links, and the exploratory class against the drawn volumes."""
    edges: list[tuple[str, int, int, int]] = []
    kinds: Counter[tuple[str, str]] = Counter()
    hits, patients, wrong = [], [], []
    for patient, mine in answers.items():
        for a in (a for a in mine if a["question"] == "response" and a["status"] == "answered"):
            links = true_links(cohort, patient, a["visit"])
            for tracer in ("sstr", "fdg"):
                now = {
                    d.in_map[tracer]: d
                    for d in drawn
                    if d.patient == patient and d.visit == a["visit"] and tracer in d.in_map
                }
                rows = [r for r in a["rows"] if r["tracer"] == tracer]
                if not rows:
                    continue
                before = {
                    d.in_map[tracer]: d
                    for d in drawn
                    if d.patient == patient and d.visit == rows[0]["before_visit"] and tracer in d.in_map
                }
                found = {
                    (x, y)
                    for r in rows
                    for x in (r["lesions_before"] or "").split(",")
                    for y in (r["lesions_after"] or "").split(",")
                    if x in before and y in now
                }
                ids_before = {d.lesion_id: k for k, d in before.items()}
                ids_now = {d.lesion_id: k for k, d in now.items()}
                true = {(ids_before[i], ids_now[j]) for i, j, _ in links if i in ids_before and j in ids_now}
                edges.append((patient, len(found & true), len(found - true), len(true - found)))
                for r in rows:
                    kinds[true_class(r, before, now, links), r["class"]] += 1
            truth = true_sstr(drawn, patient, a["visit"], links)
            said = a["values"]["sstr_exploratory"]
            if truth is not None and said is not None:
                hits.append(said == truth)
                patients.append(patient)
                if said != truth:
                    wrong.append(f"sub-{patient} {a['visit']}: {said}, truth {truth}")
    tops = [2.0 * tp for _, tp, _, _ in edges]
    bottoms = [2.0 * tp + fp + fn for _, tp, fp, fn in edges]
    estimate = Resampling(0).ratio(tops, bottoms, [p for p, *_ in edges])
    totals = [sum(e[n] for e in edges) for n in (1, 2, 3)]
    table = [f"{truth} called {said}: {n}" for (truth, said), n in sorted(kinds.items())]
    right = sum(n for (truth, said), n in kinds.items() if truth == said)
    return {
        "matching edges, F1": shown(estimate, f"found {totals[0]}, false {totals[1]}, missed {totals[2]}"),
        "matching classes, equal": {"text": f"{right} of {sum(kinds.values())} components", "details": table},
        "exploratory class of DOTATATE": figure(hits, patients, wrong),
    }  # fmt: skip


def true_links(cohort: Path, patient: str, visit: str) -> list[tuple[int, int, str]]:
    path = cohort / DERIVATIVES / f"sub-{patient}" / f"sub-{patient}_correspondence.tsv"
    if not path.is_file():
        return []
    rows = read_table(path, ("from_id", "to_id", "to_visit", "relation")).rows
    return [
        (int(r.cells["from_id"]), int(r.cells["to_id"]), r.cells["relation"])
        for r in rows
        if f"visit-{r.cells['to_visit']}" == visit
    ]


def true_class(row: Mapping, before: Mapping[str, Drawn], now: Mapping[str, Drawn], links: Sequence) -> str:
    """What a component of the answer is in truth, by the links of its lesions."""
    ones = [before[k].lesion_id for k in (row["lesions_before"] or "").split(",") if k in before]
    twos = [now[k].lesion_id for k in (row["lesions_after"] or "").split(",") if k in now]
    there_before, there_now = {d.lesion_id for d in before.values()}, {d.lesion_id for d in now.values()}
    mine = {(i, j) for i, j, _ in links if i in there_before and j in there_now and (i in ones or j in twos)}
    firsts, seconds = {i for i, _ in mine}, {j for _, j in mine}
    if not mine:
        return "resolved" if ones and not twos else "new" if twos and not ones else "unlinked"
    if len(firsts) == len(seconds) == 1:
        return "persistent"
    return "split" if len(firsts) == 1 else "merged" if len(seconds) == 1 else "complex"


def true_sstr(drawn: Sequence[Drawn], patient: str, visit: str, links: Sequence) -> str | None:
    """The exploratory class of the drawn volumes of what the maps hold, and the drawn new lesions."""
    first = [d for d in drawn if d.patient == patient and d.visit == "visit-1" and "sstr" in d.in_map]
    later = [d for d in drawn if d.patient == patient and d.visit == visit and "sstr" in d.in_map]
    if visit != "visit-2":
        return None
    volumes = [sum(float(d.rows["sstr"]["volume_ml"]) for d in ds) for ds in (first, later)]
    fresh = {j for _, j, relation in links if relation == "new"}
    num_new = sum(d.lesion_id in fresh for d in later)
    from netlesion.answers.criteria import sstr_class
    from netlesion.answers.settings import ResponseSettings

    return sstr_class(volumes[0], volumes[1], num_new, ResponseSettings()).category


def assessable_figures(answers: Mapping[str, list[dict]]) -> dict[str, Any]:
    """Share of answers given, by question, and the reasons of the others."""
    figures = {}
    every = [a for mine in answers.values() for a in mine]
    for question in dict.fromkeys(a["question"] for a in every):
        mine = [a for a in every if a["question"] == question]
        reasons = Counter(a["reasons"][0].text for a in mine if a["status"] != "answered")
        details = [f"{n}: {text}" for text, n in reasons.most_common()]
        figures[f"{question} answered"] = figure(
            [a["status"] == "answered" for a in mine], [a["patient"] for a in mine], details
        )
    return figures


def figure(hits: Sequence[bool], patients: Sequence[str], details: Sequence[str] = ()) -> dict[str, Any]:
    """A share with its interval over patients."""
    if not hits:
        return {"text": "nothing to count", "details": list(details)}
    return shown(Resampling(0).share(hits, patients), f"{sum(hits)} of {len(hits)}", details)


def shown(estimate: Any, counts: str, details: Sequence[str] = ()) -> dict[str, Any]:
    if not math.isfinite(estimate.value):
        return {"text": "nothing to count", "details": list(details)}
    text = f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}], {counts}, {estimate.n} patients"
    return {"text": text, "value": estimate.value, "low": estimate.low, "high": estimate.high, "details": list(details)}


def _link(source: Path, target: Path) -> None:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        os.symlink(source.resolve(), target)


if __name__ == "__main__":
    main()
