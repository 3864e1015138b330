"""From an evaluation of validation patients to a file, and from the file to an evaluation of others."""

import csv
import json
import sys

import numpy as np
import pytest
from scipy.special import expit, logit

from netlesion.cli.main import main
from netlesion.errors import CohortError, ConfigError
from netlesion.evaluate.cohort.recalibrate import calibrate, read_recalibration
from netlesion.evaluate.cohort.score import EvaluationSettings
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.nifti import write_volume
from netlesion.report.evaluation_folder import evaluate_folders
from netlesion.report.readers import evaluate_predictions

PLACES = (np.s_[1:4, 1:4, 1:4], np.s_[7:10, 1:4, 1:4], np.s_[1:4, 7:10, 5:8])


def write_detections(folder, scores, real, patients):
    """An evaluation as far as `calibrate` reads it; the last patient has nothing predicted."""
    folder.mkdir(parents=True)
    rows = zip(patients, scores, real, strict=True)
    lines = "".join(f"{p}_trc-fdg\t{p}\tfdg\t{s:.6g}\t{int(r)}\tn/a\n" for p, s, r in rows)
    (folder / "detections.tsv").write_text("case\tpatient\ttracer\tscore\tis_true\tscore_calibrated\n" + lines)
    cases = "".join(f"{p}_trc-fdg\t{p}\n" for p in [*dict.fromkeys(patients), "quiet"])
    (folder / "cases.tsv").write_text("case\tpatient\n" + cases)
    return folder


@pytest.fixture
def validation(tmp_path):
    """Scores whose log odds are twice what they should be."""
    rng = np.random.default_rng(0)
    truth = rng.beta(2, 2, 600)
    patients = np.repeat([f"v{n:03d}" for n in range(200)], 3)
    return write_detections(
        tmp_path / "validation", expit(2 * logit(truth)), rng.random(600) < truth, patients.tolist()
    )


def scored_folders(root, patients):
    """A reference of two lesions each, and a prediction of one of them (0.9) and of nothing (0.4), in `root`."""
    shape, affine = (11, 13, 9), np.diag([2.0, 3.0, 4.0, 1.0])

    def volume(quantity, *pairs):
        array = np.zeros(shape, np.float32 if quantity is Quantity.PROBABILITY else np.uint8)
        for place, value in pairs:
            array[place] = value
        return Volume(array, Geometry(affine, shape), quantity)

    for patient in patients:
        case = f"sub-{patient}_trc-fdg"
        truth = volume(Quantity.LABEL, (PLACES[0], 1), (PLACES[1], 1))
        write_volume(root / "reference" / f"{case}.nii.gz", truth)
        name = f"{case}_desc-lesions"
        found = volume(Quantity.LABEL, (PLACES[0], 1), (PLACES[2], 1))
        write_volume(root / "prediction" / f"{name}_dseg.nii.gz", found)
        scores = volume(Quantity.PROBABILITY, (PLACES[0], 0.9), (PLACES[2], 0.4))
        write_volume(root / "prediction" / f"{name}_probseg.nii.gz", scores)
    return root / "reference", root / "prediction"


@pytest.mark.parametrize("method", ["temperature", "isotonic"])
def test_what_is_written_is_what_was_learned(validation, tmp_path, method):
    record = calibrate(validation, tmp_path / "calibration.json", method)
    assert record == json.loads((tmp_path / "calibration.json").read_text())
    ece = record["ece_of_these_patients"]
    assert ece["after"] < 0.6 * ece["before"]
    assert (record["num_detections"], len(record["learned_on"])) == (600, 201)
    learned = read_recalibration(tmp_path / "calibration.json")
    assert (learned.method, learned.learned_on) == (method, frozenset(record["learned_on"]))
    found = learned.apply([0.1, 0.5, 0.9], ["x", "y", "z"])
    assert (np.abs(found - 0.5) <= np.abs(np.array([0.1, 0.5, 0.9]) - 0.5) + 0.05).all()
    if method == "temperature":
        assert record["temperature"] == pytest.approx(2, rel=0.15)


