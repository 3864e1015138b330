"""`netlesion train` and `netlesion infer`: what train.py and infer.py of the repository do, from any folder.

Takes the same words as those scripts, `experiment=sts trainer.max_epochs=3`. Hydra's own options (`--cfg`,
`--multirun`) belong to the scripts alone.
"""

from __future__ import annotations

import os
from typing import Annotated

import typer

from netlesion.output.interrupt import NOTHING_YET, say_how_to_go_on

Words = Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE...", help="Settings; the files are configs/.")]


def add_verbs(app: typer.Typer) -> None:
    """Registers the verbs of this file."""
    app.command("train")(train_command)
    app.command("infer")(infer_command)


def train_command(settings: Words = None) -> None:
    """Train a model: netlesion train experiment=NAME [cohort=COHORT] [key=value ...] [ckpt_path=last]."""
    raise typer.Exit(_run("train", settings or []))


def infer_command(settings: Words = None) -> None:
    """Find the lesions of a cohort: netlesion infer input=COHORT output=RESULTS [experiment=NAME] [key=value ...]."""
    raise typer.Exit(_run("infer", settings or []))


def _run(name: str, settings: list[str]) -> int:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: waiting threads must not spin
    from netlesion.cli.config import compose, run_guarded

    if name == "train":
        from netlesion.cli.train import train

        say_how_to_go_on(lambda: NOTHING_YET)
        return run_guarded(lambda: train(compose(name, settings), settings))
    from netlesion.cli.infer import infer

    say_how_to_go_on(lambda: NOTHING_YET)
    return run_guarded(lambda: infer(compose(name, settings)))
