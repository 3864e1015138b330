"""What train.py does once Hydra has read the configuration: training, checkpoints, and the exported model."""

from __future__ import annotations

import os
import warnings
from functools import partial
from pathlib import Path

import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from netlesion.cli.cohort import opened
from netlesion.cli.config import card_of, labels_of, plain, quiet_libraries, recorded, refuse_old_names, split_from
from netlesion.errors import CheckpointError
from netlesion.inference.engines.choose import computes_bf16
from netlesion.inference.malloc import reuse_freed_memory
from netlesion.inference.memory import available_gb
from netlesion.inference.sliding import sliding
from netlesion.io.bids.cohort import Cohort
from netlesion.models.card import ModelCard
from netlesion.models.checkpoint import SHIPPED, load_checkpoint, save_checkpoint, shipped_checkpoint
from netlesion.models.fine_tune import fine_tuned, started_from
from netlesion.output.atomic import write_json
from netlesion.output.lock import alone
from netlesion.output.provenance import Stopwatch, hash_file, provenance
from netlesion.predict.detection_score import DetectionScore
from netlesion.predict.model import build_network
from netlesion.predict.plan import plan_of, require_window
from netlesion.predict.settings import InferenceSettings, mode_of


def train(config: DictConfig) -> int:
    """Trains, keeps checkpoints, exports the best model; returns the exit status.

    Raises OutputError when another training is at work in the same run folder.
    """
    with alone(config.run_dir, "give the run another name or runs_dir"):
        return _train(config)


