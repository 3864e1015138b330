"""What a record says of where things came from: no folder, which may bear a patient's name, and nothing of the
environment.
"""

import json
from pathlib import Path

import pytest

from netlesion.cli.config import compose, recorded
from netlesion.evaluate.cohort.score import EvaluationSettings
from netlesion.io.bids.masks import open_masks
from netlesion.output.provenance import without_folders
from netlesion.report.evaluation_folder import evaluate_folders
from tests.predict.test_batch import MODEL, SETTINGS, make_cohort, run_batch
from tests.small_images import write_mask

NAME = "MEIER_HANS"


@pytest.mark.parametrize(
    "given",
    [
        f"input=/data/{NAME}",
        f"input=../{NAME}",
        f"input={NAME}",
        f"cohort='~/{NAME}/c'",
        f"checkpoint=[/m/{NAME}.safetensors,b]",
        f"output=${{data_dir}}/x data_dir=/srv/{NAME}",
        f"runs_dir=/home/{NAME}/runs",
        f"++note=/home/{NAME}/note.txt",
        "name=${oc.env:NETLESION_SECRET}",
        "input=/x/${oc.env:NETLESION_SECRET}",
        "seed=${oc.env:NETLESION_NUMBER}",
    ],
)
def test_a_configuration_is_recorded_without_paths_and_without_the_environment(given, monkeypatch):
    monkeypatch.setenv("NETLESION_SECRET", NAME)
    monkeypatch.setenv("NETLESION_NUMBER", "777")
    record = json.dumps(recorded(compose("infer", ["experiment=sts", *given.split()])))
    assert NAME not in record
    assert "777" not in record
    assert json.loads(record)["inference"]["overlap"] == 0.5


def test_no_output_of_a_run_names_the_folder_of_its_input_and_an_evaluation_still_knows_the_part(tmp_path):
    from netlesion.io.bids.cohort import open_cohort

    cohort = make_cohort(tmp_path / NAME)
    (cohort / "P1" / "PET_image.nii.gz").write_bytes(b"broken")
    visits, out = open_cohort(cohort).visits, tmp_path / "out"
    run_batch(visits, out, MODEL, SETTINGS, {"split": "all"}, seed=0, parts={"P0": "val"})
    for path in (p for p in out.rglob("*") if p.is_file()):
        assert NAME.encode() not in path.read_bytes(), path
    failure = json.loads((out / "provenance.json").read_text())["failures"]["P1"]
    assert failure.startswith("PET_image.nii.gz: not a readable NIfTI")
    assert [open_masks(out).configs[f"{p}_trc-fdg"]["split"] for p in ("P0", "P2")] == ["val", "all"]


def test_an_evaluation_names_no_folder(tmp_path):
    for side in ("reference", "prediction"):
        write_mask(tmp_path / NAME / side / "a.nii.gz")
    settings = EvaluationSettings(tasks=("segmentation",))
    evaluate_folders(tmp_path / NAME / "reference", tmp_path / NAME / "prediction", tmp_path / "out", settings=settings)
    for path in (tmp_path / "out").iterdir():
        assert NAME.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("/data/MEIER_HANS/c/P1/PET.nii.gz: bad", ["/data/MEIER_HANS/c/P1/PET.nii.gz"]),
        ("MEIER_HANS/P1/PET.json: bad", ["MEIER_HANS/P1/PET.nii.gz"]),
        ("b: /x/MEIER_HANS/sub-1/sub-1_sessions.tsv", ["/x/MEIER_HANS/sub-1/ses-1/pet/a.nii.gz"]),
        ("[Errno 2] No such file: '/x/MEIER_HANS/y'", ["/x/MEIER_HANS/a"]),
    ],
)
def test_a_message_keeps_names_below_the_folder(text, paths):
    assert NAME not in without_folders(text, map(Path, paths))
