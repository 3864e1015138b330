"""Two folders of masks -> cases.tsv and summary.json.

Cases are paired by name. A prediction without a reference is an error; a reference without a prediction (a
model run on its test part) is not scored, and is counted and named in the summary, never silently dropped.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netlesion.atomic import write_json, write_text
from netlesion.errors import CohortError
from netlesion.evaluate.cases import COLUMNS, CaseResult, evaluate_case, summarise
from netlesion.io.masks import MaskFile, find_masks
from netlesion.io.nifti import read_volume
from netlesion.provenance import Stopwatch, hash_file, provenance
from netlesion.volume import Quantity


def evaluate_folders(
    reference: str | Path, prediction: str | Path, out: str | Path, desc: str = "lesions", seed: int = 0
) -> dict[str, Any]:
    """Scores every predicted case and writes the table, its dictionary and the summary; returns the summary.

    desc chooses the mask of a reference cohort. Raises CohortError when a predicted case has no reference.
    """
    out, watch = Path(out), Stopwatch()
    with watch.stage("evaluate"):
        results, pairs, unscored = score_folders(reference, prediction, desc)
    summary = summarise(results, seed) | {"cases_without_prediction": unscored}
    hashes = {f"reference/{p.case}": hash_file(r.path) for r, p in pairs}
    hashes |= {f"prediction/{p.case}": hash_file(p.path) for _, p in pairs}
    summary["provenance"] = provenance(config={"desc": desc}, seed=seed, inputs=hashes, stopwatch=watch)
    write_json(out / "cases.json", {k: dict(v) for k, v in COLUMNS.items()})
    write_text(out / "cases.tsv", _table(results))
    write_json(out / "summary.json", summary)
    return summary


def score_folders(
    reference: str | Path, prediction: str | Path, desc: str = "lesions"
) -> tuple[list[CaseResult], list[tuple[MaskFile, MaskFile]], list[str]]:
    """One result per predicted case, the pairs of files they came from, and the reference cases not predicted."""
    references, predictions = find_masks(reference, desc), find_masks(prediction)
    strangers = sorted(set(predictions) - set(references))
    if strangers:
        raise CohortError(
            f"{prediction}: case {strangers[0]} has no reference in {reference} "
            f"({len(strangers)} such cases); file names or case ids must agree"
        )
    pairs = [(references[case], predictions[case]) for case in sorted(predictions)]
    return [_evaluate(*pair) for pair in pairs], pairs, sorted(set(references) - set(predictions))


def summary_lines(summary: Mapping[str, Any]) -> list[str]:
    """The summary in a few lines of text, each number with its 95 % interval."""
    mean = summary["mean"]
    lines = [
        f"{summary['num_cases']} cases of {summary['num_patients']} patients, "
        f"{len(summary['cases_without_prediction'])} reference cases without a prediction (not scored)",
        f"Dice (mean)                  {estimate_text(mean['dice'])}",
        f"lesion sensitivity (pooled)  {estimate_text(summary['pooled_lesion_sensitivity'])}",
        f"false positives per patient  {estimate_text(summary['false_positives_per_patient'])}",
    ]
    note = mean["dice"].get("note")
    return [*lines, f"note: {note}"] if note else lines


def estimate_text(estimate: Mapping[str, Any]) -> str:
    """0.812 [0.703, 0.901], or n/a."""
    if estimate["value"] is None:
        return "n/a"
    low, high = estimate["low"], estimate["high"]
    interval = "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"
    return f"{estimate['value']:.3f}{interval}"


def _evaluate(reference: MaskFile, prediction: MaskFile) -> CaseResult:
    probability = None
    if prediction.probability is not None:
        probability = read_volume(prediction.probability, Quantity.PROBABILITY)
    return evaluate_case(
        prediction.case,
        reference.patient,
        read_volume(reference.path, Quantity.LABEL),
        read_volume(prediction.path, Quantity.LABEL),
        probability=probability,
    )


def _table(results: list[CaseResult]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    for result in results:
        writer.writerow([_cell(value) for value in result.row().values()])
    return text.getvalue()


def _cell(value: str | int | float) -> str:
    if isinstance(value, float):
        return "n/a" if math.isnan(value) else f"{value:.6g}"
    return str(value)
