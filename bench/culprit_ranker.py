"""Fits the culprit's ranking on drawn digital TIO patients, and tests it on others against SUVpeak, parts taken out.

    python -m bench.culprit_ranker                                  # drawn patients alone
    python -m bench.tio_cohorts OUT
    python -m bench.true_results OUT/fit OUT/fit-true
    python -m bench.culprit_ranker OUT/fit-true                     # and rendered ones

Weights are fitted on patients that are drawn and not rendered (`bench.culprit_draws`) and tested on others of these,
and on the rendered cohorts named: true lesions and mimics as candidates, as `bench.true_results` wrote them. The
candidates of a patient compete in a conditional logistic regression (clinical.md 6.4) with a ridge penalty; intercept
and tau come from a logistic regression of "the first in rank is the culprit" over patients. Printed: the weights for
`CulpritSettings`, and hit@1 of the baseline (SUVpeak outside normal organs), of the ranker, and of the ranker refitted
without each part, with the difference to the baseline and its interval (Tango; McNemar's exact p).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from bench.culprit_draws import draws
from netlesion.answers.culprit import FEATURES, baseline, candidates
from netlesion.answers.gather import Source
from netlesion.answers.patient import Patient
from netlesion.answers.settings import CulpritSettings, Settings
from netlesion.evaluate.case.localise import CaseCandidates, TopCandidate, lroc_areas
from netlesion.io.table_file import read_table
from netlesion.statistics.paired_proportions import compare_proportions

#: Strength of the ridge penalty, per patient.
RIDGE = 0.05
#: Parts that are taken out together.
PARTS = {
    "uptake": ("log_suvpeak", "log_contrast"),
    "volume": ("log_volume",),
    "site of bone": ("fracture_site", "joint_site"),
    "multiplicity": ("multiplicity",),
    "symmetry": ("mirrored",),
    "normal organs": ("physiologic",),
}


@dataclass(frozen=True, eq=False)
class Case:
    """One patient: features (N, F), SUVpeak order by the baseline, and which candidates are the culprit."""

    patient: str
    x: np.ndarray
    by_suv: np.ndarray
    hits: np.ndarray

    @property
    def has_culprit(self) -> bool:
        return bool(self.hits.any())


def case_of(
    patient: Patient, is_culprit: Callable[[str], bool], known: Callable[[str], bool] = lambda key: True
) -> Case:
    """The candidates of one patient; known: whether the truth of a lesion's key is known."""
    ranked = [r for r in candidates(patient, patient.visits[0], Settings()) if known(r.lesion.key)]
    order = [id(r) for r in baseline(ranked)]
    return Case(
        patient.patient_id,
        np.array([[r.features[f] for f in FEATURES] for r in ranked]).reshape(-1, len(FEATURES)),
        np.array([order.index(id(r)) for r in ranked], dtype=int),
        np.array([is_culprit(r.lesion.key) for r in ranked], dtype=bool),
    )


def cases_of(folder: Path) -> list[Case]:
    """Every TIO patient of a folder of true results."""
    rows = read_table(folder / "kinds.tsv").rows
    kinds = {f"{r.cells['case']}/{r.cells['lesion_id']}": r.cells["kind"] for r in rows}
    patients = Source.open(folder / "results", folder / "cohort").patients()
    return [
        case_of(p, lambda key: kinds[key] == "primary", lambda key: key in kinds)
        for p in patients
        if p.disease == "tio"
    ]


def fit(cases: Sequence[Case], used: Sequence[str]) -> np.ndarray:
    """(F,) weights of a conditional logistic regression; 0 for features that are not used."""
    columns = [FEATURES.index(name) for name in used]
    with_culprit = [c for c in cases if c.has_culprit and len(c.hits) > 1]

    def loss(w: np.ndarray) -> float:
        total = RIDGE * len(with_culprit) * float(w @ w) / 2
        for case in with_culprit:
            logits = case.x[:, columns] @ w
            logits -= logits.max()
            total -= np.log(np.exp(logits[case.hits]).sum() / np.exp(logits).sum())
        return total

    weights = np.zeros(len(FEATURES))
    weights[columns] = minimize(loss, np.zeros(len(columns)), method="L-BFGS-B").x
    return weights


def first_hits(cases: Sequence[Case], weights: np.ndarray) -> np.ndarray:
    """Whether the first in rank is the culprit, of the patients who have one; one without candidates is missed."""
    return np.array([bool(len(c.hits)) and bool(c.hits[np.argmax(c.x @ weights)]) for c in cases if c.has_culprit])


def baseline_hits(cases: Sequence[Case]) -> np.ndarray:
    return np.array([bool(c.hits[np.argmin(c.by_suv)]) for c in cases if c.has_culprit])


