"""What train.py and infer.py do once Hydra has read the configuration: configuration in, work out."""

from __future__ import annotations

import hashlib
import os
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from netlesion.cli.config import card_of, labels_of, plain, quiet_libraries, split_from
from netlesion.errors import CheckpointError, CohortError, ConfigError
from netlesion.image.split import read_split
from netlesion.image.visit import Tracer
from netlesion.inference.engines.choose import Engine, choose, computes_bf16
from netlesion.inference.malloc import keep_heap
from netlesion.inference.memory import available_gb
from netlesion.inference.sliding import sliding
from netlesion.io.bids.cohort import Cohort, VisitFiles, open_cohort
from netlesion.models import architecture
from netlesion.models.card import ModelCard
from netlesion.models.checkpoint import SHIPPED, load_checkpoint, load_network, save_checkpoint, shipped_checkpoint
from netlesion.models.fine_tune import fine_tuned
from netlesion.output.atomic import write_json
from netlesion.output.provenance import Stopwatch, hash_file, provenance
from netlesion.predict.batch import Model, run_batch
from netlesion.predict.detection_score import DetectionScore
from netlesion.predict.visit import InferenceSettings, cost_of, mode_of, plan_of
from netlesion.preprocess.normalise import num_inputs


def build_network(card: ModelCard) -> nn.Module:
    """The network that a card describes, weights random."""
    inputs = num_inputs(card.channels, card.required_channels)
    return architecture.build_network(card.network, inputs, card.scheme.num_outputs)


def train(config: DictConfig) -> int:
    """Trains, keeps checkpoints, exports the best model; returns the exit status."""
    import pytorch_lightning as pl

    from netlesion.data.transforms import Augmentation
    from netlesion.training.datamodule import CohortDataModule
    from netlesion.training.module import LesionModule

    quiet_libraries()
    keep_heap()
    run_dir, watch = Path(config.run_dir), Stopwatch()
    resume = resume_path(config.ckpt_path, run_dir)
    cohort = _opened(config.cohort)
    split = split_from(config, cohort)
    card, labels = card_of(config, split.train), labels_of(config)
    start = None
    if config.fine_tune is not None:
        start = load_checkpoint(shipped_checkpoint() if config.fine_tune == SHIPPED else config.fine_tune)
        card = replace(card, trained_on=tuple({*card.trained_on, *start[0].trained_on}))
    if resume is None:
        set_aside(run_dir)
    else:
        load_checkpoint(resume)[0].require_same_model(card)
    write_json(run_dir / "config.json", plain(config))
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
        except SystemExit:  # Lightning's answer to Ctrl-C and SIGTERM
            print(f"interrupted; continue with: python train.py experiment={config.name} ckpt_path=last")
            return 130
    all_steps_done = 0 < trainer.max_steps <= trainer.global_step
    if trainer.current_epoch < trainer.max_epochs and not trainer.should_stop and not all_steps_done:
        print(f"stopped early; continue with: python train.py experiment={config.name} ckpt_path=last")
        return 143
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
            config=plain(config),
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


