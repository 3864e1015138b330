"""`netlesion calibrate`: what a lesion's score is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def calibrate(
    results: Annotated[Path, typer.Argument(help="Folder that `netlesion evaluate` wrote for validation patients.")],
    out: Annotated[Path, typer.Option(help="JSON file to write, for `netlesion evaluate --calibration`.")],
    method: Annotated[
        str, typer.Option(help="temperature (one number), or isotonic (a rising curve).")
    ] = "temperature",
    split_file: Annotated[
        Path | None, typer.Option(help="Split file of the training, where the results do not say what was validation.")
    ] = None,
) -> None:
    """What a lesion's score is worth, learned from validation patients, for the scores of other patients."""
    from netlesion.evaluate.cohort.recalibrate import calibrate as learn

    record = learn(results, out, method, split_file)
    text = "" if record["temperature"] is None else f" {record['temperature']:.3f}"
    ece = record["ece_of_these_patients"]
    print(f"{record['method']}{text}, from {record['num_detections']} predicted lesions ({record['num_true']} real)")
    print(f"ECE of the {len(record['learned_on'])} patients learned on: {ece['before']:.3f} -> {ece['after']:.3f}")
    if record["not_known"]:
        print(
            f"warning: nothing says that {record['not_known'][0]} is a validation patient "
            f"({len(record['not_known'])} such patients); give --split-file, or be sure that no one else is among them"
        )
    print(out)
