"""What infer.py does once Hydra has read the configuration: a trained model over a cohort."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf

from netlesion.cli.cohort import opened
from netlesion.cli.config import plain, quiet_libraries, refuse_old_names
from netlesion.errors import CheckpointError, CohortError, ConfigError
from netlesion.image.split import read_split
from netlesion.image.visit import Tracer
from netlesion.inference.engines.choose import Engine, choose
from netlesion.inference.malloc import keep_heap
from netlesion.inference.memory import available_gb
from netlesion.io.bids.cohort import Cohort, VisitFiles
from netlesion.models import architecture
from netlesion.models.card import ModelCard
from netlesion.models.checkpoint import SHIPPED, shipped_checkpoint
from netlesion.predict.batch import run_batch
from netlesion.predict.model import Model, checkpoint_hash, load_networks
from netlesion.predict.plan import cost_of
from netlesion.predict.settings import InferenceSettings, mode_of
from netlesion.preprocess.normalise import num_inputs


def infer(config: DictConfig) -> int:
    """Runs a trained model over a cohort; returns 1 when a visit failed."""
    refuse_old_names(config)
    quiet_libraries()
    keep_heap()
    checkpoints = _checkpoints(config)
    card, networks = load_networks(checkpoints)
    if not OmegaConf.is_missing(config, "channels"):
        card.require_channels(tuple(config.channels))
    visits = _visits_of(config, opened(config.input), card)
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
    model = Model(card, tuple(e.predict for e in engines), checkpoint_hash(checkpoints))
    settings = InferenceSettings(
        mode=mode,
        overlap=float(asked.overlap),
        batch_size=None if asked.batch_size is None else int(asked.batch_size),
        threshold=0.5 if asked.threshold is None else float(asked.threshold),
        tracer_thresholds=dict(card.thresholds) if asked.threshold is None else {},
        tracer_peak_thresholds=dict(card.peak_thresholds) if asked.threshold is None else {},
        connectivity=int(asked.connectivity),
        device=device,
        engine=engine.name,
        precision=engine.precision,
        memory_gb=memory_gb,
        flips=tuple(int(axis) for axis in asked.flips),
        folds=len(engines),
        agreement=bool(asked.agreement),
        by_level=by_level,
    )
    output = Path(config.output)
    result = run_batch(visits, output, model, settings, plain(config), int(config.seed), bool(config.overwrite))
    print(f"{len(result.done)} visits done, {len(result.skipped)} done before, {len(result.failures)} failed")
    print(f"lesions {output / 'lesions.tsv'}")
    print(f"report {result.report}")
    if result.failures:
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


def _one_kind(engines: list[Engine], checkpoints: list[Path]) -> Engine:
    """The first engine; ConfigError where the networks of one mean would run in different ways."""
    for engine, path in zip(engines, checkpoints, strict=True):
        if (engine.name, engine.precision) != (engines[0].name, engines[0].precision):
            raise ConfigError(
                f"{path} would run with {engine.name} {engine.precision}, {checkpoints[0]} with {engines[0].name} "
                f"{engines[0].precision}; name inference.engine and inference.precision"
            )
    return engines[0]


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