def infer(config: DictConfig) -> int:
    """Runs a trained model over a cohort; returns 1 when a visit failed."""
    quiet_libraries()
    keep_heap()
    checkpoints = _checkpoints(config)
    card, networks = _networks(checkpoints)
    if not OmegaConf.is_missing(config, "channels"):
        card.require_channels(tuple(config.channels))
    visits = _visits_of(config, _opened(config.input), card)
    if not config.allow_untested:
        _require_tested(visits, card)
    device = _device(config.device)
    asked = config.inference
    inputs = num_inputs(card.channels, card.required_channels)
    mode = mode_of(str(asked.mode), card)
    if asked.engine == "inductor" and mode == "stream":
        raise ConfigError(
            "inference.engine=inductor compiles for each size of tile, and mode stream has another one for every body; "
            "use engine=openvino or torch, or mode=exact"
        )
    sharing = len(networks) if device == "cpu" else 1  # an engine keeps what it has had
    memory_gb = available_gb(device) / sharing if asked.memory_gb is None else float(asked.memory_gb)
    by_level = mode == "stream" and device == "cpu" and architecture.architecture_of(card.network).chunked

    def slab(engine: str, voxels: int) -> int | None:
        return cost_of(card, engine, by_level).slab_voxels(voxels, memory_gb * 1e9)

    engines = [
        choose(
            network,
            inputs,
            card.window,
            device,
            str(asked.engine),
            str(asked.precision),
            slab if by_level else None,
        )
        for network in networks
    ]
    engine = _one_kind(engines, checkpoints)
    print(engine.explain() + (f"; {len(engines)} networks averaged" if len(engines) > 1 else ""))
    print(f"mode {mode}" + (f": {_why(mode, card)}" if asked.mode == "auto" else ": asked for"))
    model = Model(card, tuple(e.predict for e in engines), _checkpoint_hash(checkpoints))
    settings = InferenceSettings(
        mode=mode,
        overlap=float(asked.overlap),
        batch_size=None if asked.batch_size is None else int(asked.batch_size),
        threshold=0.5 if asked.threshold is None else float(asked.threshold),
        tracer_thresholds=dict(card.thresholds) if asked.threshold is None else {},
        connectivity=int(asked.connectivity),
        device=device,
        engine=engine.name,
        precision=engine.precision,
        memory_gb=memory_gb,
        flips=tuple(int(axis) for axis in asked.flips),
        folds=len(engines),
        audit=bool(asked.audit),
        by_level=by_level,
    )
    output = Path(config.output)
    result = run_batch(visits, output, model, settings, plain(config), int(config.seed), bool(config.overwrite))
    print(f"{len(result.done)} visits done, {len(result.skipped)} done before, {len(result.failures)} failed")
    print(f"lesions {output / 'lesions.tsv'}")
    print(f"report {result.report}")
    if result.failures:
        import sys

        for line in result.failures.values():
            print(f"error: {line}", file=sys.stderr)
        return 1
    return 0


def _checkpoints(config: DictConfig) -> list[Path]:
    """The files that `checkpoint` means: those it names, the experiment's own, else the shipped weights.

    Raises:
        ConfigError: for an empty list or a path given twice.
        CheckpointError: where an experiment or name was given that has not been trained.
    """
    given = config.checkpoint
    if given is None:
        if OmegaConf.is_missing(config, "name"):
            given = SHIPPED
        elif not Path(config.run_dir, "model.safetensors").is_file():
            raise CheckpointError(
                f"{config.run_dir}: no trained model; train it first (train.py), or run the weights of this package "
                f"with checkpoint={SHIPPED} and without experiment= or name="
            )
        else:
            given = str(Path(config.run_dir, "model.safetensors"))
    if OmegaConf.is_missing(config, "name"):
        OmegaConf.update(config, "name", SHIPPED if given == SHIPPED else "inference")
    if given == SHIPPED:
        print(f"model: the weights of this package ({shipped_checkpoint().name}); research use only")
    paths = [shipped_checkpoint() if p == SHIPPED else Path(p) for p in ([given] if isinstance(given, str) else given)]
    if not paths or len(set(paths)) < len(paths):
        raise ConfigError(f"checkpoint names {len(paths)} files, expected one or several, each once")
    return paths


def _require_tested(visits: tuple[VisitFiles, ...], card: ModelCard) -> None:
    """Raises ConfigError for a tracer that the model was not tested on, where its card states those that it was."""
    for visit in visits if card.tested_tracers else ():
        for channel in card.classes:
            for image in visit.images.get(channel, ()):
                if image.tracer_label and image.tracer_label not in card.tested_tracers:
                    raise ConfigError(
                        f"{visit.visit_id}: its PET shows {image.tracer_label}; the model was tested on "
                        f"{', '.join(card.tested_tracers)} only. Run it all the same with allow_untested=true"
                    )


def _networks(checkpoints: list[Path]) -> tuple[ModelCard, list[nn.Module]]:
    """Networks of checkpoints that differ in their weights and patients only; trained_on names the patients of all."""
    cards, networks = [], []
    for path in checkpoints:
        card, weights = load_checkpoint(path)
        if cards:
            cards[0].require_same_kind(card, str(checkpoints[0]), str(path))
        cards.append(card)
        networks.append(load_network(build_network(card), weights, path))
    patients = sorted({p for card in cards for p in card.trained_on})
    return replace(cards[0], trained_on=tuple(patients)), networks