def test_an_evaluation_of_other_patients_shows_both(validation, tmp_path):
    calibrate(validation, tmp_path / "calibration.json")
    folders = scored_folders(tmp_path, ["01", "02"])
    settings = EvaluationSettings(calibration=tmp_path / "calibration.json", workers=1)
    summary = evaluate_folders(*folders, tmp_path / "out", settings=settings)
    calibration = summary["calibration"]
    assert calibration["ece"]["value"] == pytest.approx((0.1 + 0.4) / 2)
    temperature = calibration["recalibrated"]["temperature"]
    after = [float(expit(logit(s) / temperature)) for s in (0.9, 0.4)]
    assert calibration["recalibrated"]["ece"]["value"] == pytest.approx((1 - after[0] + after[1]) / 2)
    with (tmp_path / "out" / "detections.tsv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    assert [(r["patient"], r["score"], r["is_true"]) for r in rows][:2] == [
        ("01", repr(float(np.float32(0.9))), "1"),
        ("01", repr(float(np.float32(0.4))), "0"),
    ]
    assert [float(r["score_calibrated"]) for r in rows] == pytest.approx(after * 2, rel=1e-5)
    page = (tmp_path / "out" / "evaluation.html").read_text()
    assert "Expected calibration error, recalibrated" in page
    assert "grey: recalibrated (temperature), ECE" in page
    # and back: what was evaluated can be learned from, and is then refused
    calibrate(tmp_path / "out", tmp_path / "own.json")
    with pytest.raises(CohortError, match=r"patient 01 is one that the recalibration was learned on \(2 such"):
        evaluate_folders(*folders, tmp_path / "again", settings=EvaluationSettings(calibration=tmp_path / "own.json"))
    assert not (tmp_path / "again").exists()


def test_only_validation_patients_teach(validation, tmp_path):
    out = tmp_path / "c.json"
    everyone = [f"v{n:03d}" for n in range(200)] + ["quiet"]
    assert calibrate(validation, out)["not_known"] == sorted(everyone)
    split = tmp_path / "split.json"
    for part, name in (("test", "test"), ("train", "training")):
        parts = {"train": [], "val": everyone[2:], "test": []} | {part: everyone[:2]}
        split.write_text(json.dumps(parts))
        with pytest.raises(
            CohortError, match=rf"patient v000 is of the {name} part \(2 such patients\); a calibration"
        ):
            calibrate(validation, tmp_path / "d.json", split_file=split)
        (validation / "summary.json").write_text(json.dumps({"partition": parts}))
        with pytest.raises(CohortError, match=rf"patient v000 is of the {name} part"):
            calibrate(validation, tmp_path / "d.json")
    assert not (tmp_path / "d.json").exists()
    split.write_text(json.dumps({"train": [], "val": everyone[:-1], "test": ["other"]}))
    assert calibrate(validation, out, split_file=split)["not_known"] == [
        "quiet"
    ]  # the file is believed, not the summary
    split.write_text("[]")
    with pytest.raises(CohortError, match="not a split file; expected lists of patients under train, val, test"):
        calibrate(validation, out, split_file=split)


def test_an_evaluation_knows_the_part_that_its_predictions_were_made_for(tmp_path):
    reference, prediction = scored_folders(tmp_path, ["01", "02", "03"])
    (tmp_path / "split.json").write_text(json.dumps({"train": ["09"], "val": ["02"], "test": ["01"]}))

    def summary(**config):
        files = sorted(path.name for path in prediction.glob("*.nii.gz"))
        (prediction / "provenance.json").write_text(json.dumps({"outputs": files, "config": config}))
        return evaluate_folders(reference, prediction, tmp_path / "out", workers=1)

    assert summary(split="val")["partition"] == {"val": ["01", "02", "03"]}
    known = summary(split="all", split_file=str(tmp_path / "split.json"))["partition"]
    assert known == {"val": ["02"], "test": ["01"], "unknown": ["03"]}
    reporting = json.loads((tmp_path / "out" / "reporting.json").read_text())
    assert reporting["partition"]["n_patients"] == {"val": 1, "test": 1, "unknown": 1}
    with pytest.raises(CohortError, match="patient 01 is of the test part"):
        calibrate(tmp_path / "out", tmp_path / "c.json")
    assert summary()["partition"] == {"unknown": ["01", "02", "03"]}


def test_one_score_for_all_is_the_share_that_was_real(tmp_path):
    folder = write_detections(tmp_path / "same", [0.5] * 4, [1, 1, 1, 0], list("abcd"))
    calibrate(folder, tmp_path / "c.json", "isotonic")
    assert read_recalibration(tmp_path / "c.json").apply([0.1, 0.9], ["x", "y"]).tolist() == [0.75, 0.75]


def test_a_patient_in_whom_nothing_was_predicted_was_learned_on_too(validation, tmp_path):
    calibrate(validation, tmp_path / "calibration.json")
    with pytest.raises(CohortError, match="patient quiet"):
        read_recalibration(tmp_path / "calibration.json").require_unseen(["new", "quiet"])


