"""Which output channel means what: per tracer, a closed list of voxel classes, of which some are lesion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netlesion.errors import ConfigError

#: The full vocabulary; a data set may know fewer. `lesion` is primary or metastasis, undistinguished.
VOCABULARY = ("background", "physiologic", "lesion", "primary", "metastasis")
LESION = frozenset({"lesion", "primary", "metastasis"})


@dataclass(frozen=True)
class ClassScheme:
    """Output channels of a network: for each tracer channel its classes, laid end to end in order.

    Raises ConfigError for an unknown class, a repeated one, no `background`, or no lesion class.
    """

    tracers: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "tracers", {t: tuple(c) for t, c in self.tracers.items()})
        if not self.tracers:
            raise ConfigError("the network needs the classes of at least one tracer")
        for tracer, classes in self.tracers.items():
            unknown = [c for c in classes if c not in VOCABULARY]
            if unknown:
                raise ConfigError(f"classes of {tracer}: {unknown[0]!r} is not one of {', '.join(VOCABULARY)}")
            if len(set(classes)) != len(classes) or "background" not in classes or not LESION & set(classes):
                raise ConfigError(
                    f"classes of {tracer} are {list(classes)}; expected background and a lesion class, once"
                )

    @property
    def num_outputs(self) -> int:
        return sum(len(c) for c in self.tracers.values())

    def span(self, tracer: str) -> slice:
        """The output channels of one tracer."""
        first = 0
        for name, classes in self.tracers.items():
            if name == tracer:
                return slice(first, first + len(classes))
            first += len(classes)
        raise ConfigError(f"the network has no output for tracer {tracer!r}; it has {', '.join(self.tracers)}")

    def lesion_indices(self, tracer: str) -> tuple[int, ...]:
        """Within the tracer's span, the classes that are lesion."""
        return tuple(i for i, c in enumerate(self.tracers[tracer]) if c in LESION)

    def allowed_classes(self, tracer: str, meanings: Sequence[str]) -> tuple[bool, ...]:
        """For each class of a tracer, whether a label with these meanings may be it.

        `lesion` stands for primary and metastasis and the other way round: a network that has only `lesion`
        learns it from either, a network that has both is left the choice.
        """
        wanted = set(meanings)
        if "lesion" in wanted:
            wanted |= {"primary", "metastasis"}
        if {"primary", "metastasis"} & wanted and "lesion" in self.tracers[tracer]:
            wanted.add("lesion")
        if "physiologic" in wanted and "physiologic" not in self.tracers[tracer]:
            wanted.add("background")
        chosen = tuple(c in wanted for c in self.tracers[tracer])
        if not any(chosen):
            raise ConfigError(f"label meaning {list(meanings)} fits no class of {tracer}: {self.tracers[tracer]}")
        return chosen
