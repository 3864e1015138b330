"""How well a model detects: FROC by tracer and size with intervals, and pictures of what it found, missed and invented.

    python -m bench.detection_quality --cohort COHORT [COHORT ...] --results RESULTS [RESULTS ...] [--figures FOLDER]

Takes cohorts with truth and the results of `netlesion infer` over them, in the same order. A PET is a case, all of its
patient's PETs are resampled together (2000 bootstrap samples, percentiles). Prints a table and one JSON line; with
--figures writes froc.png and mips.png: lesions of the reference in green, of the model in red.

The results' threshold decides which candidates there are: for FROC run inference with inference.threshold=0.2.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from netlesion.evaluate.case.detections import CaseDetections
from netlesion.evaluate.case.result import CaseResult
from netlesion.evaluate.cohort.froc import DetectionTable
from netlesion.evaluate.cohort.jobs import Job
from netlesion.evaluate.cohort.score import EvaluationSettings, score

SAMPLES = 2000
LARGE_ML = 1.0
SIZES = {"all": (0.0, np.inf), "under 1 ml": (0.0, LARGE_ML), "over 1 ml": (LARGE_ML, np.inf)}
NUM_PICTURES = 6


def of_size(result: CaseResult, low: float, high: float) -> CaseDetections:
    """The case with lesions of these volumes (ml) alone; a detection of another lesion counts for nothing."""
    if (low, high) == SIZES["all"]:
        return replace(result.detections, patient=result.patient)
    rows = [r for r in result.lesions if r.source == "reference" and low <= r.volume_ml < high]
    rows = [r for r in rows if r.outcome in ("true_positive", "false_negative")]
    found = [r.score for r in rows if r.outcome == "true_positive"]
    given = zip(result.detections.scores, result.detections.is_true, strict=True)
    wrong = [score for score, is_true in given if not is_true]
    ratings = tuple(r.score if r.outcome == "true_positive" else -np.inf for r in rows)
    return replace(
        result.detections,
        patient=result.patient,
        scores=(*found, *wrong),
        is_true=(*(True for _ in found), *(False for _ in wrong)),
        lesion_scores=ratings,
    )


def interval(values: np.ndarray) -> list[float]:
    """The percentiles 2.5 and 97.5."""
    return [round(float(v), 3) for v in np.nanpercentile(values, (2.5, 97.5))]


def figures_of(results: Sequence[CaseResult], seed: int = 0) -> dict:
    """Every figure of one tracer as {name: {value, low, high}}, and how many PETs and lesions they rest on."""
    patients = sorted({r.patient for r in results})
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(len(patients), np.full(len(patients), 1 / len(patients)), SAMPLES).astype(float)
    out: dict = {"pets": len(results), "patients": len(patients)}
    for name, (low, high) in SIZES.items():
        table = DetectionTable([of_size(r, low, high) for r in results])
        out[f"lesions {name}"] = table.num_lesions
        if table.num_lesions:
            value, spread = table.sensitivity_at((1.0,))[0], table.sensitivities_at((1.0,), weights)[:, 0]
            out[f"sensitivity at 1 FP, {name}"] = [round(float(value), 3), *interval(spread)]
            if name == "all":
                spread = [table.froc_score(w) for w in weights[:400]]
                out["FROC score"] = [round(table.froc_score(), 3), *interval(np.array(spread))]
    index = np.array([patients.index(r.patient) for r in results])
    ill = np.array([r.num_lesions_reference > 0 or r.num_dont_care > 0 for r in results])
    for name, values, chosen in (
        ("Dice, PETs with lesions", np.array([r.dice for r in results]), ill),
        ("lesion-free PETs without a false lesion", np.array([r.num_false_positives == 0 for r in results]), ~ill),
        ("false positives per PET", np.array([r.num_false_positives for r in results], float), np.full(len(ill), True)),
    ):
        if chosen.any():
            w = weights[:, index[chosen]]
            spread = (w * values[chosen]).sum(axis=1) / np.maximum(w.sum(axis=1), 1e-9)
            out[name] = [round(float(values[chosen].mean()), 3), *interval(spread[w.sum(axis=1) > 0])]
    return out


def draw_froc(results: Sequence[CaseResult], path: Path) -> None:
    """Sensitivity against false positives per PET, a panel for each tracer, a line for each size."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    tracers = sorted({r.tracer for r in results})
    figure, panels = pyplot.subplots(1, len(tracers), figsize=(4.2 * len(tracers), 3.6), sharey=True, squeeze=False)
    for panel, tracer in zip(panels[0], tracers, strict=True):
        for (name, limits), colour in zip(SIZES.items(), ("#222222", "#d95f02", "#1b6ca8"), strict=True):
            table = DetectionTable([of_size(r, *limits) for r in results if r.tracer == tracer])
            curve = table.froc()
            label = f"{name} ({table.num_lesions})"
            panel.step(np.maximum(curve.x_T, 0.03), curve.sensitivity_T, where="post", color=colour, label=label)
        panel.axvline(1.0, color="#999999", linewidth=0.8, linestyle=":")
        panel.set(xscale="log", xlim=(0.03, 16), ylim=(0, 1), title=tracer, xlabel="false positives per PET")
        panel.legend(loc="upper left", fontsize=8, frameon=False)
    panels[0][0].set_ylabel("lesion sensitivity")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def draw_mips(results: Sequence[CaseResult], jobs: Sequence[Job], path: Path) -> None:
    """Coronal projections of six PETs: of each tracer the best, the median and the worst sensitivity."""
    from PIL import Image

    from netlesion.image.volume import Quantity
    from netlesion.io.bids.pet import read_suv_image
    from netlesion.io.nifti import read_volume
    from netlesion.report.worst import projection_rgb

    chosen: list[Job] = []
    for tracer in sorted({r.tracer for r in results}):
        of = [(r.lesion_sensitivity, r.case, j) for r, j in zip(results, jobs, strict=True) if r.tracer == tracer]
        of = sorted((t for t in of if np.isfinite(t[0])), key=lambda t: t[:2])
        chosen += [of[n][2] for n in (len(of) - 1, len(of) // 2, 0)]
    tiles = []
    for job in chosen[:NUM_PICTURES]:
        masks = [read_volume(p, Quantity.LABEL) for p in (job.reference, job.prediction)]
        tiles.append(projection_rgb(*masks, read_suv_image(job.pet) if job.pet is not None else None))
    height = max(t.shape[0] for t in tiles)
    padded = [np.pad(t, ((0, height - t.shape[0]), (0, 6), (0, 0)), constant_values=255) for t in tiles]
    Image.fromarray(np.concatenate(padded, axis=1)).save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohort", type=Path, nargs="+", required=True)
    parser.add_argument("--results", type=Path, nargs="+", required=True)
    parser.add_argument("--figures", type=Path)
    arguments = parser.parse_args()
    results, jobs = [], []
    for cohort, folder in zip(arguments.cohort, arguments.results, strict=True):
        scored = score(cohort, folder, EvaluationSettings(cohort=cohort))
        missing = scored.without_prediction
        assert not missing, f"{folder}: {len(missing)} PETs of {cohort} were not predicted"
        results += [replace(r, patient=f"{cohort.name}/{r.patient}") for r in scored.results]
        jobs += scored.jobs
    summary = {}
    for tracer in sorted({r.tracer for r in results}):
        summary[tracer] = figures_of([r for r in results if r.tracer == tracer])
        print(f"\n{tracer}")
        for name, value in summary[tracer].items():
            print(f"  {name:42s} {value if np.isscalar(value) else '{} [{}, {}]'.format(*value)}")
    if arguments.figures is not None:
        arguments.figures.mkdir(parents=True, exist_ok=True)
        draw_froc(results, arguments.figures / "froc.png")
        draw_mips(results, jobs, arguments.figures / "mips.png")
    print(json.dumps({"bench": "detection_quality", "cohorts": [c.name for c in arguments.cohort], **summary}))


if __name__ == "__main__":
    main()