def test_detections_of_an_earlier_run_do_not_stay(tmp_path):
    folders = scored_folders(tmp_path, ["01"])
    settings = EvaluationSettings(workers=1)
    evaluate_folders(*folders, tmp_path / "out", settings=settings)
    assert (tmp_path / "out" / "detections.tsv").is_file()
    next(folders[1].glob("*probseg.nii.gz")).unlink()
    evaluate_folders(*folders, tmp_path / "out", settings=settings)
    assert not list((tmp_path / "out").glob("detections.*"))


def test_nonsense_is_refused(validation, tmp_path):
    with pytest.raises(ConfigError, match="method is 'platt', expected one of temperature, isotonic"):
        calibrate(validation, tmp_path / "calibration.json", "platt")
    (tmp_path / "bare").mkdir()
    with pytest.raises(CohortError, match=r"holds no detections.tsv; evaluate predictions that have probability maps"):
        calibrate(tmp_path / "bare", tmp_path / "calibration.json")
    only = write_detections(tmp_path / "only", [0.2, 0.8], [1, 1], ["a", "b"])
    with pytest.raises(CohortError, match="of one kind"):
        calibrate(only, tmp_path / "calibration.json")
    assert not (tmp_path / "calibration.json").exists()
    good = {"temperature": 2.0, "knots": [], "learned_on": ["a"]}
    for bad in (
        "no json",
        json.dumps([]),
        json.dumps({"temperature": 2.0}),
        json.dumps(good | {"temperature": -1.0}),
        json.dumps(good | {"learned_on": []}),
        json.dumps(good | {"knots": [[0.1, 0.2]]}),
        json.dumps(good | {"temperature": None}),
        json.dumps(good | {"temperature": None, "knots": [[0.1, 0.5], [0.2, 0.4]]}),
        json.dumps(good | {"temperature": None, "knots": [[0.1, 0.5], [0.1, 0.6]]}),
        json.dumps(good | {"temperature": None, "knots": [[0.1, 1.5]]}),
    ):
        (tmp_path / "bad.json").write_text(bad)
        with pytest.raises(CohortError, match="netlesion calibrate"):
            read_recalibration(tmp_path / "bad.json")
    with pytest.raises(CohortError, match="netlesion calibrate"):
        read_recalibration(tmp_path / "absent.json")


def test_a_calibration_needs_scores_and_one_model(validation, tmp_path):
    calibrate(validation, tmp_path / "calibration.json")
    reference, prediction = scored_folders(tmp_path, ["01"])
    settings = EvaluationSettings(calibration=tmp_path / "calibration.json", workers=1)
    with pytest.raises(ConfigError, match="there are 2 predictions; evaluate it alone"):
        evaluate_predictions(reference, [prediction, tmp_path / "other"], tmp_path / "out", settings, 0)
    next(prediction.glob("*probseg.nii.gz")).unlink()
    with pytest.raises(ConfigError, match="there is no score to recalibrate"):
        evaluate_folders(reference, prediction, tmp_path / "out", settings=settings)
    assert not (tmp_path / "out").exists()


def test_the_verbs(validation, tmp_path, monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["netlesion", *map(str, arguments)])
        with pytest.raises(SystemExit) as done:
            main()
        return done.value.code or 0, capsys.readouterr()

    code, text = run("calibrate", validation, "--out", tmp_path / "c.json", "--method", "isotonic")
    assert code == 0
    assert text.out.startswith("isotonic, from 600 predicted lesions (")
    assert "ECE of the 201 patients learned on: 0." in text.out
    assert "warning: nothing says that quiet is a validation patient (201 such patients); give --split-file" in text.out
    reference, prediction = scored_folders(tmp_path, ["01", "02"])
    for folder in (reference, prediction):
        rows = "sub-01_trc-fdg\tII\nsub-02_trc-fdg\tI\n"
        (folder / "categories.tsv").write_text("case\tstage\n" + rows)
    options = ("--calibration", tmp_path / "c.json", "--category-order", "stage=I,II", "--workers", 1)
    options += ("--reference-standard", "followup")
    code, text = run(
        "evaluate", "--reference", reference, "--prediction", prediction, "--out", tmp_path / "out", *options
    )
    assert code == 0
    assert "calibration error (ECE)      0.250" in text.out
    assert "- recalibrated" in text.out
    assert "stage                        accuracy 1.000 [0.158, 1.000], n 2, kappa_quadratic 1.000" in text.out
    assert json.loads((tmp_path / "out" / "reporting.json").read_text())["n_lesions"]["by_reference_standard"] == {
        "followup": 4
    }
    code, text = run("calibrate", tmp_path / "out" / "none", "--out", tmp_path / "d.json")
    assert code == 1
    assert "holds no detections.tsv" in text.err
