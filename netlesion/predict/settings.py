"""How a network is run over a visit and how its probabilities become lesions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netlesion.errors import ConfigError
from netlesion.models.architecture import norm_of, tile_independent
from netlesion.models.card import ModelCard
from netlesion.quantify.instances import CONNECTIVITY

MODES = ("auto", "exact", "stream", "crop")


@dataclass(frozen=True)
class InferenceOptions:
    """What a user may ask of inference; the defaults are those of `infer.py`. `predict.load` makes settings of it.

    Attributes:
        device: auto, cpu or cuda.
        mode: auto, exact, stream or crop (`inference.plan`).
        overlap: Of windows, in exact and crop.
        batch_size: Windows in one forward; None: one on a CPU, on a GPU what `memory_gb` holds.
        engine: auto, torch, openvino or inductor.
        precision: auto, fp32, bf16 or fp16.
        memory_gb: What the activations of a tile may take; None: a fraction of what is free.
        flips: Axes (0 left-right, 1 front-back, 2 head-foot) over whose mirror images logits are averaged.
        agreement: With mode crop: compute exact as well and report the difference.
        threshold: Lesion probability from which a voxel counts; None: the model card's for each tracer, else 0.5.
        connectivity: Of lesions, 6, 18 or 26.
        split: Whether confluent lesions are split where their uptake has a valley (`quantify.split`).
        organs: Whether the organ head's map is kept, and lesions get their regions by it.
    """

    device: str = "auto"
    mode: str = "auto"
    overlap: float = 0.5
    batch_size: int | None = None
    engine: str = "auto"
    precision: str = "auto"
    memory_gb: float | None = None
    flips: tuple[int, ...] = ()
    agreement: bool = False
    threshold: float | None = None
    connectivity: int = CONNECTIVITY
    split: bool = True
    organs: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "flips", tuple(self.flips))


@dataclass(frozen=True)
class Machine:
    """Where a network runs and what it may take there. Nothing of it decides a result: a run may be finished elsewhere.

    Attributes:
        device: cpu or cuda.
        batch_size: Windows in one forward; None: one on a CPU, on a GPU what `memory_gb` holds.
        memory_gb: What the activations of a tile may take.
        chunked: The networks take a tile of mode stream that does not fit at once (`inference.engines.chunked`).
    """

    device: str = "cpu"
    batch_size: int | None = 1
    memory_gb: float | None = None
    chunked: bool = False

    def __post_init__(self) -> None:
        if self.batch_size is not None and self.batch_size < 1:
            raise ConfigError(f"inference.batch_size is {self.batch_size}, expected at least 1, or null for what fits")
        if self.memory_gb is not None and self.memory_gb <= 0:
            raise ConfigError(f"inference.memory_gb is {self.memory_gb}, expected above 0, or null for what is free")


@dataclass(frozen=True)
class InferenceSettings:
    """How a network is run and its probabilities become lesions: what decides a result, and the machine it runs on.

    mode: exact, stream or crop (inference.plan); connectivity: 6, 18 or 26. tracer_thresholds: where a tracer's
    threshold is another than `threshold`; tracer_peak_thresholds: what the highest voxel of a lesion must reach, where
    that is more. flips: axes (0 left-right, 1 front-back, 2 head-foot) over whose mirror images logits are averaged.
    split: confluent lesions are split where their uptake has a valley.
    folds: networks whose logits are averaged. agreement: mode crop computes exact as well, to be compared with it.
    organs: the networks give organ logits beside the others (`models.strided_unet.BesideOrgans`).

    Raises ConfigError, with the setting's name, for a value that cannot be meant.
    """

    mode: str = "exact"
    overlap: float = 0.5
    threshold: float = 0.5
    tracer_thresholds: Mapping[str, float] = field(default_factory=dict[str, float])
    tracer_peak_thresholds: Mapping[str, float] = field(default_factory=dict[str, float])
    connectivity: int = CONNECTIVITY
    split: bool = False
    engine: str = "torch"
    precision: str = "fp32"
    flips: tuple[int, ...] = ()
    folds: int = 1
    agreement: bool = False
    organs: bool = False
    machine: Machine = Machine()

    def __post_init__(self) -> None:
        for name, good, expected in (
            ("threshold", 0.0 < self.threshold <= 1.0, "above 0 and at most 1"),
            (
                "tracer_thresholds",
                all(0.0 < t <= 1.0 for t in self.tracer_thresholds.values()),
                "above 0 and at most 1 for each tracer",
            ),
            (
                "tracer_peak_thresholds",
                all(self.threshold_of(t) <= p <= 1.0 for t, p in self.tracer_peak_thresholds.items()),
                "at least the tracer's threshold and at most 1",
            ),
            ("connectivity", self.connectivity in (6, 18, 26), "6, 18 or 26"),
            ("flips", sorted(set(self.flips) & {0, 1, 2}) == sorted(self.flips), "some of 0, 1, 2, each once"),
            (
                "agreement",
                not self.agreement or self.mode == "crop",
                f"false in mode {self.mode}, which computes every voxel",
            ),
        ):
            if not good:
                raise ConfigError(f"inference.{name} is {getattr(self, name)}, expected {expected}")

    def peak_threshold_of(self, tracer: str) -> float:
        """What the highest voxel of a lesion of this tracer must reach; 0 where nothing is asked of it."""
        return self.tracer_peak_thresholds.get(tracer, 0.0)

    def threshold_of(self, tracer: str) -> float:
        """The lesion probability from which a voxel belongs to a lesion of this tracer."""
        return self.tracer_thresholds.get(tracer, self.threshold)

    @property
    def compared(self) -> tuple[str, str] | None:
        """The two ways that every PET is computed and compared in, the one that counts first; None where it is one."""
        if self.agreement:
            return "crop", "exact"
        if self.folds > 1 or self.flips:
            folds = f"{self.folds} networks" if self.folds > 1 else "one network"
            return f"{folds}, {2 ** len(self.flips)} images" if self.flips else folds, "one network, one image"
        return None


def mode_of(asked: str, card: ModelCard) -> str:
    """The mode that `asked` means for a model; auto is stream where the network allows it, exact elsewhere.

    Raises ConfigError for an unknown mode, and for stream with a network whose norm depends on the tile.
    """
    if asked not in MODES:
        raise ConfigError(f"inference.mode is {asked!r}, expected {', '.join(MODES)}")
    independent = tile_independent(card.network)
    if asked == "stream" and not independent:
        raise ConfigError(
            f"inference.mode=stream, but the model has {norm_of(card.network)} norm, whose output "
            "depends on how the body is cut; use exact, or crop (faster, but other windows see other statistics)"
        )
    return asked if asked != "auto" else "stream" if independent else "exact"