def _train(config: DictConfig) -> int:
    import pytorch_lightning as pl

    from netlesion.data.transforms import Augmentation
    from netlesion.training.datamodule import CohortDataModule
    from netlesion.training.module import LesionModule

    refuse_old_names(config)
    quiet_libraries()
    reuse_freed_memory()
    run_dir, watch = Path(config.run_dir), Stopwatch()
    resume = resume_path(config.ckpt_path, run_dir)
    cohort = opened(config.cohort)
    split = split_from(config, cohort)
    card, labels = card_of(config, split.train), labels_of(config)
    start = None
    if config.fine_tune is not None:
        start = load_checkpoint(shipped_checkpoint() if config.fine_tune == SHIPPED else config.fine_tune)
        card = started_from(card, start[0])
    if resume is None:
        set_aside(run_dir)
    else:
        load_checkpoint(resume)[0].require_same_model(card)
    require_window(card, int(config.data.batch_size), "torch")
    write_json(run_dir / "config.json", recorded(config))
    seed = int(config.seed)
    pl.seed_everything(seed, workers=True, verbose=False)
    torch.use_deterministic_algorithms(True, warn_only=True)
    module = LesionModule(
        build_network(card) if start is None else fine_tuned(build_network(card), card, start[1], start[0]),
        card,
        labels,
        predict_volume=_whole_volume(card, config),
        detection=partial(DetectionScore, card, labels),
        seed=seed,
        **plain(config.optimisation),
    )
    augmentation = Augmentation(**plain(config.augmentation))
    cache = Path(config.cache_dir)
    data = CohortDataModule(cohort, split, card, labels, augmentation, cache, seed=seed, **plain(config.data))
    trainer = _trainer(config, run_dir, has_validation=bool(cohort.of_patients(split.val)))
    with watch.stage("fit"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            trainer.fit(module, datamodule=data, ckpt_path=resume, weights_only=True)
        except SystemExit:  # Lightning's answer to Ctrl-C where nobody has taken it over, as in a notebook
            print(f"interrupted; continue with: python train.py experiment={config.name} ckpt_path=last")
            return 130
    checkpoints = run_dir / "checkpoints"
    best = checkpoints / "best.ckpt"
    chosen = best if best.is_file() else checkpoints / "last.ckpt"
    card, weights = load_checkpoint(chosen)
    model_path = run_dir / "model.safetensors"
    save_checkpoint(model_path, weights, card)
    score = _best_score(trainer)
    write_json(
        run_dir / "provenance.json",
        provenance(
            config=recorded(config),
            seed=seed,
            checkpoint_sha256=hash_file(model_path),
            stopwatch=watch,
            exported_from=chosen.name,
            validation_score=score,
            inputs=_hashes(cohort, (*split.train, *split.val)),
            split={p: list(split.part(p)) for p in ("train", "val", "test")},
        ),
    )
    if score is not None:
        print(f"validation score {score:.4f} (FROC score + Dice / 100, best epoch)")
    print(f"checkpoint {model_path}")
    return 0


def _hashes(cohort: Cohort, patients: tuple[str, ...]) -> dict[str, str]:
    """sha256 of every image and mask of these patients, by path below the cohort."""
    paths = [path for visit in cohort.of_patients(patients) for path in visit.paths]
    return {str(path.relative_to(cohort.root)): hash_file(path) for path in paths}


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


def _trainer(config: DictConfig, run_dir: Path, has_validation: bool):
    import pytorch_lightning as pl
    from pytorch_lightning.callbacks import EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar

    from netlesion.training.checkpoint_io import AtomicCheckpointIO
    from netlesion.training.stop import StopAtSignal

    kept = {"dirpath": str(run_dir / "checkpoints"), "save_on_train_epoch_end": True, "enable_version_counter": False}
    callbacks: list[pl.Callback] = [TQDMProgressBar(refresh_rate=int(config.progress_refresh))]
    if config.ema_decay is not None:
        callbacks.append(EMAWeightAveraging(decay=float(config.ema_decay)))
    if has_validation:
        callbacks.append(ModelCheckpoint(filename="best", monitor="val/score", mode="max", **kept))
    callbacks.append(ModelCheckpoint(filename="last", every_n_epochs=1, **kept))
    how_to_go_on = f"continue with: netlesion train experiment={config.name} ckpt_path=last"
    callbacks.append(StopAtSignal(run_dir / "checkpoints" / "last.ckpt", how_to_go_on))
    arguments = plain(config.trainer)
    if arguments.get("precision") == "auto":
        arguments["precision"] = _precision()
    return pl.Trainer(
        default_root_dir=run_dir,
        callbacks=callbacks,
        plugins=[AtomicCheckpointIO()],
        logger=_loggers(config, run_dir),
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        enable_model_summary=False,
        **arguments,
    )


def _loggers(config: DictConfig, run_dir: Path) -> list:
    """CSV always; W&B where configured, offline unless a key is present."""
    from pytorch_lightning.loggers import CSVLogger, Logger, WandbLogger

    loggers: list[Logger] = [CSVLogger(run_dir, name="metrics", flush_logs_every_n_steps=1)]
    if config.wandb.enabled:
        mode = config.wandb.mode
        if mode == "auto":
            mode = "online" if os.environ.get("WANDB_API_KEY") else "offline"
        loggers.append(
            WandbLogger(
                project=config.wandb.project,
                name=config.name,
                save_dir=run_dir,
                offline=mode == "offline",
                log_model=False,
                settings=_wandb_settings(),
            )
        )
    return loggers


def _wandb_settings():
    """No command line, folder, host, user or environment goes into a run's record: a path may be a patient's name."""
    import wandb

    nobody = dict.fromkeys(("host", "username", "program", "program_relpath", "program_abspath"), "n/a")
    return wandb.Settings(
        x_disable_meta=True, x_disable_machine_info=True, disable_git=True, disable_code=True, console="off", **nobody
    )


def _precision() -> str:
    """bf16 or fp16 mixed precision on a GPU, bf16 on a CPU that multiplies it natively, else fp32."""
    if not torch.cuda.is_available():
        return "bf16-mixed" if computes_bf16("cpu") else "32-true"
    return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"


def _whole_volume(card: ModelCard, config: DictConfig):
    """Whole-volume logits of every class, in the mode that inference will choose, over the whole field of view."""
    mode, overlap = mode_of("auto", card), float(config.inference.overlap)
    batch_size = 1 if config.inference.batch_size is None else int(config.inference.batch_size)

    def predict(network: nn.Module, image: Tensor) -> Tensor:
        settings = InferenceSettings(mode, overlap, memory_gb=available_gb(image.device.type))
        i, j, k = image.shape[1:]
        return sliding(image, plan_of(card, settings, (i, j, k)), network, batch_size)

    return predict


def _best_score(trainer) -> float | None:
    scores = [c.best_model_score for c in trainer.checkpoint_callbacks if getattr(c, "monitor", None)]
    return None if not scores or scores[0] is None else float(scores[0])
