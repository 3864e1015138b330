"""Checkpoints and a user's options -> a model that is ready to predict here: device, engine, mode and memory chosen.

The one road to a prediction: `infer.py` runs the result over a cohort, `netlesion.load_model` hands it to Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from netlesion.errors import CohortError, ConfigError
from netlesion.image.visit import Visit
from netlesion.inference.engines.choose import Engine, choose
from netlesion.inference.memory import available_gb
from netlesion.models.architecture import architecture_of, norm_of
from netlesion.models.card import ModelCard
from netlesion.models.checkpoint import shipped_checkpoint
from netlesion.models.organs import num_organs
from netlesion.models.strided_unet import BesideOrgans, StridedUNet
from netlesion.output.html import fact_table
from netlesion.output.provenance import Stopwatch
from netlesion.predict.model import Model, checkpoint_hash, load_networks
from netlesion.predict.plan import cost_of, require_window
from netlesion.predict.settings import InferenceOptions, InferenceSettings, Machine, mode_of
from netlesion.predict.visit import TracerResult, predict_visit
from netlesion.preprocess.normalise import num_inputs

if TYPE_CHECKING:
    from netlesion.io.dicom.pet_image import DicomPet


@dataclass(frozen=True, eq=False)
class LoadedModel(Model):
    """A model with the settings that it runs with on this machine.

    Attributes:
        card: What the model takes and gives, and what is known of it.
        settings: Mode, device, engine, precision, thresholds, as they are written into results.
        chosen: Lines that say which engine and mode were chosen, and why.
    """

    settings: InferenceSettings
    chosen: tuple[str, ...]

    def predict(self, visit: Visit | DicomPet, *, allow_untested: bool = False) -> dict[str, TracerResult]:
        """Finds the lesions of a visit, as `infer.py` does.

        Args:
            visit: What `cohort[0].load()` or `Visit.from_volumes` gives, or one PET of `read_dicom_pet`.
            allow_untested: Whether to run on a tracer that the model was not tested on, where its card names those.

        Returns:
            Tracer channel (sstr, fdg) -> result on the native grid of that PET: `suv`, `probability`, `lesions` (a
            label Volume), `rows` and `table` (one row for each lesion).

        Raises:
            CohortError: if the visit lacks a channel that the model requires.
            ConfigError: for a tracer that the model was not tested on.
            InferenceError: if the device has too little memory, or the network returns values that are not finite.
        """
        visit, card = visit if isinstance(visit, Visit) else visit.as_visit(), self.card
        missing = [c for c in card.required_channels if c not in visit.scans]
        if missing or (card.required_any and not any(c in visit.scans for c in card.required_any)):
            raise CohortError(
                f"{visit.visit_id}: the model requires {', '.join(missing) or ' or '.join(card.required_any)}, the "
                f"visit has {', '.join(visit.scans) or 'no image'}; add the image or use another model"
            )
        if not allow_untested:
            require_tested(visit.visit_id, [s.tracer_label for c, s in visit.scans.items() if c in card.classes], card)
        scans = {c: visit.scans[c] for c in card.channels if c in visit.scans}  # as `infer.py` reads a visit
        masks = {c: mask for c, mask in visit.masks.items() if c in scans}
        seen = Visit(visit.patient_id, visit.visit_id, scans, masks)
        return predict_visit(seen, card, self.networks, self.settings, Stopwatch())

    def __repr__(self) -> str:
        return f"<LoadedModel {', '.join(self.card.channels)}: {', '.join(self.card.classes)}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the model card, and how the model runs here."""
        return self.card.html() + fact_table("Runs here", {"chosen": "; ".join(self.chosen)})


def load_model(
    checkpoint: str | Path | Sequence[str | Path] | None = None, options: InferenceOptions | None = None
) -> LoadedModel:
    """Loads a trained model and chooses how it runs on this machine.

    Args:
        checkpoint: A `.safetensors` file with its card `.json` beside it, or a training's `.ckpt`; several, of one
            kind, are averaged; None: the weights of this package.
        options: Device, engine, mode, thresholds and so on; None: the defaults of `infer.py`.

    Returns:
        The model; `model.predict(visit)` finds lesions.

    Raises:
        CheckpointError: if a file is missing, broken, or of another kind than the first.
        ConfigError: for options that contradict each other or this machine.

    Example:
        >>> model = nl.load_model("model.safetensors")
        >>> result = model.predict(nl.open_cohort("cohort")[0].load())["fdg"]
        >>> result.lesions
        <Volume LABEL, 9x7x5 voxels of 4x4x3 mm from (20.0, -30.0, 7.0)>
    """
    given = [shipped_checkpoint()] if checkpoint is None else checkpoint
    paths = [Path(p) for p in ([given] if isinstance(given, (str, Path)) else given)]
    card, networks = load_networks(paths)
    return ready(card, networks, paths, options or InferenceOptions())


