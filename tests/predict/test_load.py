"""A loaded model predicts what infer.py writes, and refuses what it refuses."""

from dataclasses import replace

import numpy as np
import pytest

import netlesion as nl
from netlesion.cli.config import compose
from netlesion.cli.infer import infer
from netlesion.cli.instantiate import options_of
from netlesion.errors import CheckpointError, CohortError, ConfigError
from netlesion.image.volume import Quantity
from netlesion.io.nifti import read_volume
from netlesion.models import checkpoint
from netlesion.predict.load import require_tested
from netlesion.predict.settings import InferenceOptions
from netlesion.quantify.table import read_lesions
from tests.api.conftest import CARD, examples, write_model  # noqa: F401

CASE = "out/P0/P0_trc-fdg_desc-lesions"


@pytest.fixture
def model(examples):  # noqa: F811
    return nl.load_model("model.safetensors")


def test_a_prediction_is_what_infer_writes(model):
    """The same voxels, and the same figures as far as a table holds them."""
    assert infer(compose("infer", ["checkpoint=model.safetensors", "input=cohort", "output=out"])) == 0
    result = model.predict(nl.open_cohort("cohort")[0].load())["fdg"]
    written = read_volume(f"{CASE}_dseg.nii.gz", Quantity.LABEL)
    assert 0 < (written.array > 0).sum() < written.array.size
    assert np.array_equal(result.lesions.array, written.array)
    assert np.array_equal(result.probability.array, read_volume(f"{CASE}_probseg.nii.gz", Quantity.PROBABILITY).array)
    rows = read_lesions(f"{CASE}.tsv")["P0_trc-fdg"]
    assert [r.num_voxels for r in result.rows] == [r.num_voxels for r in rows]
    assert [r.suvmax_g_per_ml for r in result.rows] == pytest.approx([r.suvmax_g_per_ml for r in rows], rel=1e-5)
    assert list(result.table["num_voxels"]) == [r.num_voxels for r in rows]


def test_the_defaults_are_those_of_the_configuration():
    assert options_of(compose("infer", []), "auto") == InferenceOptions()


def test_a_channel_that_the_model_does_not_know_changes_nothing(model):
    """Also a PET of another grid, which comes first in a visit."""
    visit = nl.open_cohort("cohort")[0].load()
    fdg = visit.scans["fdg"].volume
    other = nl.Volume(np.ones((5, 4, 3)), nl.Geometry(np.diag([9.0, 9.0, 9.0, 1.0]), (5, 4, 3)), Quantity.SUVBW)
    both = nl.Visit.from_volumes({"sstr": other, "fdg": fdg})
    alone, beside = model.predict(visit)["fdg"], model.predict(both)
    assert list(beside) == ["fdg"]
    assert np.array_equal(alone.probability.array, beside["fdg"].probability.array)


def test_a_dicom_pet_is_predicted_by_its_tracer(model, recwarn):
    pet = nl.read_dicom_pet("dicom_pet")
    with pytest.raises(CohortError, match="the model requires fdg, the visit has sstr"):
        model.predict(pet)
    assert list(model.predict(pet.as_visit("fdg"))) == ["fdg"]


def test_a_tracer_that_was_not_tested_is_refused_unless_it_is_allowed():
    with pytest.raises(ConfigError, match="shows dotatoc; the model was tested on fdg only"):
        require_tested("v", [None, "dotatoc"], CARD)
    require_tested("v", ["fdg", None], CARD)
    require_tested("v", ["dotatoc"], replace(CARD, tested_tracers=()))


def test_without_a_path_the_weights_of_the_package_are_loaded(examples, monkeypatch):  # noqa: F811
    monkeypatch.setattr(checkpoint, "WEIGHTS", examples / "weights")
    with pytest.raises(CheckpointError, match="has no weights"):
        nl.load_model()
    (examples / "weights").mkdir()
    write_model(examples / "weights" / "model.safetensors")
    assert nl.load_model().card == CARD


def test_a_notebook_shows_the_card_and_how_it_runs_but_no_patient(model):
    html = model._repr_html_()
    assert "none &lt;made up&gt;" in html
    assert "1 patients" in html
    assert model.settings.engine in html
    assert "secret" not in html + repr(model)


def test_organs_asked_of_a_model_without_organ_head_are_refused(examples):  # noqa: F811
    with pytest.raises(ConfigError, match="the model has no organ head; use organs=false"):
        nl.load_model("model.safetensors", InferenceOptions(organs=True))
