"""Cross-validation: `train.py -m fold=0,1,2,3,4` trains one fold after the other; a table sums them up.

Folds are drawn once from the training and validation patients of the split, whose test part stays untouched, and kept
beside it. The validation of a fold also chooses its best checkpoint, so that its figures are slightly optimistic; the
test part is there for others.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from omegaconf import DictConfig, OmegaConf

from netlesion.cli.config import labels_of, lesion_strata
from netlesion.errors import ConfigError
from netlesion.image.split import Split, fold_split, folds_of
from netlesion.io.bids.cohort import Cohort
from netlesion.output.run_files import SUMMARY
from netlesion.output.tables import write_table

TABLE = "folds.tsv"
DICTIONARY = {
    "figure": {"Description": "Figure of the validation of each fold's best epoch"},
    "mean": {"Description": "Mean over the folds that were trained"},
    "sd": {"Description": "Standard deviation over the folds; n/a for one"},
    "folds": {"Description": "Folds that were trained and have this figure"},
}


def as_fold(config: DictConfig) -> DictConfig:
    """The configuration with run folder and names of its fold; ConfigError for a fold that is no number."""
    fold = config.fold
    if not isinstance(fold, int) or isinstance(fold, bool) or fold < 0:
        raise ConfigError(f"fold is {fold!r}, expected a number from 0, below splitting.folds; several: -m fold=0,1,2")
    of = OmegaConf.create(config)
    OmegaConf.update(of, "run_dir", str(Path(config.run_dir) / f"fold-{fold}"))
    OmegaConf.update(of, "run_name", f"{config.run_name}-fold-{fold}")
    if OmegaConf.select(of, "logger.wandb") is not None and config.logger.wandb.group is None:
        OmegaConf.update(of, "logger.wandb.group", str(config.run_name))
    return of


def split_of_fold(config: DictConfig, split: Split, cohort: Cohort) -> Split:
    """The split in which the configuration's fold validates; draws the folds where there are none."""
    file, drawing = Path(config.split_file), config.splitting
    path = file.with_name(f"{file.stem}-folds.json")
    strata = (lambda: lesion_strata(cohort, labels_of(config))) if drawing.stratify else None
    return fold_split(split, folds_of(path, split, int(drawing.folds), int(drawing.seed), strata), int(config.fold))


def summary_of_folds(folder: Path, folds: int) -> str:
    """Writes folds.tsv of the folds that are there, and says what it holds."""
    best = _trained(folder, folds)
    names = list(dict.fromkeys(name for figures in best.values() for name in figures if name.startswith("val/")))
    rows, lines = [], []
    for name in names:
        values = [figures[name] for figures in best.values() if name in figures]
        spread = stdev(values) if len(values) > 1 else None
        each = {f"fold_{n}": best[n].get(name) if n in best else None for n in range(folds)}
        rows.append(
            {"figure": name.removeprefix("val/"), "mean": mean(values), "sd": spread, "folds": len(values)} | each
        )
        sd = "" if spread is None else f" (SD {spread:.3f})"
        lines.append(f"  {name.removeprefix('val/'):28}{mean(values):.3f}{sd}")
    each = {f"fold_{n}": {"Description": f"Its value in fold {n}"} for n in range(folds)}
    write_table(folder / TABLE, ("figure", "mean", "sd", "folds", *each), rows, DICTIONARY | each)
    head = f"{len(best)} of {folds} folds trained, mean over them; {folder / TABLE}"
    return "\n".join([head, *lines] if len(best) == folds else [head])


def _trained(folder: Path, folds: int) -> dict[int, dict[str, Any]]:
    """Fold -> figures of its best validation, for the folds of this number that have ended."""
    found = {}
    for n in range(folds):
        path = folder / f"fold-{n}" / SUMMARY
        if path.is_file():
            summary = json.loads(path.read_text(encoding="utf-8"))
            if summary.get("folds") == folds and summary.get("best"):
                found[n] = summary["best"]
    return found
