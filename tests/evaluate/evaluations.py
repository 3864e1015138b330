"""Small folders as `netlesion evaluate` writes them, row by row."""

import json

COLUMNS = (
    "case",
    "patient",
    "dice",
    "autopet_dice",
    "autopet_fpv_ml",
    "autopet_fnv_ml",
    "num_lesions_reference",
    "num_lesions_prediction",
    "num_true_positives",
    "num_false_positives",
    "num_false_negatives",
    "volume_reference_ml",
    "volume_prediction_ml",
)


def case_row(case, patient, *, dice=0.8, lesions=2, found=2, false=0, volume=10.0, predicted=9.0):
    """A row whose numbers fit together; a case without lesion has neither autopet_dice nor autopet_fnv_ml."""
    return {
        "case": case,
        "patient": patient,
        "dice": dice,
        "autopet_dice": dice if lesions else "n/a",
        "autopet_fpv_ml": 0.5 * false,
        "autopet_fnv_ml": 1.5 * (lesions - found) if lesions else "n/a",
        "num_lesions_reference": lesions,
        "num_lesions_prediction": found + false,
        "num_true_positives": found,
        "num_false_positives": false,
        "num_false_negatives": lesions - found,
        "volume_reference_ml": volume if lesions else 0.0,
        "volume_prediction_ml": predicted,
    }


def write_evaluation(folder, rows, *, summary=None, lesions=None, detections=None):
    folder.mkdir(parents=True)
    write_table(folder / "cases.tsv", rows)
    if summary is not None:
        (folder / "summary.json").write_text(json.dumps(summary))
    if lesions is not None:
        write_table(folder / "lesions.tsv", lesions)
    if detections is not None:
        write_table(folder / "detections.tsv", detections)
    return folder


def write_table(path, rows):
    lines = ["\t".join(rows[0])] + ["\t".join(map(str, row.values())) for row in rows]
    path.write_text("\n".join(lines) + "\n")


def cohort(found=(2, 1, 2, 0, 2, 1, 2, 2, 1, 2, 0, 0), false=(0, 1, 0, 0, 2, 0, 0, 1, 0, 0, 0, 1), dice=0.7):
    """Twelve patients with one case each; the last two have no lesion."""
    return [
        case_row(f"sub-{n:02d}_trc-fdg", f"{n:02d}", lesions=0 if n > 9 else 2, found=f, false=x, dice=dice + 0.01 * n)
        for n, (f, x) in enumerate(zip(found, false, strict=True))
    ]


def detection_rows(rows, rating=0.9):
    """Every hit of `rows` with the score `rating`, every invention with 0.5."""
    return [
        {"case": row["case"], "patient": row["patient"], "score": score, "is_true": true}
        for row in rows
        for score, true, count in ((rating, 1, row["num_true_positives"]), (0.5, 0, row["num_false_positives"]))
        for _ in range(count)
    ]
