"""The model card: everything that must be known to run a network again, readable beside its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from netlesion.errors import CheckpointError, ConfigError
from netlesion.models.classes import ClassScheme


@dataclass(frozen=True)
class ModelCard:
    """What a network eats and gives.

    channels in input order; required_channels must be present in every visit; classes per tracer channel;
    spacing_mm of the working grid; window in voxels of it; network: the arguments of its constructor.
    trained_on: patient ids, so that a test on one of them can be refused.
    """

    channels: tuple[str, ...]
    required_channels: tuple[str, ...]
    classes: Mapping[str, tuple[str, ...]]
    spacing_mm: tuple[float, float, float]
    window: tuple[int, int, int]
    network: Mapping[str, Any]
    trained_on: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, kind in (("channels", str), ("required_channels", str), ("spacing_mm", float), ("window", int)):
            object.__setattr__(self, name, tuple(kind(v) for v in getattr(self, name)))
        object.__setattr__(self, "trained_on", tuple(sorted(str(p) for p in self.trained_on)))
        object.__setattr__(self, "classes", {t: tuple(c) for t, c in self.classes.items()})
        object.__setattr__(self, "network", dict(self.network))
        stray = [c for c in self.required_channels if c not in self.channels]
        if stray:
            raise ConfigError(f"required channel {stray[0]!r} is not among the model's channels {list(self.channels)}")
        if not self.required_channels:
            raise ConfigError("a model requires at least one channel, its PET")
        if len(self.spacing_mm) != 3 or len(self.window) != 3 or min(self.spacing_mm) <= 0 or min(self.window) < 1:
            raise ConfigError(
                f"spacing {self.spacing_mm} mm and window {self.window} must be three positive numbers each"
            )
        for tracer in self.scheme.tracers:
            if tracer not in self.channels:
                raise ConfigError(
                    f"classes for tracer {tracer!r}, which is not among the channels {list(self.channels)}"
                )

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
        for field in fields(self):
            if getattr(self, field.name) != getattr(other, field.name):
                raise CheckpointError(
                    f"the checkpoint was trained with {field.name} {getattr(self, field.name)}, the configuration says "
                    f"{getattr(other, field.name)}; continue with the same, or start anew without ckpt_path"
                )

    def require_same_kind(self, other: ModelCard, mine: str, theirs: str) -> None:
        """Raises CheckpointError, naming the field, unless the two differ in the patients they were trained on only."""
        for field in fields(self):
            if field.name != "trained_on" and getattr(self, field.name) != getattr(other, field.name):
                raise CheckpointError(
                    f"{theirs}: its {field.name} is {getattr(other, field.name)}, that of {mine} is "
                    f"{getattr(self, field.name)}; only networks of one kind can be averaged"
                )

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dicts, ready for JSON."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelCard:
        """The inverse of `to_dict`; raises CheckpointError when a field is missing."""
        names = [f.name for f in fields(cls)]
        missing = [n for n in names if n not in values]
        if missing:
            raise CheckpointError(f"the model card lacks {', '.join(missing)}; it is not a netlesion checkpoint")
        return cls(**{n: values[n] for n in names})
