"""Every experiment composes, for training and for inference, and describes a model that can be built."""

import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from netlesion.cli.config import CONFIGS, card_of, compose, labels_of, refuse_old_names
from netlesion.cli.renamed_keys import RENAMED
from netlesion.errors import ConfigError
from netlesion.models.checkpoint import load_checkpoint, shipped_checkpoint
from netlesion.models.fine_tune import fine_tuned
from netlesion.predict.model import build_network
from tests.cli.test_instantiate import build_all

EXPERIMENTS = sorted(p.stem for p in Path(CONFIGS, "experiment").glob("*.yaml"))


@pytest.mark.parametrize("root", ["train", "infer"])
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment_composes_into_a_model(root, experiment):
    config = compose(root, [f"experiment={experiment}"])
    card = card_of(config)
    assert labels_of(config).values.keys() >= card.classes.keys()
    assert sum(p.numel() for p in build_network(card).parameters()) > 10_000


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment_opens_with_its_command_time_and_number(experiment):
    lines = Path(CONFIGS, "experiment", f"{experiment}.yaml").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# @package _global_"
    assert f"experiment={experiment}" in lines[1]
    assert lines[2].startswith("# Expected time: ")
    assert lines[3].startswith("# Expected number: ")


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment_builds_all_that_a_training_needs(experiment, tmp_path):
    config = compose("train", [f"experiment={experiment}", "logger=csv", f"runs_dir={tmp_path}"])
    build_all(config)
    if config.fine_tune == "shipped":
        card, (old, weights) = card_of(config), load_checkpoint(shipped_checkpoint())
        fine_tuned(build_network(card), card, weights, old)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("debug", sorted(p.stem for p in Path(CONFIGS, "debug").glob("*.yaml")))
@pytest.mark.parametrize("experiment", ["net", "sts"])
def test_a_debug_run_has_a_folder_of_its_own(debug, experiment):
    config = compose("train", [f"experiment={experiment}", f"debug={debug}"])
    assert config.run_dir == f"runs/debug/{debug}-{experiment}"
    assert config.callbacks.last.dirpath == f"{config.run_dir}/checkpoints"
    assert config.data.limit_visits in (1, 4)


def test_a_window_that_does_not_fit_the_network_is_refused_with_one_that_does():
    config = compose("train", ["experiment=sts", "window=[30,32,33]"])
    with pytest.raises(ConfigError, match=r"divisible by 8.*\[32, 32, 40\]"):
        card_of(config)


@pytest.mark.parametrize(("old", "new"), sorted(RENAMED.items()))
def test_a_renamed_key_is_refused_with_its_new_name(old, new):
    with pytest.raises(ConfigError, match=rf"{old} has been renamed; write {new} instead"):
        compose("train", ["experiment=sts", f"{old}=1"])
    with pytest.raises(ConfigError, match=f"write {new} instead"):
        refuse_old_names(OmegaConf.from_dotlist([f"{old}=null"]))


def test_a_script_refuses_a_renamed_key_in_one_line():
    command = [sys.executable, "train.py", "experiment=sts", "network.widths=[4,8,8]"]
    done = subprocess.run(command, cwd=CONFIGS.parent, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        1,
        "error: network.widths has been renamed; write network.filters instead\n",
    )


@pytest.mark.parametrize("name", ["train", "infer"])
def test_a_script_runs_on_what_the_verb_runs_on(name):
    """`train.py` and `netlesion train` compose the same configuration from the same words."""
    words = ["experiment=sts", "input=COHORT" if name == "infer" else "seed=3"]
    command = [sys.executable, f"{name}.py", *words, "--cfg", "job"]
    done = subprocess.run(command, cwd=CONFIGS.parent, capture_output=True, text=True, check=True)
    assert OmegaConf.create(done.stdout) == compose(name, words)