def _one_kind(engines: list[Engine], checkpoints: list[Path]) -> Engine:
    """The first engine; ConfigError where the networks of one mean would run in different ways."""
    for engine, path in zip(engines, checkpoints, strict=True):
        if (engine.name, engine.precision) != (engines[0].name, engines[0].precision):
            raise ConfigError(
                f"{path} would run with {engine.name} {engine.precision}, {checkpoints[0]} with {engines[0].name} "
                f"{engines[0].precision}; name inference.engine and inference.precision"
            )
    return engines[0]


def _checkpoint_hash(checkpoints: list[Path]) -> str:
    """The sha256 of the one file, or of the sorted sha256 of several."""
    hashes = sorted(hash_file(path) for path in checkpoints)
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def _opened(folder: str) -> Cohort:
    """The cohort, with what it says about sessions left apart."""
    cohort = open_cohort(folder)
    for note in cohort.notes:
        print(f"note: {note}")
    return cohort


def _hashes(cohort: Cohort, patients: tuple[str, ...]) -> dict[str, str]:
    """sha256 of every image and mask of these patients, by path below the cohort."""
    paths: list[Path] = []
    for visit in cohort.of_patients(patients):
        paths += [p for files in visit.images.values() for f in files for p in (f.path, *f.transforms)]
        paths += [path for masks in visit.masks.values() for path in masks.values()]
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

    kept = {"dirpath": str(run_dir / "checkpoints"), "save_on_train_epoch_end": True, "enable_version_counter": False}
    callbacks = [TQDMProgressBar(refresh_rate=int(config.progress_refresh))]
    if config.ema_decay is not None:
        callbacks.append(EMAWeightAveraging(decay=float(config.ema_decay)))
    if has_validation:
        callbacks.append(ModelCheckpoint(filename="best", monitor="val/score", mode="max", **kept))
    callbacks.append(ModelCheckpoint(filename="last", every_n_epochs=1, **kept))
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
    from pytorch_lightning.loggers import CSVLogger, WandbLogger

    loggers = [CSVLogger(run_dir, name="metrics", flush_logs_every_n_steps=1)]
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
            )
        )
    return loggers


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
        return sliding(image, plan_of(card, settings, tuple(image.shape[1:])), network, batch_size)

    return predict


def _why(mode: str, card: ModelCard) -> str:
    norm = architecture.norm_of(card.network)
    if mode == "stream":
        return f"{norm} norm does not depend on the tile, so no voxel needs to be computed twice"
    return f"with {norm} norm every other cut of the body would change the output"


def _visits_of(config: DictConfig, cohort: Cohort, card: ModelCard) -> tuple[VisitFiles, ...]:
    """The visits of the part asked for; a test part that shares a patient with the training is refused."""
    if config.split == "all":
        return _with_pet(cohort.visits, cohort)
    split = read_split(config.split_file)
    patients = split.part(config.split)
    leaked = sorted(set(patients) & set(card.trained_on))
    if config.split in ("val", "test") and leaked:
        raise CohortError(
            f"patient {leaked[0]} is in the {config.split} part of {config.split_file}, but the checkpoint was trained "
            f"on {len(leaked)} of its patients; use the split file of that training"
        )
    visits = _with_pet(cohort.of_patients(patients), cohort)
    if not visits:
        raise CohortError(
            f"{cohort.root}: holds none of the {len(patients)} {config.split} patients of {config.split_file}"
        )
    return visits


def _with_pet(visits: tuple[VisitFiles, ...], cohort: Cohort) -> tuple[VisitFiles, ...]:
    """The visits that hold a PET; in BIDS a session of MR alone is no case, and is said to be left out."""
    cases = tuple(v for v in visits if any(tracer.value in v.images for tracer in Tracer))
    if cohort.layout != "bids":
        return visits
    for left_out in sorted({v.visit_id for v in visits} - {v.visit_id for v in cases}):
        print(f"left out: {left_out} has no PET")
    if visits and not cases:
        raise CohortError(f"{cohort.root}: none of its {len(visits)} visits has a PET")
    return cases


def _device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda"):
        raise ConfigError(f"device is {name!r}, expected auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "device=cuda, but PyTorch sees no NVIDIA GPU; use device=cpu, or install a CUDA build of torch"
        )
    return name


def _best_score(trainer) -> float | None:
    scores = [c.best_model_score for c in trainer.checkpoint_callbacks if getattr(c, "monitor", None)]
    return None if not scores or scores[0] is None else float(scores[0])