def ready(
    card: ModelCard, networks: Sequence[nn.Module], checkpoints: Sequence[Path], options: InferenceOptions
) -> LoadedModel:
    """Networks of one card -> a model that runs here; raises ConfigError for options that cannot be met."""
    mode = mode_of(options.mode, card)
    if options.engine == "inductor" and mode == "stream":
        raise ConfigError(
            "inference.engine=inductor compiles for each size of tile, and mode stream has another one for every body; "
            "use engine=openvino or torch, or mode=exact"
        )
    device = device_of(options.device)
    sharing = len(networks) if device == "cpu" else 1  # an engine keeps what it has had
    memory_gb = available_gb(device) / sharing if options.memory_gb is None else options.memory_gb
    chunked = mode == "stream" and device == "cpu" and architecture_of(card.network).chunked
    if mode != "stream" and device == "cpu":
        require_window(card, options.batch_size or 1, options.engine)

    def chunk(engine: str, voxels: int) -> int | None:
        cost = cost_of(card, engine, chunked)
        return None if cost is None else cost.chunk_voxels(voxels, memory_gb * 1e9)

    if options.organs:
        _require_organ_head(card)
        networks = [BesideOrgans(n) for n in networks if isinstance(n, StridedUNet)]
    inputs = num_inputs(card.channels, card.required_channels)
    engines = [
        choose(n, inputs, card.window, device, options.engine, options.precision, chunk if chunked else None)
        for n in networks
    ]
    engine = _one_kind(engines, checkpoints)
    settings = InferenceSettings(
        mode=mode,
        overlap=options.overlap,
        threshold=0.5 if options.threshold is None else options.threshold,
        tracer_thresholds=dict(card.thresholds) if options.threshold is None else {},
        tracer_peak_thresholds=dict(card.peak_thresholds) if options.threshold is None else {},
        connectivity=options.connectivity,
        split=options.split,
        engine=engine.name,
        precision=engine.precision,
        flips=options.flips,
        folds=len(engines),
        agreement=options.agreement,
        organs=options.organs,
        machine=Machine(device, options.batch_size, memory_gb, chunked),
    )
    chosen = (
        engine.explain() + (f"; {len(engines)} networks averaged" if len(engines) > 1 else ""),
        f"mode {mode}" + (f": {_why(mode, card)}" if options.mode == "auto" else ": asked for"),
    )
    return LoadedModel(card, tuple(e.predict for e in engines), checkpoint_hash(checkpoints), settings, chosen)


def _require_organ_head(card: ModelCard) -> None:
    """Raises ConfigError for a model that has no organ head."""
    if num_organs(card.network) == 0:
        raise ConfigError("organs=true, but the model has no organ head; use organs=false, or checkpoint=shipped")


def require_tested(visit_id: str, tracer_labels: Iterable[str | None], card: ModelCard) -> None:
    """Raises ConfigError for a tracer that the model was not tested on, where its card states those that it was."""
    for label in tracer_labels if card.tested_tracers else ():
        if label and label not in card.tested_tracers:
            raise ConfigError(
                f"{visit_id}: its PET shows {label}; the model was tested on "
                f"{', '.join(card.tested_tracers)} only. Run it all the same with allow_untested=true"
            )


def device_of(name: str) -> str:
    """cpu or cuda, for auto what there is; raises ConfigError for another name, and for cuda without a GPU."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda"):
        raise ConfigError(f"device is {name!r}, expected auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "device=cuda, but PyTorch sees no NVIDIA GPU; use device=cpu, or install a CUDA build of torch"
        )
    return name


def _one_kind(engines: Sequence[Engine], checkpoints: Sequence[Path]) -> Engine:
    """The first engine; ConfigError where the networks of one mean would run in different ways."""
    for engine, path in zip(engines, checkpoints, strict=True):
        if (engine.name, engine.precision) != (engines[0].name, engines[0].precision):
            raise ConfigError(
                f"{path} would run with {engine.name} {engine.precision}, {checkpoints[0]} with {engines[0].name} "
                f"{engines[0].precision}; name inference.engine and inference.precision"
            )
    return engines[0]


def _why(mode: str, card: ModelCard) -> str:
    norm = norm_of(card.network)
    if mode == "stream":
        return f"{norm} norm does not depend on the tile, so no voxel needs to be computed twice"
    return f"with {norm} norm every other cut of the body would change the output"
