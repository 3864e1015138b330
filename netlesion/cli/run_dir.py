"""The folder of a training run: the checkpoint to go on from, and an earlier run that is set aside."""

from __future__ import annotations

import os
from pathlib import Path

from netlesion.errors import CheckpointError


def resume_path(ckpt_path: str | None, run_dir: Path) -> Path | None:
    """The checkpoint to continue from: None, `last` of the run folder, or a path; CheckpointError when absent."""
    if ckpt_path is None:
        return None
    path = run_dir / "checkpoints" / "last.ckpt" if ckpt_path == "last" else Path(ckpt_path)
    if not path.is_file():
        raise CheckpointError(f"{path}: no checkpoint to continue from; start without ckpt_path, or give its path")
    return path


def set_aside(run_dir: Path) -> None:
    """Moves an earlier run out of the way instead of overwriting it: runs/sts -> runs/sts.1, .2, ..."""
    if not run_dir.is_dir() or not any(run_dir.iterdir()):
        return
    number = next(n for n in range(1, 10**6) if not run_dir.with_name(f"{run_dir.name}.{n}").exists())
    aside = run_dir.with_name(f"{run_dir.name}.{number}")
    os.rename(run_dir, aside)
    print(f"{run_dir} held an earlier run; it is kept as {aside} (ckpt_path=last would have continued it)")
