"""Batch inference: skip what is done, report what fails, refuse to mix, survive a kill."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from netlesion.errors import ConfigError, OutputError
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.cohort import open_cohort
from netlesion.io.nifti import read_volume, write_volume
from netlesion.models.card import ModelCard
from netlesion.predict.batch import run_batch
from netlesion.predict.model import Model
from netlesion.predict.settings import InferenceSettings
from netlesion.quantify.table import read_lesions

GRID = Geometry(np.array([[0, 0, 3.0, -9], [-4.0, 0, 0, 20], [0, 4.0, 0, 5], [0, 0, 0, 1]]), (9, 13, 11))
CARD = ModelCard(("fdg", "ct"), ("fdg",), {"fdg": ("background", "lesion")}, (3.0, 4.0, 4.0), (8, 8, 8), {})
SETTINGS = InferenceSettings()


def hot_is_lesion(windows):
    """A "network" that calls SUV above about 5 a lesion; sees log1p(SUV) / log1p(10)."""
    signal = 40.0 * (windows[:, :1] - np.log1p(5.0) / np.log1p(10.0))
    return torch.cat([-signal, signal], dim=1)


MODEL = Model(CARD, (hot_is_lesion,), "0" * 64)


def make_cohort(root):
    """Three patients with two lesions each."""
    for n in range(3):
        suv = np.ones(GRID.shape)
        suv[2:5, 3:6, 4:7] = 12.0
        suv[7, 10:12, 9] = 9.0
        folder = root / "in" / f"P{n}"
        write_volume(folder / "PET_image.nii.gz", Volume(suv, GRID, Quantity.SUVBW))
    return root / "in"


@pytest.fixture
def cohort(tmp_path):
    return make_cohort(tmp_path)


def run(cohort, output, model=MODEL, **options):
    return run_batch(open_cohort(cohort).visits, output, model, SETTINGS, {"x": 1}, seed=0, **options)


def test_lesions_come_out_on_the_native_grid_with_their_measurements(cohort, tmp_path):
    result = run(cohort, tmp_path / "out")
    assert result.done == ("P0", "P1", "P2")
    labels = read_volume(tmp_path / "out/P0/P0_trc-fdg_desc-lesions_dseg.nii.gz", Quantity.LABEL)
    assert labels.geometry.same_grid(GRID)
    assert (labels.array > 0).sum() == 27 + 2
    assert set(labels.array[2:5, 3:6, 4:7].ravel()) == {1}
    rows = read_lesions(tmp_path / "out" / "lesions.tsv")["P0_trc-fdg"]
    assert [r.suvmax_g_per_ml for r in rows] == [12.0, 9.0]
    assert all(0.5 < r.score <= 1.0 for r in rows)
    probability = read_volume(tmp_path / "out/P0/P0_trc-fdg_desc-lesions_probseg.nii.gz", Quantity.PROBABILITY)
    assert probability.array[3, 4, 5] > 0.99
    record = json.loads((tmp_path / "out/P0/provenance.json").read_text())
    assert record["channels_present"] == {"fdg": True, "ct": False}
    assert record["inputs_sha256"].keys() == {"PET_image.nii.gz"}
    assert {"read", "network", "write"} <= record["seconds"].keys()
    assert record["peak_memory_mb"] > 0


def test_the_model_card_lies_beside_the_results_without_patients(cohort, tmp_path):
    run(cohort, tmp_path / "out")
    card = json.loads((tmp_path / "out" / "model_card.json").read_text())
    assert card["channels"] == list(MODEL.card.channels)
    assert card["trained_on"] == len(MODEL.card.trained_on)


def test_a_rerun_skips_what_is_done_and_finishes_what_is_not(cohort, tmp_path):
    run(cohort, tmp_path / "out")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").glob("*/*")}
    (tmp_path / "out/P1/provenance.json").unlink()
    result = run(cohort, tmp_path / "out")
    assert (result.done, result.skipped) == (("P1",), ("P0", "P2"))
    assert all(p.stat().st_mtime_ns == t for p, t in before.items() if "P1" not in str(p))
    assert len(read_lesions(tmp_path / "out" / "lesions.tsv")) == 3
    assert run(cohort, tmp_path / "out", overwrite=True).done == ("P0", "P1", "P2")


def test_a_rerun_changes_no_result(cohort, tmp_path):
    run(cohort, tmp_path / "one")
    run(cohort, tmp_path / "two")
    for path in (tmp_path / "one").glob("*/*.nii.gz"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_results_of_another_checkpoint_or_settings_are_not_mixed(cohort, tmp_path):
    run(cohort, tmp_path / "out")
    with pytest.raises(ConfigError, match="another checkpoint"):
        run(cohort, tmp_path / "out", replace(MODEL, checkpoint_sha256="1" * 64))
    visits = open_cohort(cohort).visits
    with pytest.raises(ConfigError, match="another settings"):
        run_batch(visits, tmp_path / "out", MODEL, replace(SETTINGS, threshold=0.6), {}, seed=0)


def test_one_bad_visit_is_reported_and_the_rest_goes_on(cohort, tmp_path):
    (cohort / "P1" / "PET_image.nii.gz").write_bytes(b"broken")
    result = run(cohort, tmp_path / "out")
    assert result.done == ("P0", "P2")
    assert list(result.failures) == ["P1"]
    assert "P1/PET_image.nii.gz: not a readable NIfTI" in result.failures["P1"]
    kept = json.loads((tmp_path / "out" / "provenance.json").read_text())["failures"]
    assert kept["P1"].startswith("PET_image.nii.gz: not a readable NIfTI")  # without the folder it lies in


def test_a_missing_required_channel_is_that_visits_failure(cohort, tmp_path):
    (cohort / "P1" / "PET_image.nii.gz").rename(cohort / "P1" / "CT_image.nii.gz")
    assert "channel fdg is missing" in run(cohort, tmp_path / "out").failures["P1"]


def test_a_nan_of_the_network_is_that_visits_failure(cohort, tmp_path):
    broken = replace(MODEL, networks=(lambda w: torch.full((len(w), 2, 8, 8, 8), float("nan")),))
    assert "not finite" in run(cohort, tmp_path / "out", broken).failures["P0"]


def test_a_full_disk_ends_the_run(cohort, tmp_path, monkeypatch):
    import os

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        run(cohort, tmp_path / "out")
    assert not [p for p in (tmp_path / "out").rglob("*") if p.is_file()]


def test_another_patient_under_the_same_name_is_not_taken_for_done(cohort, tmp_path):
    run(cohort, tmp_path / "out")
    suv = np.full(GRID.shape, 2.0)
    write_volume(cohort / "P1" / "PET_image.nii.gz", Volume(suv, GRID, Quantity.SUVBW))
    with pytest.raises(ConfigError, match="P1 made from other images"):
        run(cohort, tmp_path / "out")


def test_an_error_nobody_foresaw_is_that_visits_failure(cohort, tmp_path):
    def run_out(windows):
        raise MemoryError

    assert "MemoryError" in run(cohort, tmp_path / "out", replace(MODEL, networks=(run_out,))).failures["P0"]
