"""What infer.py does once Hydra has read the configuration: a trained model over a cohort."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from netlesion.answers.cohort import answer_cohort
from netlesion.answers.settings import settings_of
from netlesion.cli.cohort import opened
from netlesion.cli.config import TRAINING_GROUPS, plain, quiet_libraries, recorded, refuse_old_names
from netlesion.cli.instantiate import options_of
from netlesion.errors import CheckpointError, CohortError, ConfigError
from netlesion.image.split import read_split
from netlesion.image.visit import Tracer
from netlesion.inference.malloc import reuse_freed_memory
from netlesion.io.bids.cohort import Cohort
from netlesion.io.bids.visit_files import VisitFiles
from netlesion.models.card import ModelCard
from netlesion.models.checkpoint import SHIPPED, shipped_checkpoint
from netlesion.predict.batch import run_batch
from netlesion.predict.load import ready, require_tested
from netlesion.predict.model import load_networks
from netlesion.report.results_report import write_reports


def infer(config: DictConfig) -> int:
    """Runs a trained model over a cohort; returns 1 when a visit failed."""
    refuse_old_names(config)
    if not isinstance(config.input, str):
        raise ConfigError("input names several cohorts, inference takes one, by whose names results are found again")
    answer_settings = settings_of(plain(config.answer_settings))
    quiet_libraries()
    reuse_freed_memory()
    checkpoints = _checkpoints(config)
    card, networks = load_networks(checkpoints)
    if not OmegaConf.is_missing(config, "channels"):
        card.require_channels(tuple(config.channels))
    cohort = opened(config.input)
    visits = _visits_of(config, cohort, card)
    if not config.allow_untested:
        for visit in visits:
            labels = [image.tracer_label for c in card.classes for image in visit.images.get(c, ())]
            require_tested(visit.visit_id, labels, card)
    model = ready(card, networks, checkpoints, options_of(config, str(config.device), bool(config.organs)))
    for line in model.chosen:
        print(line)
    output, parts = Path(config.output), _parts_of(config, visits)
    record, seed = recorded(config, TRAINING_GROUPS), int(config.seed)
    result = run_batch(visits, output, model, model.settings, record, seed, bool(config.overwrite), parts)
    print(f"{len(result.done)} visits done, {len(result.skipped)} done before, {len(result.failures)} failed")
    print(f"lesions {output / 'lesions.tsv'}")
    failures = list(result.failures.values())
    if config.answers and (result.done or result.skipped):
        answered = answer_cohort(output, config.input if cohort.layout == "bids" else None, settings=answer_settings)
        print(f"answers {answered.folder}")
        failures += answered.failures.values()
    if config.report:
        print(f"report {write_reports(output, visits, tables=result.tables)}")
    for line in failures:
        print(f"error: {line}", file=sys.stderr)
    return 1 if failures else 0


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


def _parts_of(config: DictConfig, visits: Sequence[VisitFiles]) -> dict[str, str]:
    """Patient -> part of the split, as far as it is known: what is learned from an evaluation asks for it."""
    if config.split != "all":
        return {v.patient_id: str(config.split) for v in visits}
    if OmegaConf.is_missing(config, "split_file") or not Path(config.split_file).is_file():
        return {}
    split = read_split(config.split_file)
    of = {patient: part for part in ("train", "val", "test") for patient in split.part(part)}
    return {v.patient_id: of[v.patient_id] for v in visits if v.patient_id in of}


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
