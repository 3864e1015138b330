"""Inference without an experiment runs the weights of this package; every other model is asked for by name."""

import json

import numpy as np
import pytest

from netlesion.cli.config import compose, run_guarded
from netlesion.cli.infer import infer
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.nifti import write_volume
from netlesion.models.checkpoint import load_checkpoint, shipped_checkpoint


@pytest.fixture
def cohort(tmp_path):
    """One FDG PET of a warm cylinder with a hot ball, without CT."""
    shape = (40, 38, 36)
    places = np.indices(shape)
    body = (places[0] - 20) ** 2 + (places[1] - 19) ** 2 < 17**2
    ball = sum((places[a] - (14, 22, 18)[a]) ** 2 for a in range(3)) < 9
    suv = np.random.default_rng(0).gamma(40.0, 1 / 40, shape) * (0.05 + 0.9 * body) + 9.0 * ball
    grid = Geometry(np.diag([-4.0, 4.0, 4.0, 1.0]), shape)
    write_volume(tmp_path / "cohort" / "A" / "PET_image.nii.gz", Volume(suv, grid, Quantity.SUVBW))
    return tmp_path / "cohort"


def run(cohort, out, *words):
    return run_guarded(lambda: infer(compose("infer", [f"input={cohort}", f"output={out}", *words])))


def test_the_shipped_weights_need_no_experiment_and_are_named(cohort, tmp_path, capsys):
    assert run(cohort, tmp_path / "out", "organs=true") == 0
    said = capsys.readouterr().out
    assert "the weights of this package" in said
    assert "research use only" in said
    record = json.loads((tmp_path / "out" / "A" / "provenance.json").read_text())
    assert record["config"]["name"] == "shipped"
    (organs,) = tmp_path.rglob("*_desc-organs_dseg.tsv")
    assert organs.read_text().startswith("index\tname\n1\tliver\n"), "the shipped weights map organs as well"
    assert organs.with_suffix(".nii.gz").is_file()
    card, _ = load_checkpoint(shipped_checkpoint())
    assert record["settings"]["tracer_thresholds"] == dict(card.thresholds)
    assert not list((tmp_path / "out").rglob("*dotatate*")), "an absent tracer has no mask"


def test_an_experiment_that_was_not_trained_is_no_reason_to_run_other_weights(cohort, tmp_path, capsys):
    assert run(cohort, tmp_path / "out", "experiment=sts", f"runs_dir={tmp_path}") == 1
    assert "checkpoint=shipped" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_swapped_thresholds_of_an_answer_are_refused_before_a_model_is_read(cohort, tmp_path, capsys):
    swapped = ["+answer_settings.staging.p_lesion=0.9", "+answer_settings.staging.p_certain=0.2"]
    assert run(cohort, tmp_path / "out", "checkpoint=absent.safetensors", *swapped) == 1
    assert "answers.staging.p_certain is 0.2, expected p_lesion (0.9) to 1" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_shipped_card_says_what_it_is():
    path = shipped_checkpoint()
    card, weights = load_checkpoint(path)
    assert path.stat().st_size < 8 * 2**20
    assert card.required_any == ("sstr", "fdg")
    assert set(card.thresholds) == {"sstr", "fdg"}
    assert {"intended use", "data", "training", "figures", "known failures"} <= set(card.about)
    assert all(np.isfinite(t.float().numpy()).all() for t in weights.values())
