"""Hydra's configuration -> the typed arguments of our constructors. The only module, beside train.py and
infer.py, that knows Hydra and OmegaConf.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from netlesion.cli.renamed_keys import RENAMED, refuse_renamed
from netlesion.data.labels import OTHERWISE_OFFSET, LabelScheme
from netlesion.errors import ConfigError, NetlesionError, warn_in_one_line
from netlesion.image.split import Split, split_of
from netlesion.image.volume import Quantity
from netlesion.io.bids.cohort import Cohort
from netlesion.io.nifti import read_volume
from netlesion.models.architecture import architecture_of, filters_of
from netlesion.models.card import ModelCard
from netlesion.output.interrupt import at_work

PACKAGE = Path(__file__).resolve().parents[1]
#: Of the installed wheel (setup.py puts it there), else of the checkout.
CONFIGS = next((p for p in (PACKAGE / "configs", PACKAGE.parent / "configs") if p.is_dir()), PACKAGE / "configs")

#: Settings that name a file or folder, and what a record says in the place of a path.
PATHS = frozenset(
    {
        "input",
        "output",
        "cohort",
        "checkpoint",
        "ckpt_path",
        "runs_dir",
        "run_dir",
        "split_file",
        "data_dir",
        "cache_dir",
        "fine_tune",
    }
)
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
NOT_TOLD = "a path, not recorded"
#: Groups that training alone reads; experiments set them for inference, too.
TRAINING_GROUPS = ("loss", "optimizer", "scheduler", "augmentation", "data", "callbacks", "logger", "trainer")


def compose(name: str, overrides: Sequence[str]) -> DictConfig:
    """configs/<name>.yaml with overrides; files of ./configs are found too, as in `configs/experiment/mine.yaml`.

    Args:
        name: `train` or `infer`.
        overrides: as on Hydra's command line, `experiment=sts` or `trainer.max_epochs=3`.

    Raises:
        ConfigError: for a key that was renamed, an override that Hydra refuses, or a group or file that is not there.
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.errors import HydraException

    if not CONFIGS.is_dir():
        raise ConfigError(f"{CONFIGS}: no such folder; the installation is incomplete, install the package again")
    refuse_renamed(overrides)
    own = Path("configs").resolve()
    if own.is_dir() and own != CONFIGS:
        overrides = [*overrides, f"hydra.searchpath=[file://{own}]"]
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        try:
            return hydra_compose(name, overrides=list(overrides))
        except HydraException as error:
            said = str(error).split("Config search path")[0].replace("Set the environment variable", "\n").split("\n")
            raise ConfigError(" ".join(line.strip() for line in said if line.strip())) from error


def guarded(work: Callable[[DictConfig], int], config: DictConfig) -> None:
    """Runs an entry point; what a user can put right becomes one line on stderr and exit status 1, a signal one line
    and 130 or 143.
    """
    warn_in_one_line()
    with at_work():
        status = run_guarded(lambda: work(config))
    if status:  # else a next job of a multirun may follow
        sys.exit(status)


def run_guarded(work: Callable[[], int]) -> int:
    """The exit status of `work`; errors of ours, of the configuration and of a full disk are printed as one line."""
    try:
        return work()
    except (NetlesionError, OmegaConfBaseException) as error:
        if "MissingMandatoryValue" in str(error):
            return _complain("no experiment was chosen; give experiment=NAME (configs/experiment), e.g. experiment=sts")
        return _complain(_first_line(error))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return _complain("no space left on the disk of the output folder; free space and start again")
        where = f"{error.filename}: " if error.filename else ""
        return _complain(f"{where}{error.strerror or error}")
    except RuntimeError as error:
        cause = error.__cause__
        while cause is not None and not isinstance(cause, NetlesionError):
            cause = cause.__cause__
        if cause is not None:  # MONAI wraps what a transform raises
            return _complain(_first_line(cause))
        if any(mark in str(error) for mark in ("PytorchStreamWriter", "inline_container", "No space left")):
            return _complain("a checkpoint could not be written, the disk may be full; free space and start again")
        raise


