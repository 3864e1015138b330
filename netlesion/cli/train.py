"""What train.py does once Hydra has read the configuration: training, checkpoints, and the exported model."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from netlesion.cli.cohort import opened
from netlesion.cli.config import card_of, labels_of, quiet_libraries, recorded, refuse_old_names, split_from
from netlesion.cli.cross_validation import as_fold, split_of_fold, summary_of_folds
from netlesion.cli.instantiate import (
    callbacks_of,
    instantiated,
    loggers_of,
    optimizer_of,
    options_of,
    scheduler_of,
    trainer_of,
)
from netlesion.cli.run_dir import resume_path, set_aside
from netlesion.errors import CohortError
from netlesion.image.split import Split
from netlesion.inference.malloc import reuse_freed_memory
from netlesion.inference.memory import available_gb
from netlesion.inference.sliding import sliding
from netlesion.io.bids.cohort import Cohort
from netlesion.models.card import ModelCard
from netlesion.models.checkpoint import SHIPPED, load_checkpoint, load_network, save_checkpoint, shipped_checkpoint
from netlesion.models.fine_tune import fine_tuned, started_from
from netlesion.output.atomic import write_json
from netlesion.output.lock import alone
from netlesion.output.provenance import Stopwatch, git_commit, hash_file, provenance
from netlesion.output.version import __version__
from netlesion.predict.detection_score import DetectionScore
from netlesion.predict.model import build_network
from netlesion.predict.plan import plan_of, require_window
from netlesion.predict.settings import InferenceOptions, InferenceSettings, Machine, mode_of

if TYPE_CHECKING:
    import pytorch_lightning as pl


def train(config: DictConfig, words: Sequence[str] = ()) -> int:
    """Trains, keeps checkpoints, exports the best model; returns the exit status.

    words: the settings as they were given on the command line, which whoever goes on must give again.

    Raises OutputError when another training is at work in the same run folder.
    """
    refuse_old_names(config)
    if config.fold is not None:
        config = as_fold(config)
    with alone(config.run_dir, "give the run another name or runs_dir"):
        return _train(config, words)


def _train(config: DictConfig, words: Sequence[str]) -> int:
    quiet_libraries()
    reuse_freed_memory()
    run_dir, watch = Path(config.run_dir), Stopwatch()
    resume = resume_path(config.ckpt_path, run_dir)
    cohort = opened(config.cohort)
    split = split_from(config, cohort)
    if config.fold is not None:
        split = split_of_fold(config, split, cohort)
    module, data, trainer = _ready(config, cohort, split, resume, words)
    try:
        with watch.stage("fit"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                trainer.fit(module, datamodule=data, ckpt_path=resume, weights_only=True)
            except SystemExit:  # Lightning's answer to Ctrl-C where nobody has taken it over, as in a notebook
                print(f"interrupted; {_how_to_go_on(config, words)}")
                return 130
        score = _export(config, trainer, cohort, split, watch)
        _summarise(config, trainer, watch)
    finally:
        _finish_loggers()
    if score is not None:
        print(f"validation score {score:.4f} (FROC score + Dice / 100, best epoch)")
    print(f"checkpoint {run_dir / 'model.safetensors'}")
    if config.fold is not None:
        print(summary_of_folds(run_dir.parent, int(config.splitting.folds)))
    return 0


def _ready(config: DictConfig, cohort: Cohort, split: Split, resume: Path | None, words: Sequence[str]):
    """Module, data and trainer; everything that a setting can spoil is refused here, before a run folder changes."""
    import pytorch_lightning as pl

    from netlesion.training.module import LesionModule

    run_dir, seed = Path(config.run_dir), int(config.seed)
    card, labels = card_of(config, split.train), labels_of(config)
    start = None
    if config.fine_tune is not None:
        start = load_checkpoint(shipped_checkpoint() if config.fine_tune == SHIPPED else config.fine_tune)
        card = started_from(card, start[0])
    require_window(card, int(config.data.batch_size), "torch")
    options, augmentation = options_of(config, "auto"), instantiated(config, "augmentation")
    loss = instantiated(config, "loss", card.scheme, labels)
    optimizer, scheduler = optimizer_of(config), scheduler_of(config)
    data = instantiated(
        config, "data", cohort, split, card, labels, augmentation, cache=Path(config.cache_dir), seed=seed
    )
    pl.seed_everything(seed, workers=True, verbose=False)
    torch.use_deterministic_algorithms(True, warn_only=True)
    network = build_network(card) if start is None else fine_tuned(build_network(card), card, start[1], start[0])
    if resume is not None:
        kept, weights = load_checkpoint(resume)
        kept.require_same_model(card)
        load_network(network, weights, resume)
    module = LesionModule(
        network.train(), card, labels, _whole_volume(card, options), partial(DetectionScore, card, labels), loss,
        optimizer, scheduler, seed,
    )  # fmt: skip
    has_validation = bool(data.visits[1])
    if not has_validation and (split.val or float(config.splitting.val_fraction) > 0):
        raise CohortError(
            f"{config.split_file}: the cohort holds none of the {len(split.val)} patients of its validation part; name "
            "some there, or empty that part and set splitting.val_fraction=0 to train without validation"
        )
    if resume is None:
        set_aside(run_dir)
    write_json(run_dir / "config.json", recorded(config))
    trainer = _trainer(config, run_dir, has_validation, _how_to_go_on(config, words))
    return module, data, trainer


def _trainer(config: DictConfig, run_dir: Path, has_validation: bool, how_to_go_on: str):
    from netlesion.training.checkpoint_io import AtomicCheckpointIO
    from netlesion.training.stop import StopAtSignal
    from netlesion.training.tracking import Tracking

    callbacks = callbacks_of(config, has_validation)
    callbacks.append(Tracking(_facts(config)))
    callbacks.append(StopAtSignal(run_dir / "checkpoints" / "last.ckpt", how_to_go_on))
    return trainer_of(
        config,
        callbacks,
        loggers_of(config),
        default_root_dir=run_dir,
        plugins=[AtomicCheckpointIO()],
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        enable_model_summary=False,
    )


def _facts(config: DictConfig) -> dict[str, Any]:
    """What every logger is told of a run: whose it is, by which code, with which settings."""
    version = {"netlesion_version": __version__, "git_commit": git_commit()}
    return {"name": config.run_name, "seed": int(config.seed)} | version | {"config": recorded(config)}


def _how_to_go_on(config: DictConfig, words: Sequence[str]) -> str:
    """The command that continues this training, with every setting that was given on the command line."""
    given = list(words) or [f"experiment={config.name}"]
    kept = [word for word in given if not word.lstrip("+").startswith("ckpt_path=")]
    return f"continue with: netlesion train {shlex.join([*kept, 'ckpt_path=last'])}"


def _export(config: DictConfig, trainer: pl.Trainer, cohort: Cohort, split: Split, watch: Stopwatch) -> float | None:
    """Writes the model of the best checkpoint and where it comes from; returns its validation score."""
    run_dir = Path(config.run_dir)
    best = run_dir / "checkpoints" / "best.ckpt"
    chosen = best if best.is_file() else run_dir / "checkpoints" / "last.ckpt"
    card, weights = load_checkpoint(chosen)
    model_path = run_dir / "model.safetensors"
    save_checkpoint(model_path, weights, card)
    score = _best_score(trainer)
    write_json(
        run_dir / "provenance.json",
        provenance(
            config=recorded(config),
            seed=int(config.seed),
            checkpoint_sha256=hash_file(model_path),
            stopwatch=watch,
            exported_from=chosen.name,
            validation_score=score,
            inputs=_hashes(cohort, trainer),
            split={p: list(split.part(p)) for p in ("train", "val", "test")},
        ),
    )
    return score


def _summarise(config: DictConfig, trainer: pl.Trainer, watch: Stopwatch) -> None:
    """The figures of the best validation, in summary.json and in the summary of every logger that has one."""
    from netlesion.training.tracking import Tracking

    (tracking,) = (c for c in trainer.callbacks if isinstance(c, Tracking))  # pyright: ignore[reportAttributeAccessIssue]
    best = tracking.best
    facts = {k: v for k, v in _facts(config).items() if k != "config"} | {
        "data_hash": trainer.datamodule.data_hash,  # pyright: ignore[reportAttributeAccessIssue]
        "steps": trainer.global_step,
        "fit_seconds": round(watch.seconds["fit"], 1),
    }
    fold = {} if config.fold is None else {"fold": int(config.fold), "folds": int(config.splitting.folds)}
    write_json(Path(config.run_dir) / "summary.json", facts | {"best": best or None} | fold)
    for logger in trainer.loggers:
        summary: Any = getattr(getattr(logger, "experiment", None), "summary", None)
        if hasattr(summary, "update"):
            summary.update({f"best/{name.removeprefix('val/')}": value for name, value in best.items()})


def _hashes(cohort: Cohort, trainer: Any) -> dict[str, str]:
    """sha256 of every image and mask that the training read, by path below the cohort."""
    paths = [path for visits in trainer.datamodule.visits for visit in visits for path in visit.paths]
    return {str(path.relative_to(cohort.root)): hash_file(path) for path in paths}


def _finish_loggers() -> None:
    """Ends W&B's run, so that the next training of this process has one of its own."""
    import sys

    wandb = sys.modules.get("wandb")
    if wandb is not None and wandb.run is not None:
        wandb.finish()


def _whole_volume(card: ModelCard, options: InferenceOptions):
    """Whole-volume logits of every class, in the mode that inference will choose, over the whole field of view."""
    mode, batch_size = mode_of(options.mode if options.mode != "crop" else "auto", card), options.batch_size or 1

    def predict(network: nn.Module, image: Tensor) -> Tensor:
        settings = InferenceSettings(mode, options.overlap, machine=Machine(memory_gb=available_gb(image.device.type)))
        i, j, k = image.shape[1:]
        return sliding(image, plan_of(card, settings, (i, j, k)), network, batch_size)

    return predict


def _best_score(trainer: Any) -> float | None:
    scores = [c.best_model_score for c in trainer.checkpoint_callbacks if getattr(c, "monitor", None)]
    return None if not scores or scores[0] is None else float(scores[0])
