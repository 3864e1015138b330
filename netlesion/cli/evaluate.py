"""`netlesion evaluate`: predicted lesions against reference lesions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    reference: Annotated[Path, typer.Option(help="Cohort, results, folder of NIfTI masks, or a table of points.")],
    prediction: Annotated[
        list[Path],
        typer.Option(
            help="Results, a cohort, a folder of NIfTI masks, or a table of a reader's marks; repeat for more."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for cases.tsv, lesions.tsv, summary.json and the page.")],
    cohort: Annotated[Path | None, typer.Option(help="Cohort of the PETs: SUV, scanners, uptake times.")] = None,
    tasks: Annotated[str, typer.Option(help="Any of detection, segmentation, challenge, categories.")] = "",
    desc: Annotated[str, typer.Option(help="Which mask of a cohort is the reference (BIDS desc-).")] = "lesions",
    prediction_desc: Annotated[str, typer.Option(help="The same for the prediction.")] = "lesions",
    lesions: Annotated[
        Path | None, typer.Option(help="Table of reference lesions: case, lesion_id, region, type, standard.")
    ] = None,
    criterion: Annotated[
        str, typer.Option(help="When a lesion counts as found: iou_or_peak, iou, overlap, peak, centre, distance.")
    ] = "iou_or_peak",
    min_iou: Annotated[float, typer.Option(help="Smallest IoU of a found lesion.")] = 0.1,
    assignment: Annotated[str, typer.Option(help="hungarian, or greedy by confidence.")] = "hungarian",
    confidence: Annotated[str, typer.Option(help="Of a lesion's probabilities: max, or p95.")] = "max",
    reference_standard: Annotated[
        str, typer.Option(help="What reference lesions rest on where --lesions does not say: histology, followup, ...")
    ] = "n/a",
    category_order: Annotated[
        list[str] | None, typer.Option(help="Order of a category, lowest first: stage=I,II,III,IV; repeat for more.")
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="File of `netlesion calibrate`, learned on other patients: scores recalibrated.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="FILE:PART, as splits/net.json:test: only the patients of that part.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; default: one per core.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
) -> None:
    """Case and lesion tables, cohort summary and a page of predicted against reference lesions."""
    from netlesion.evaluate.case.outcome import Assignment, Confidence, Criterion, MatchSettings, member
    from netlesion.evaluate.case.reference_standard import parse_standard
    from netlesion.evaluate.cohort.categories import parse_orders
    from netlesion.evaluate.cohort.score import ALL_TASKS, EvaluationSettings, Part
    from netlesion.evaluate.cohort.summary_text import summary_lines
    from netlesion.report.readers import evaluate_predictions

    settings = EvaluationSettings(
        tasks=tuple(task.strip() for task in tasks.split(",")) if tasks else ALL_TASKS,
        desc=desc,
        prediction_desc=prediction_desc,
        match=MatchSettings(
            criterion=member("criterion", Criterion, criterion),
            assignment=member("assignment", Assignment, assignment),
            confidence=member("confidence", Confidence, confidence),
            min_iou=min_iou,
        ),
        cohort=cohort,
        lesion_table=lesions,
        reference_standard=parse_standard(reference_standard),
        category_orders=parse_orders(category_order or ()),
        calibration=calibration,
        workers=workers,
        part=None if split is None else Part.parse(split),
    )
    for evaluated in evaluate_predictions(reference, prediction, out, settings, seed):
        if evaluated.name:
            print(evaluated.name)
        for line in summary_lines(evaluated.summary):
            print(line)
        for path in (evaluated.folder / name for name in ("cases.tsv", "summary.json", "evaluation.html")):
            if path.is_file():
                print(path)
