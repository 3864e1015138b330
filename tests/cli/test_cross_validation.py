"""Folds of a training: names and folders of one fold, the table of all, and one run after the other by `-m`."""

import json
import subprocess

import pytest

from netlesion.cli.config import CONFIGS, compose
from netlesion.cli.cross_validation import as_fold, summary_of_folds
from netlesion.errors import ConfigError
from tests.training.test_resume import command


def summary(folder, fold, folds, **best):
    (folder / f"fold-{fold}").mkdir(parents=True)
    figures = {f"val/{name}": value for name, value in best.items()} | {"epoch": 3.0}
    (folder / f"fold-{fold}" / "summary.json").write_text(json.dumps({"fold": fold, "folds": folds, "best": figures}))


def test_a_fold_has_a_folder_a_name_and_a_group():
    config = as_fold(compose("train", ["experiment=net", "fold=2"]))
    assert (config.run_dir, config.run_name, config.name) == ("runs/net/fold-2", "net-fold-2", "net")
    assert config.callbacks.best.dirpath == "runs/net/fold-2/checkpoints"
    assert (config.logger.wandb.name, config.logger.wandb.group) == ("net-fold-2", "net")
    for wrong in ("-1", "x", "true", "[0,1]"):
        with pytest.raises(ConfigError, match="expected a number from 0"):
            as_fold(compose("train", ["experiment=net", f"fold={wrong}"]))


def test_the_summary_is_the_mean_and_spread_of_the_folds_that_are_there(tmp_path):
    summary(tmp_path, 0, 3, froc=0.25, froc_fdg=0.5)
    summary(tmp_path, 1, 3, froc=0.75)
    summary(tmp_path, 2, 5, froc=9.0)
    assert summary_of_folds(tmp_path, 3) == f"2 of 3 folds trained, mean over them; {tmp_path / 'folds.tsv'}"
    (tmp_path / "fold-2" / "summary.json").unlink()
    (tmp_path / "fold-2").rmdir()
    summary(tmp_path, 2, 3, froc=0.5)
    said = summary_of_folds(tmp_path, 3).splitlines()
    assert said[0].startswith("3 of 3 folds trained")
    assert [line.split() for line in said[1:]] == [["froc", "0.500", "(SD", "0.250)"], ["froc_fdg", "0.500"]]
    rows = [line.split("\t") for line in (tmp_path / "folds.tsv").read_text().splitlines()]
    assert rows[0] == ["figure", "mean", "sd", "folds", "fold_0", "fold_1", "fold_2"]
    assert rows[2] == ["froc_fdg", "0.5", "n/a", "1", "0.5", "n/a", "n/a"]


@pytest.mark.ci
def test_one_command_trains_every_fold(tiny_cohort, tmp_path):
    words = ("splitting.folds=2", "trainer.max_epochs=1", "data.patches_per_visit=1", "fold=0,1", "-m")
    done = subprocess.run(
        command(tiny_cohort, tmp_path, *words), cwd=CONFIGS.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "2 of 2 folds trained" in done.stdout
    configs = [json.loads((tmp_path / "sts" / f"fold-{n}" / "provenance.json").read_text())["split"] for n in (0, 1)]
    assert configs[0]["test"] == configs[1]["test"]
    assert sorted(configs[0]["train"]) == sorted(configs[1]["val"])