def card_of(config: DictConfig, trained_on: Sequence[str] = ()) -> ModelCard:
    """The model card that a configuration describes; raises ConfigError when the window does not fit the network."""
    names = ("channels", "required_channels", "classes", "spacing_mm", "window", "network", "required_any")
    card = ModelCard(**{name: plain(config[name]) for name in names}, trained_on=tuple(trained_on))
    filters, kind = filters_of(card.network), architecture_of(card.network)
    if len(filters) < 3:
        raise ConfigError(f"network has features {list(filters)}; the U-Net needs at least 3 levels")
    divisor = kind.divisor(card.network)
    if any(w % divisor for w in card.window):
        fitting = [-(-w // divisor) * divisor for w in card.window]
        raise ConfigError(f"window {list(card.window)} must be divisible by {divisor} (network); try {fitting}")
    return card


def labels_of(config: DictConfig) -> LabelScheme:
    """What the labels of the cohort's masks mean; raises ConfigError when a tracer has no meaning."""
    values = _meanings(config.labels, 0)
    absent = [t for t in config.classes if t not in values]
    if absent:
        raise ConfigError(f"labels.values says nothing about tracer {absent[0]!r}, which the network has classes for")
    otherwise = config.labels.get("otherwise")
    if otherwise is None:
        return LabelScheme(config.labels.desc, values)
    for tracer, meanings in _meanings(otherwise, OTHERWISE_OFFSET).items():
        values.setdefault(tracer, {}).update(meanings)
    return LabelScheme(config.labels.desc, values, otherwise.desc)


def _meanings(labels: DictConfig, offset: int) -> dict[str, dict[int, tuple[str, ...]]]:
    """Per tracer, label value (with the offset added) -> what it may mean; ConfigError for a value out of range."""
    found = {t: {int(v): tuple(m) for v, m in meanings.items()} for t, meanings in labels["values"].items()}
    wrong = [v for meanings in found.values() for v in meanings if not 0 <= v < OTHERWISE_OFFSET]
    if wrong:
        raise ConfigError(f"labels.values names the label {wrong[0]}, expected 0 to {OTHERWISE_OFFSET - 1}; relabel it")
    return {t: {v + offset: m for v, m in meanings.items()} for t, meanings in found.items()}


def split_from(config: DictConfig, cohort: Cohort) -> Split:
    """The cohort's split, from its file or drawn once and written there."""
    drawing = config.splitting
    stratify = bool(drawing.stratify) and not Path(config.split_file).is_file()
    split = split_of(
        config.split_file,
        cohort.patient_ids,
        val_fraction=float(drawing.val_fraction),
        test_fraction=float(drawing.test_fraction),
        seed=int(drawing.seed),
        always_test=tuple(drawing.always_test),
        strata=lesion_strata(cohort, labels_of(config)) if stratify else None,
    )
    stray = sorted(set(drawing.always_test) & set(split.train + split.val))
    if stray:
        raise ConfigError(
            f"{config.split_file}: patient {stray[0]} must be in test (splitting.always_test); move it there"
        )
    return split


def lesion_strata(cohort: Cohort, labels: LabelScheme) -> dict[str, str]:
    """Patient -> "lesion" or "lesion-free", by the reference masks of all of its visits."""
    strata = dict.fromkeys(cohort.patient_ids, "lesion-free")
    for visit in cohort.visits:
        for tracer, masks in visit.masks.items():
            desc = labels.desc_of(masks) if tracer in labels.values else None
            if desc is not None:
                mask = read_volume(masks[desc], Quantity.LABEL).array
                offset = OTHERWISE_OFFSET if desc == labels.otherwise else 0
                if np.isin(mask, [v - offset for v in labels.lesion_values(tracer)]).any():
                    strata[visit.patient_id] = "lesion"
    return strata


def refuse_old_names(config: DictConfig) -> None:
    """Raises ConfigError where a file of the user's own still sets a key by a name that it no longer has, and where
    `name`, after which folders are named, is no name.
    """
    name = OmegaConf.select(config, "name")
    if name is not None and not NAME.fullmatch(str(name)):
        raise ConfigError(
            f"name is {str(name)!r}, expected letters, digits, _, - and . without a folder; use runs_dir for one"
        )
    absent = object()
    refuse_renamed([key for key in RENAMED if OmegaConf.select(config, key, default=absent) is not absent])


def plain(config: Any) -> Any:
    """Ordinary dicts and lists with every reference resolved."""
    return OmegaConf.to_container(config, resolve=True) if OmegaConf.is_config(config) else config


def recorded(config: DictConfig, without: Sequence[str] = ()) -> dict[str, Any]:
    """A configuration as it goes into a record, but for the groups `without`: references stay as they are written, so
    that nothing of the environment is in it, and a path is not told, for a folder may be named after a patient.
    """
    written = cast(dict[str, Any], OmegaConf.to_container(config, resolve=False))
    return {name: _without_paths(name, value) for name, value in written.items() if name not in without}


def _without_paths(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_paths(str(k), v) for k, v in value.items()}
    if isinstance(value, list):
        return [_without_paths(name, v) for v in value]
    if not isinstance(value, str) or value.startswith("${"):
        return value
    return NOT_TOLD if name in PATHS or "/" in value or "\\" in value or value.startswith("~") else value


def quiet_libraries() -> None:
    """Keeps chatter of libraries off the screen, and W&B's crash reports on this machine."""
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    os.environ.setdefault("WANDB_SILENT", "true")
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _complain(line: str) -> int:
    print(f"error: {line}", file=sys.stderr)
    return 1


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
