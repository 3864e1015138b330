"""The W&B logger of a training: offline unless a key is there, and without what could name a person."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from netlesion.errors import ConfigError

if TYPE_CHECKING:
    from pytorch_lightning.loggers import WandbLogger

MODES = ("auto", "offline", "online")


def wandb_logger(project: str, name: str, save_dir: str, mode: str = "auto", group: str | None = None) -> WandbLogger:
    """Lightning's logger for W&B.

    No command line, folder, host, user or environment goes into a run's record: a path may be a patient's name.

    Args:
        project, name, group: as W&B shows the run; the folds of a cross-validation are a group.
        save_dir: where the run is written.
        mode: auto (online where WANDB_API_KEY is set), offline or online.

    Raises:
        ConfigError: for another mode.
    """
    if mode not in MODES:
        raise ConfigError(f"logger.wandb.mode is {mode!r}, expected {', '.join(MODES)}")
    import wandb
    from pytorch_lightning.loggers import WandbLogger

    nobody = dict.fromkeys(("host", "username", "program", "program_relpath", "program_abspath"), "n/a")
    settings = wandb.Settings(
        x_disable_meta=True, x_disable_machine_info=True, disable_git=True, disable_code=True, console="off", **nobody
    )
    online = mode == "online" or (mode == "auto" and bool(os.environ.get("WANDB_API_KEY")))
    Path(save_dir).mkdir(parents=True, exist_ok=True)
    return WandbLogger(
        project=project,
        name=name,
        group=group,
        save_dir=save_dir,
        offline=not online,
        log_model=False,
        settings=settings,
    )
