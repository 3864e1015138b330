"""What CLAIM, STARD and TRIPOD+AI ask of a study, filled as far as an evaluation knows it.

Takes rows, summary and the cohort's facts; returns a plain dict. A field that only the study's authors know is None
and listed under `to_be_filled`, so that nobody takes a gap for an answer. Source: clinical.md 8.6.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from netlesion.evaluate.case.outcome import Outcome
from netlesion.evaluate.case.result import CaseResult
from netlesion.evaluate.cohort.facts import CohortFacts

#: Guideline item -> where in the output the answer lies; None: the authors' to write.
ITEMS: Mapping[str, Mapping[str, str | None]] = {
    "CLAIM": {
        "data sources and dates": None,
        "eligibility criteria": None,
        "de-identification": None,
        "selection of subsets": "exclusions",
        "definition of ground truth, annotators, annotation tool": None,
        "inter-annotator variability": None,
        "partition and its level": "partition",
        "model, training details, hyper-parameters": "weights_sha256",
        "metrics with uncertainty": "summary.json: mean, pooled_*, froc; interval",
        "robustness, subgroups": "summary.json: strata",
        "failure analysis": "evaluation.html: worst cases; lesions.tsv",
        "external test": None,
        "software and versions": "software",
    },
    "STARD": {
        "flow of participants": "flow",
        "cross table of index test and reference standard": "cross_table",
        "indeterminate and missing results": "indeterminate",
        "estimates with 95 % intervals": "summary.json",
        "reference standard": "n_lesions: by_reference_standard",
        "rationale of the reference standard": None,
        "time and interventions between tests": None,
        "blinding of readers": None,
    },
    "TRIPOD+AI": {
        "population": "n_patients, n_scans, scanners",
        "outcome": "n_lesions",
        "sample size rationale": None,
        "missing data": "indeterminate",
        "fairness, subgroups": "summary.json: strata",
        "performance with intervals": "summary.json",
        "calibration": "summary.json: calibration, reliability",
        "availability of model and code": None,
    },
}


def reporting_record(
    results: Sequence[CaseResult],
    summary: Mapping[str, Any],
    cohort: CohortFacts,
    checkpoints: Sequence[str],
) -> dict[str, Any]:
    """The fields of `reporting.json`; plain JSON values."""
    facts = [cohort.of(r.case) for r in results]
    rows = [row for r in results for row in r.lesions if row.source == "reference"]
    provenance = summary["provenance"]
    return {
        "notice": "Research software, not a medical device.",
        "n_patients": summary["num_patients"],
        "n_scans": summary["num_cases"],
        "n_lesions": {
            "all": len(rows),
            "dont_care": sum(row.outcome == Outcome.DONT_CARE for row in rows),
            "by_tracer": _counts(row.tracer for row in rows),
            "by_site": _counts(row.region for row in rows),
            "by_size_ml": _counts(row.size_bin for row in rows),
            "by_type": _counts(row.lesion_type for row in rows),
            "by_reference_standard": _counts(row.reference_standard for row in rows),
            "by_annotator": _counts(row.reference_source for row in rows),
        },
        "scanners": _counts(r.scanner for r in results),
        "tracers": _counts(r.tracer for r in results),
        "uptake_min": _spread([f.uptake_min for f in facts]),
        "dose_mbq": _spread([f.dose_mbq for f in facts]),
        "suv_paths": _counts(f.suv_path for f in facts),
        "flow": {
            "reference_cases": summary["num_cases"] + len(summary["cases_without_prediction"]),
            "scored_cases": summary["num_cases"],
        },
        "partition": {
            "level": "patient",
            "n_patients": {part: len(patients) for part, patients in summary["partition"].items()},
        },
        "exclusions": [
            *({"case": c, "reason": "no prediction"} for c in summary["cases_without_prediction"]),
            *({"visit": v, "reason": "unfinished inference"} for v in summary["unfinished_visits"]),
        ],
        "cross_table": {
            "by_case": {
                "reference_lesion_and_prediction": _both(results, True, True),
                "reference_lesion_no_prediction": _both(results, True, False),
                "no_reference_lesion_but_prediction": _both(results, False, True),
                "neither": _both(results, False, False),
            },
            "by_lesion": summary.get("counts"),
        },
        "indeterminate": {
            "cases_without_value": {
                name: sum(bool(np.isnan(getattr(r, name))) for r in results) for name in summary["mean"]
            },
            "dont_care_lesions": sum(r.num_dont_care for r in results),
            "remarks": summary["remarks"],
        },
        "nan_policy": "a number without meaning is n/a, left out of means, and counted in the note of the mean",
        "thresholds": summary["match_settings"],
        "intervals": summary["interval"],
        "seed": provenance["seed"],
        "software": {"generated_by": provenance["generated_by"], "packages": provenance["packages"]},
        "weights_sha256": list(checkpoints),
        "hardware": {"platform": provenance["platform"], "processor": platform.machine()},
        "wall_time_s": provenance["seconds"],
        "inputs_sha256": provenance["inputs_sha256"],
        "guidelines": {name: dict(items) for name, items in ITEMS.items()},
        "to_be_filled": {
            name: [item for item, place in items.items() if place is None] for name, items in ITEMS.items()
        },
    }


def _counts(names) -> dict[str, int]:
    return dict(sorted(Counter(name or "n/a" for name in names).items()))


def _spread(values: Sequence[float | None]) -> dict[str, float | int | None]:
    known = np.array([v for v in values if v is not None], dtype=float)
    if not len(known):
        return {"n": 0, "mean": None, "sd": None, "min": None, "max": None}
    sd = float(known.std(ddof=1)) if len(known) > 1 else None
    return {
        "n": len(known),
        "mean": float(known.mean()),
        "sd": sd,
        "min": float(known.min()),
        "max": float(known.max()),
    }


def _both(results: Sequence[CaseResult], lesion: bool, prediction: bool) -> int:
    return sum(
        (r.num_lesions_reference > 0) == lesion and (r.num_lesions_prediction > 0) == prediction for r in results
    )
