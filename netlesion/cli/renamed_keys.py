"""Settings that have another name now: each is refused, with the new name."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from netlesion.errors import ConfigError

#: Old key of configs/ -> new key.
RENAMED: Mapping[str, str] = {
    "network.widths": "network.filters",
    "splitting.val_share": "splitting.val_fraction",
    "splitting.test_share": "splitting.test_fraction",
    "optimisation.learning_rate": "optimizer.lr",
    "optimisation.weight_decay": "optimizer.weight_decay",
    "optimisation.warmup_fraction": "scheduler.warmup_fraction",
    "optimisation.warmup_share": "scheduler.warmup_fraction",
    "optimisation.dice_weight": "loss.dice_weight",
    "optimisation.organ_weight": "loss.organ_weight",
    "optimisation.freeze_norm_fraction": "callbacks.freeze_norm.fraction",
    "optimisation.freeze_norm_share": "callbacks.freeze_norm.fraction",
    "ema_decay": "callbacks=ema callbacks.ema.decay",
    "progress_refresh": "callbacks.progress_bar.refresh_rate",
    "wandb.enabled": "logger=csv for false, logger=default for true",
    "wandb.mode": "logger.wandb.mode",
    "wandb.project": "logger.wandb.project",
    "data.lesion_share": "data.lesion_fraction",
    "inference.audit": "inference.agreement",
}


def refuse_renamed(keys: Sequence[str]) -> None:
    """Raises ConfigError for the first key that has another name now.

    Args:
        keys: dotted keys, or overrides of Hydra's command line such as `network.widths=[4,8,8]`.
    """
    for word in keys:
        key = word.split("=", 1)[0].lstrip("+~")
        if key in RENAMED:
            raise ConfigError(f"{key} has been renamed; write {RENAMED[key]} instead")


def exit_on_renamed(words: Sequence[str]) -> None:
    """For a script, before Hydra reads its command line: one line on stderr and exit status 1."""
    try:
        refuse_renamed(words)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
