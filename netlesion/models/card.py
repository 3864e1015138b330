"""The model card: everything that must be known to run a network again, readable beside its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from netlesion.errors import CheckpointError, ConfigError
from netlesion.models.card_schema import card_fault
from netlesion.models.classes import ClassScheme
from netlesion.output.html import fact_table

#: Arguments of a network in cards written before -> their names now.
RENAMED_ARGUMENTS = {"widths": "filters"}


@dataclass(frozen=True)
class ModelCard:
    """What a network eats and gives.

    channels in input order; required_channels must be present in every visit; classes per tracer channel;
    spacing_mm of the working grid; window in voxels of it; network: the arguments of its constructor.
    trained_on: patient ids, so that a test on one of them can be refused. What each field may hold is in `card_schema`.

    Optional: required_any names channels of which a visit must have at least one. thresholds: tracer -> lesion
    probability from which a voxel belongs to a lesion, chosen on validation patients (0.5 where it is not named).
    peak_thresholds: tracer -> what the highest voxel of a lesion must reach (0).
    temperatures: tracer -> what the logit of lesion is divided by, so that probabilities are calibrated (1).
    tested_tracers: BIDS `trc-` labels that the model was tested on; empty: not stated. about: what a reader must know
    (data, hours, figures, known failures, intended use), by heading.

    Raises ConfigError, with the field's name and value, for anything else.
    """

    channels: tuple[str, ...]
    required_channels: tuple[str, ...]
    classes: Mapping[str, tuple[str, ...]]
    spacing_mm: tuple[float, float, float]
    window: tuple[int, int, int]
    network: Mapping[str, Any]
    trained_on: tuple[str, ...] = ()
    required_any: tuple[str, ...] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)
    peak_thresholds: Mapping[str, float] = field(default_factory=dict)
    temperatures: Mapping[str, float] = field(default_factory=dict)
    tested_tracers: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        fault = card_fault({f.name: getattr(self, f.name) for f in fields(self)})
        if fault is not None:
            raise ConfigError(fault)
        for name, kind in (("channels", str), ("required_channels", str), ("spacing_mm", float), ("window", int)):
            object.__setattr__(self, name, tuple(kind(v) for v in getattr(self, name)))
        object.__setattr__(self, "trained_on", tuple(sorted(self.trained_on)))
        object.__setattr__(self, "classes", {t: tuple(c) for t, c in self.classes.items()})
        object.__setattr__(self, "network", dict(self.network))
        stray = [c for c in self.required_channels if c not in self.channels]
        if stray:
            raise ConfigError(f"required channel {stray[0]!r} is not among the model's channels {list(self.channels)}")
        for name in ("required_any", "tested_tracers"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name in ("thresholds", "peak_thresholds", "temperatures"):
            values = {t: float(v) for t, v in getattr(self, name).items()}
            object.__setattr__(self, name, values)
            stray = [t for t in values if t not in self.classes]
            if stray:
                raise ConfigError(f"{name} of {stray[0]!r}, which is none of the tracers {list(self.classes)}")
        object.__setattr__(self, "about", dict(self.about))
        stray = [c for c in self.required_any if c not in self.channels]
        if stray:
            raise ConfigError(f"required_any names {stray[0]!r}, which is not among the channels {list(self.channels)}")
        if not self.required_channels and not self.required_any:
            raise ConfigError("a model requires at least one channel, its PET (required_channels or required_any)")
        if len(set(self.channels)) < len(self.channels):
            raise ConfigError(f"channels are {', '.join(self.channels)}; expected each once")
        for tracer in self.scheme.tracers:
            if tracer not in self.channels:
                raise ConfigError(
                    f"classes for tracer {tracer!r}, which is not among the channels {list(self.channels)}"
                )

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return self.html()

    def html(self) -> str:
        """The card as an HTML table; patients are counted, not named."""
        facts: dict[str, object] = {
            "channels": ", ".join(self.channels),
            "required": ", ".join(self.required_channels) or f"one of {', '.join(self.required_any)}",
            "classes": "; ".join(f"{tracer}: {', '.join(names)}" for tracer, names in self.classes.items()),
            "working grid": " x ".join(f"{s:g}" for s in self.spacing_mm) + " mm",
            "architecture": self.network.get("architecture", "unet"),
            "thresholds": ", ".join(f"{tracer} {value:g}" for tracer, value in self.thresholds.items()) or "0.5",
            "tested on": ", ".join(self.tested_tracers) or "not stated",
            "trained on": f"{len(self.trained_on)} patients",
        }
        return fact_table("Model card", facts | {str(name): text for name, text in self.about.items()})

    @property
    def scheme(self) -> ClassScheme:
        return ClassScheme(self.classes)

    def require_channels(self, channels: tuple[str, ...]) -> None:
        """Raises CheckpointError unless the checkpoint was made for exactly these channels, in this order."""
        if tuple(channels) != self.channels:
            raise CheckpointError(
                f"the checkpoint was trained on channels {', '.join(self.channels)}, the configuration names "
                f"{', '.join(channels)}; choose the checkpoint of this experiment or the experiment of this checkpoint"
            )

    def require_same_model(self, other: ModelCard) -> None:
        """Raises CheckpointError, naming the field, unless a training may go on from this card under the other."""
        self.require_channels(other.channels)
        for each in fields(self):
            if getattr(self, each.name) != getattr(other, each.name):
                raise CheckpointError(
                    f"the checkpoint was trained with {each.name} {getattr(self, each.name)}, the configuration says "
                    f"{getattr(other, each.name)}; continue with the same, or start anew without ckpt_path"
                )

    def require_same_kind(self, other: ModelCard, mine: str, theirs: str) -> None:
        """Raises CheckpointError, naming the field, unless the two differ in patients, calibration and text only."""
        for each in fields(self):
            if each.name not in ("trained_on", "thresholds", "peak_thresholds", "temperatures", "about") and getattr(
                self, each.name
            ) != getattr(other, each.name):
                raise CheckpointError(
                    f"{theirs}: its {each.name} is {getattr(other, each.name)}, that of {mine} is "
                    f"{getattr(self, each.name)}; only networks of one kind can be averaged"
                )

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dicts, ready for JSON."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelCard:
        """The inverse of `to_dict`; raises CheckpointError for a field that is missing, strange or out of bounds."""
        network = values.get("network") if isinstance(values, Mapping) else None
        if isinstance(network, Mapping):
            renamed = {RENAMED_ARGUMENTS.get(k, k): v for k, v in network.items()}
            if len(renamed) == len(network):  # a card with both names is refused below
                values = {**values, "network": renamed}
        fault = card_fault(values) if isinstance(values, Mapping) else "the model card is no table of fields"
        if fault is not None:
            raise CheckpointError(fault)
        return cls(**values)
