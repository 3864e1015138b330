"""Two folders of `netlesion evaluate` -> one table of differences with intervals and tests, paired by patient.

Refuses what would make the table wrong: other cases, other references, other rules of matching, a model compared
with itself or with the reference it made. Knows nothing about images. Source: clinical.md 8.4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from netlesion.errors import CohortError
from netlesion.evaluate.case.reference_standard import (
    LesionReference,
    ReferenceStandard,
    count_standards,
    require_independent,
)
from netlesion.evaluate.cohort.evaluation_folder import (
    CASES,
    DETECTIONS,
    LESIONS,
    SUMMARY,
    CaseRow,
    Evaluation,
    open_evaluation,
)
from netlesion.evaluate.cohort.score import partial_remark
from netlesion.evaluate.compare.figures import FigureRow, Paired, compare_figures, pair
from netlesion.output.atomic import write_json, write_text
from netlesion.output.lock import alone
from netlesion.output.provenance import Stopwatch, hash_file, provenance
from netlesion.output.tables import tsv
from netlesion.statistics.agreement import bland_altman_ratio, concordance, icc_2_1, spearman
from netlesion.statistics.bootstrap import NUM_RESAMPLES, Interval
from netlesion.statistics.estimate import CONFIDENCE, Estimate, join_notes
from netlesion.statistics.paired_bootstrap import BOOTSTRAP_INTERVAL
from netlesion.statistics.ratios import few_patients
from netlesion.statistics.studentised import STUDENTISED, STUDENTISED_DIFFERENCE

#: Cases named in an error before it says how many more there are.
MAX_NAMED = 20

#: The data dictionary of compare.tsv (BIDS); its keys are the columns, in order.
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "figure": {"Description": "What is compared; summary.json describes each", "Units": "n/a"},
    "a": {"Description": "Value of model A", "Units": "of the figure"},
    "a_low": {"Description": "Lower limit of its 95 % interval", "Units": "of the figure"},
    "a_high": {"Description": "Upper limit of its 95 % interval", "Units": "of the figure"},
    "b": {"Description": "Value of model B", "Units": "of the figure"},
    "b_low": {"Description": "Lower limit of its 95 % interval", "Units": "of the figure"},
    "b_high": {"Description": "Upper limit of its 95 % interval", "Units": "of the figure"},
    "difference": {"Description": "A - B on the same patients", "Units": "of the figure"},
    "difference_low": {"Description": "Lower limit of its 95 % interval", "Units": "of the figure"},
    "difference_high": {"Description": "Upper limit of its 95 % interval", "Units": "of the figure"},
    "p": {"Description": "Two-sided p of no difference, by the test named", "Units": "1"},
    "p_holm": {"Description": "p corrected for all rows of this table (Holm)", "Units": "1"},
    "test": {"Description": "The test that gave p", "Units": "n/a"},
    "interval": {"Description": "How the interval of the difference was made", "Units": "n/a"},
    "num_patients": {"Description": "Patients that the difference rests on", "Units": "1"},
    "note": {"Description": "What a reader of the row must know", "Units": "n/a"},
}


def compare_folders(
    folder_a: str | Path,
    folder_b: str | Path,
    out: str | Path,
    *,
    name_a: str | None = None,
    name_b: str | None = None,
    reference_standard: ReferenceStandard = ReferenceStandard.UNKNOWN,
    also: Sequence[str] = (),
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
) -> dict[str, Any]:
    """Writes compare.tsv, its dictionary compare.json, and summary.json; returns the summary.

    name_a, name_b: the tests' names, the folders' when not given; a lesion whose reference came from one of them is
    refused. reference_standard: of lesions for which lesions.tsv records none. also: further columns of cases.tsv.
    """
    folders = [Path(folder_a), Path(folder_b)]
    _require_apart(folders[0], folders[1], Path(out))
    watch = Stopwatch()
    with watch.stage("compare"):
        a, b = (open_evaluation(folder) for folder in folders)
        names = _names(folders, name_a, name_b)
        _require_same_cohort(a, b)
        lesions = _lesion_references(a, reference_standard)
        require_independent(names, lesions)
        _require_not_its_own_reference(a, names[0])
        _require_not_its_own_reference(b, names[1])
        paired = pair(a, b)
        partial = _partial(a, b, names)
        rows = compare_figures(paired, seed=seed, num_resamples=num_resamples, also=also, note="; ".join(partial))
        if not rows:
            raise CohortError(f"{a.path / CASES}: no column to compare; evaluate again with this version")
        summary = _summary(paired, rows, names, lesions, seed, num_resamples)
        summary["not_compared"] = _not_compared(a, b, names)
        summary["partial"] = partial
    inputs = {
        f"{side}/{file}": hash_file(f / file) for side, f in zip("ab", folders, strict=True) for file in _files(f)
    }
    config = {"name_a": names[0], "name_b": names[1], "reference_standard": reference_standard, "also": list(also)}
    summary["provenance"] = provenance(config=config, seed=seed, inputs=inputs, stopwatch=watch)
    out = Path(out)
    with alone(out, depth=0):
        write_json(out / "compare.json", {k: dict(v) for k, v in COLUMNS.items()})
        write_text(out / "compare.tsv", _tsv(rows))
        write_json(out / "summary.json", summary)
    return summary


def comparison_lines(summary: Mapping[str, Any]) -> list[str]:
    """The table in a few lines of text."""
    a, b = summary["models"]["a"], summary["models"]["b"]
    lines = [
        f"A = {a}, B = {b}: {summary['num_cases']} cases of {summary['num_patients']} patients",
        f"{'figure':28}{'A':>9}{'B':>9}  {'A - B':27}{'p':>8}{'p (Holm)':>10}",
    ]
    for row in summary["figures"]:
        gap = row["difference"]
        text = _fixed(gap["value"])
        if gap["low"] is not None:
            text += f" [{gap['low']:.3f}, {gap['high']:.3f}]"
        values = f"{_fixed(row['a']['value']):>9}{_fixed(row['b']['value']):>9}"
        lines.append(f"{row['figure']:28}{values}  {text:27}{_p_text(row['p']):>8}{_p_text(row['p_holm']):>10}")
    lines += [f"note: {line}" for line in summary["partial"]]
    return [*lines, *(f"note: not compared, {line}" for line in summary["not_compared"])]


def _require_apart(a: Path, b: Path, out: Path) -> None:
    if a.resolve() == b.resolve():
        raise CohortError(f"{a}: the same folder was given twice; a model cannot be compared with itself")
    for folder in (a, b):
        if out.resolve() == folder.resolve():
            raise CohortError(f"{out}: is one of the folders compared and would be overwritten; choose another --out")


def _require_same_cohort(a: Evaluation, b: Evaluation) -> None:
    only_a, only_b = (sorted({r.case for r in x.cases} - {r.case for r in y.cases}) for x, y in ((a, b), (b, a)))
    if only_a or only_b:
        parts = [f"only in {x.path}: {_listed(only)}" for x, only in ((a, only_a), (b, only_b)) if only]
        raise CohortError(f"the cases differ, {'; '.join(parts)}; evaluate both models on the same cases")
    for one, other in zip(a.cases, b.cases, strict=True):
        if one.patient != other.patient:
            raise CohortError(
                f"case {one.case} is of patient {one.patient} in {a.path} and {other.patient} in {b.path}"
            )
        _require_same_reference(one, other, a, b)
    if a.references is not None and b.references is not None and set(a.references) != set(b.references):
        lesion = min(set(a.references) ^ set(b.references), key=lambda x: (x.case, x.lesion))
        raise CohortError(
            f"case {lesion.case}: reference lesion {lesion.lesion} is not the same in {a.path / LESIONS} and "
            f"{b.path / LESIONS}; evaluate both models against the same reference"
        )
    if a.settings is not None and b.settings is not None and a.settings != b.settings:
        differ = sorted(k for k in {*a.settings, *b.settings} if a.settings.get(k) != b.settings.get(k))
        raise CohortError(
            f"lesions were matched under other settings ({', '.join(differ)}) in {a.path} and {b.path}; "
            "evaluate both with the same settings"
        )
    predictions = [{k: v for k, v in x.hashes.items() if k.startswith("prediction/")} for x in (a, b)]
    if predictions[0] and predictions[0] == predictions[1]:
        raise CohortError(f"{a.path} and {b.path} hold the same predictions, file by file; expected two models")


def _require_same_reference(one: CaseRow, other: CaseRow, a: Evaluation, b: Evaluation) -> None:
    key = f"reference/{one.case}"
    same = a.hashes.get(key) == b.hashes.get(key) if key in a.hashes and key in b.hashes else True
    for column in ("num_lesions_reference", "volume_reference_ml"):
        pair_of = one.numbers.get(column, math.nan), other.numbers.get(column, math.nan)
        same = same and (math.isnan(pair_of[0]) or math.isnan(pair_of[1]) or pair_of[0] == pair_of[1])
    if not same:
        raise CohortError(
            f"case {one.case} has another reference in {a.path} than in {b.path}; "
            "evaluate both models against the same files"
        )


def _require_not_its_own_reference(evaluation: Evaluation, name: str) -> None:
    """Every prediction byte for byte its reference: the test was evaluated against itself."""
    with_lesion = [row.case for row in evaluation.cases if row.numbers.get("num_lesions_reference", 0) > 0]
    pairs = [
        tuple(evaluation.hashes.get(f"{side}/{case}") for side in ("reference", "prediction")) for case in with_lesion
    ]
    if pairs and all(reference is not None and reference == prediction for reference, prediction in pairs):
        raise CohortError(
            f"{evaluation.path}: every prediction of {name} is the file of its reference; a test that is its own "
            "reference scores 100 % by construction, take an independent reference"
        )


def _lesion_references(a: Evaluation, standard: ReferenceStandard) -> tuple[LesionReference, ...]:
    """The standard of every reference lesion: as recorded, else as declared for all."""
    lesions = a.references
    if lesions is None:
        counts = {row.case: row.numbers.get("num_lesions_reference", math.nan) for row in a.cases}
        lesions = tuple(
            LesionReference(case, str(n + 1), ReferenceStandard.UNKNOWN)
            for case, count in counts.items()
            if not math.isnan(count)
            for n in range(int(count))
        )
    unknown = ReferenceStandard.UNKNOWN
    return tuple(LesionReference(x.case, x.lesion, standard, x.source) if x.standard is unknown else x for x in lesions)


def _summary(
    paired: Paired,
    rows: Sequence[FigureRow],
    names: Sequence[str],
    lesions: Sequence[LesionReference],
    seed: int,
    num_resamples: int,
) -> dict[str, Any]:
    return {
        "models": dict(zip("ab", names, strict=True)),
        "num_cases": len(paired.patients),
        "num_patients": len(set(paired.patients)),
        "figures": [
            {
                "figure": row.figure,
                "description": row.description,
                "a": _plain(row.comparison.a),
                "b": _plain(row.comparison.b),
                "difference": _plain(row.comparison.difference),
                "p": _number(row.comparison.p),
                "p_holm": _number(row.p_holm),
                "test": row.comparison.test,
                "interval": row.comparison.interval,
                "other_p_uncorrected": {k: _number(v) for k, v in row.other_p.items()},
            }
            for row in rows
        ],
        "volume_agreement": _volume_agreement(paired),
        "reference_standard": {
            "lesions_by_standard": count_standards(lesions),
            "lesions": [asdict(lesion) for lesion in lesions],
        },
        "method": {
            "unit": "patient: all cases of a patient are resampled, and swapped between models, together",
            "interval_of_means_and_ratios": f"{STUDENTISED}; differences: {STUDENTISED_DIFFERENCE}",
            "interval_of_curves": f"{Interval.EXPANDED_BCA.value} over patients; differences: {BOOTSTRAP_INTERVAL}",
            "confidence": CONFIDENCE,
            "num_resamples": num_resamples,
            "seed": seed,
            "multiplicity": f"Holm over the {sum(not math.isnan(r.comparison.p) for r in rows)} tests of the table",
        },
    }


def _partial(a: Evaluation, b: Evaluation, names: Sequence[str]) -> list[str]:
    """What must be said of every row where reference cases had no prediction."""
    remarks = [partial_remark(len(x.missing), len(x.missing) + len(x.cases)) for x in (a, b)]
    if remarks[0] == remarks[1]:
        return [remarks[0]] if remarks[0] else []
    return [f"{name}: {remark}" for name, remark in zip(names, remarks, strict=True) if remark]


def _not_compared(a: Evaluation, b: Evaluation, names: Sequence[str]) -> list[str]:
    """What is missing from the table, and why; a row is never dropped in silence."""
    without = [name for name, found in zip(names, (a, b), strict=True) if found.detections is None]
    if not without:
        return []
    return [
        f"curves (FROC, JAFROC, LROC): {' and '.join(without)} without {DETECTIONS}, its predictions have no scores"
    ]


def _volume_agreement(paired: Paired) -> dict[str, Any]:
    """Whole-body volume of a patient (all cases summed), each model against the reference."""
    found = {}
    for side, table in (("a", paired.a), ("b", paired.b)):
        if not {"volume_reference_ml", "volume_prediction_ml"} <= table.keys():
            continue
        predicted, reference = (
            paired.by_patient(table[column]) for column in ("volume_prediction_ml", "volume_reference_ml")
        )
        if len(reference) < 2:
            continue
        limits = bland_altman_ratio(predicted, reference)
        found[side] = {
            "ratio_geometric_mean": _plain(limits.bias),
            "ratio_lower_limit_of_agreement": _plain(limits.lower),
            "ratio_upper_limit_of_agreement": _plain(limits.upper),
            "icc_2_1_of_ml": _plain(icc_2_1(np.column_stack([predicted, reference]))),
            "concordance_of_ml": _plain(concordance(predicted, reference)),
            "spearman": _plain(spearman(predicted, reference)),
        }
        for estimate in found[side].values():
            estimate["note"] = join_notes(few_patients(estimate["n"]), estimate["note"])
    return found


def _names(folders: Sequence[Path], *given: str | None) -> list[str]:
    """Names given, else the last part of each path in which they differ."""
    paths = zip(*(reversed(folder.resolve().parts) for folder in folders), strict=False)
    differing = next((parts for parts in paths if parts[0] != parts[1]), ("A", "B"))
    names = [name or fallback for name, fallback in zip(given, differing, strict=True)]
    if names[0] == names[1]:
        raise CohortError(f"both models are called {names[0]}; give them two names")
    return names


def _files(folder: Path) -> list[str]:
    return [name for name in (CASES, LESIONS, DETECTIONS, SUMMARY) if (folder / name).is_file()]


def _tsv(rows: Sequence[FigureRow]) -> str:
    cells: list[list] = []
    for row in rows:
        c = row.comparison
        estimates = [x for e in (c.a, c.b, c.difference) for x in (e.value, e.low, e.high)]
        numbers = [_cell(x) for x in (*estimates, c.p, row.p_holm)]
        cells.append([row.figure, *numbers, c.test, c.interval, c.difference.n, c.difference.note or "n/a"])
    return tsv(COLUMNS, cells)


def _listed(cases: Sequence[str]) -> str:
    more = len(cases) - MAX_NAMED
    return ", ".join(cases[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def _cell(value: float) -> str:
    return "n/a" if math.isnan(value) else f"{value:.6g}"


def _fixed(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"


def _p_text(value: float | None) -> str:
    """A p in three decimals; < 0.001 below that."""
    return "< 0.001" if value is not None and value < 0.001 else _fixed(value)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _plain(estimate: Estimate) -> dict[str, Any]:
    return {k: _number(v) if isinstance(v, float) else v for k, v in asdict(estimate).items()}