def intercept_and_tau(cases: Sequence[Case], weights: np.ndarray) -> tuple[float, float]:
    """Intercept that makes top scores logits of being the culprit, and the tau of most sensitivity + specificity."""
    tops = [(float((c.x @ weights).max()), bool(c.hits[np.argmax(c.x @ weights)])) for c in cases if len(c.hits)]
    scores, hit = np.array([s for s, _ in tops]), np.array([h for _, h in tops])

    def loss(p: np.ndarray) -> float:
        z = scores + p[0]
        return float(np.logaddexp(0, np.where(hit, -z, z)).sum())

    intercept = float(minimize(loss, np.zeros(1)).x[0])
    steps = np.sort(scores + intercept)
    gains = [(np.mean(scores[hit] + intercept >= t) - np.mean(scores[~hit] + intercept >= t), t) for t in steps]
    return intercept, float(max(gains)[1])


def lroc(cases: Sequence[Case], score) -> float:
    """Area under LROC (clinical.md 6.5)."""
    tops: list[TopCandidate] = []
    for case in cases:
        made = CaseCandidates(case.patient, case.patient, case.has_culprit, tuple(score(case)), tuple(case.hits))
        tops.append(made.top)
    return float(lroc_areas(tops, np.ones((1, len(tops))))[0])


def line(name: str, hits: np.ndarray, other: np.ndarray) -> str:
    found = compare_proportions(hits, other)
    a, d = found.a, found.difference
    return (
        f"| {name} | {int(hits.sum())} of {len(hits)} | {a.value:.3f} [{a.low:.3f}, {a.high:.3f}] "
        f"| {d.value:+.3f} [{d.low:+.3f}, {d.high:+.3f}] | {found.p:.3f} |"
    )


def speak(title: str, cases: Sequence[Case], weights: np.ndarray, settings: CulpritSettings) -> None:
    """How often tau separates patients with and without a culprit."""

    def above(case: Case) -> bool:
        return bool(len(case.hits)) and float((case.x @ weights).max()) + settings.intercept >= settings.tau

    quiet, seen = [c for c in cases if not c.has_culprit], [c for c in cases if c.has_culprit]
    print(f"{title}: at tau {sum(not above(c) for c in quiet)} of {len(quiet)} patients without a culprit have no "
          f"candidate, {sum(map(above, seen))} of {len(seen)} with one have one\n")  # fmt: skip


def drawn_cases(number: int, seed: int) -> list[Case]:
    """Patients that are drawn and not rendered."""
    return [case_of(patient, lambda key, k=culprit: key == k) for patient, culprit in draws(number, seed)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rendered", type=Path, nargs="*")
    parser.add_argument("--draws", type=int, default=2000)
    arguments = parser.parse_args()
    train, drawn = drawn_cases(arguments.draws, 1), drawn_cases(arguments.draws, 2)
    weights = fit(train, FEATURES)
    intercept, tau = intercept_and_tau(train, weights)
    print(f"fitted on {len(train)} drawn patients, {sum(c.has_culprit for c in train)} with a culprit in the map")
    for name, w in zip(FEATURES, weights, strict=True):
        print(f"    weight_{name}: float = {w:.2f}")
    print(f"    intercept: float = {intercept:.2f}\n    tau: float = {tau:.2f}")
    shipped = CulpritSettings()
    of_package = np.array([getattr(shipped, f"weight_{name}") for name in FEATURES])
    fitted = {part: fit(train, [f for f in FEATURES if f not in names]) for part, names in PARTS.items()}
    for title, cases in (("drawn, others", drawn), *((p.name, cases_of(p)) for p in arguments.rendered)):
        suv = baseline_hits(cases)
        print(f"\n{title}: {len(cases)} patients, {np.mean([len(c.hits) for c in cases]):.1f} candidates each\n")
        print("| ranking | hit@1 | share [95 %] | less SUVpeak's | p |\n|---|---|---|---|---|")
        print(line("SUVpeak outside normal organs", suv, suv))
        print(line("as shipped", first_hits(cases, of_package), suv))
        print(line("all features, fitted here", first_hits(cases, weights), suv))
        for part, without in fitted.items():
            print(line(f"without {part}", first_hits(cases, without), suv))
        print(f"\nLROC area: as shipped {lroc(cases, lambda c: c.x @ of_package):.3f}, "
              f"SUVpeak {lroc(cases, lambda c: np.exp(c.x[:, 0]) - 1e3 * c.x[:, 8]):.3f}")  # fmt: skip
        speak(title, cases, of_package, shipped)


if __name__ == "__main__":
    main()
