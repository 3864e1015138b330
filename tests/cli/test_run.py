"""`netlesion train` and `netlesion infer`: settings as Hydra reads them, refusals in one line, own experiments."""

import pytest

from netlesion.cli.config import CONFIGS, compose
from netlesion.errors import ConfigError


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["experiment=absent"], r"experiment/absent.*Available options.*sts"),
        (["experiment=sts", "trainer.max_epoch=3"], r"trainer\.max_epoch"),
        (["experiment=sts", "seed=["], r"'\['"),
    ],
)
def test_a_setting_that_hydra_refuses_is_one_line(words, said):
    with pytest.raises(ConfigError, match=said) as caught:
        compose("train", words)
    assert len(str(caught.value).splitlines()) == 1


def test_an_experiment_of_the_working_folder_is_found(tmp_path, monkeypatch):
    (tmp_path / "configs" / "experiment").mkdir(parents=True)
    (tmp_path / "configs" / "experiment" / "mine.yaml").write_text(
        "# @package _global_\ndefaults: [sts, _self_]\nname: mine\nspacing_mm: [5.0, 5.0, 6.0]\n"
    )
    with pytest.raises(ConfigError, match="experiment/mine"):
        compose("train", ["experiment=mine"])
    monkeypatch.chdir(tmp_path)
    config = compose("train", ["experiment=mine"])
    assert (config.name, list(config.spacing_mm), config.cohort) == ("mine", [5.0, 5.0, 6.0], "data/sts_crops")


def test_the_verbs_run_what_the_scripts_run(tmp_path, monkeypatch, capsys):
    from typer.testing import CliRunner

    from netlesion.cli.main import app

    monkeypatch.chdir(tmp_path)
    for verb, words in (("train", ["experiment=sts"]), ("infer", ["experiment=sts", "input=absent"])):
        assert CliRunner().invoke(app, [verb, *words]).exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_the_configurations_are_those_of_the_checkout():
    assert (CONFIGS / "train.yaml").is_file()
    assert CONFIGS.parent.joinpath("pyproject.toml").is_file()
