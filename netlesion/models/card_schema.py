"""What each field of a model card may hold, in one table, and the check of a card against it.

A field that is added to `ModelCard` gets a line here, with required=False where older cards lack it. Takes plain values
as JSON or YAML gives them; knows nothing about what the fields mean together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")


@dataclass(frozen=True)
class Rule:
    """One value: true or false, a whole number, a number, a name, any text, one of `choices`, or any
    mapping.

    low, high: of a number, included; items: a list of so many values instead; keyed: a mapping from a name to such.
    required: whether a card without it is refused.
    """

    kind: str
    low: float = 0.0
    high: float = 0.0
    choices: tuple[str, ...] = ()
    items: tuple[int, int] | None = None
    keyed: bool = False
    required: bool = True

    def fault(self, field: str, value: Any) -> str | None:
        """What is wrong with a value, as one line; None when nothing is."""
        if self.keyed:
            if not isinstance(value, Mapping) or not all(isinstance(k, str) and NAME.fullmatch(k) for k in value):
                return f"{field} is {_shown(value)}, expected a name each"
            return next(filter(None, (self._of_list(f"{field}.{k}", v) for k, v in value.items())), None)
        return self._of_list(field, value)

    def _of_list(self, field: str, value: Any) -> str | None:
        if self.items is None:
            return self._of_one(field, value)
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
            return f"{field} is {_shown(value)}, expected a list of {self.what}"
        low, high = self.items
        if not low <= len(value) <= high:
            expected = f"{low}" if low == high else f"{low} to {high}"
            return f"{field} has {len(value)} entries, expected {expected}"
        return next(filter(None, (self._of_one(f"{field}[{n}]", v) for n, v in enumerate(value))), None)

    def _of_one(self, field: str, value: Any) -> str | None:
        number = isinstance(value, Real) and not isinstance(value, bool)
        fits = {
            "flag": isinstance(value, bool),
            "whole": number and isinstance(value, Integral) and self.low <= int(value) <= self.high,
            "number": number and self.low <= float(value) <= self.high,  # not of NaN
            "name": isinstance(value, str) and NAME.fullmatch(value) is not None,
            "text": isinstance(value, str) and value != "",
            "choice": isinstance(value, str) and value in self.choices,
            "any": isinstance(value, Mapping),
        }
        return None if fits[self.kind] else f"{field} is {_shown(value)}, expected {self.what}"

    @property
    def what(self) -> str:
        """What is expected, in words."""
        between = f"from {self.low:g} to {self.high:g}"
        return {
            "flag": "true or false",
            "whole": f"a whole number {between}",
            "number": f"a number {between}",
            "name": "a name (letters, digits, _)",
            "text": "a text",
            "any": "text by heading",
            "choice": f"one of {', '.join(self.choices)}",
        }[self.kind]


#: Every field of a card. Bounds on numbers are [P]: twice what anybody has trained, or more.
FIELDS: Mapping[str, Rule] = {
    "channels": Rule("name", items=(1, 16)),
    "required_channels": Rule("name", items=(0, 16)),
    "classes": Rule("name", items=(2, 16), keyed=True),
    "spacing_mm": Rule("number", 0.2, 50.0, items=(3, 3)),
    "window": Rule("whole", 1, 1024, items=(3, 3)),
    "trained_on": Rule("text", items=(0, 1_000_000)),
    "required_any": Rule("name", items=(0, 16), required=False),
    "thresholds": Rule("number", 1e-6, 1.0, keyed=True, required=False),
    "peak_thresholds": Rule("number", 1e-6, 1.0, keyed=True, required=False),
    "temperatures": Rule("number", 0.01, 100.0, keyed=True, required=False),
    "tested_tracers": Rule("text", items=(0, 100), required=False),
    "about": Rule("any", required=False),
}
_FILTERS = Rule("whole", 1, 4096, items=(2, 8), required=False)
_BLOCKS = Rule("whole", 1, 16, items=(1, 8), required=False)
_SEGRESNET = {
    "init_filters": Rule("whole", 1, 1024, required=False),
    "blocks_down": replace(_BLOCKS, items=(2, 8)),
    "blocks_up": _BLOCKS,
    "norm": Rule("choice", choices=("instance", "batch"), required=False),
}
#: Every argument of each architecture's constructor (models.architecture).
NETWORKS: Mapping[str, Mapping[str, Rule]] = {
    "unet": {
        "filters": _FILTERS,
        "residual": Rule("flag", required=False),
        "norm": Rule("choice", choices=("instance", "batch", "layer"), required=False),
        "dropout": Rule("number", 0.0, 0.95, required=False),
    },
    "strided_unet": {
        "filters": _FILTERS,
        "organs": Rule("whole", 0, 256, required=False),
        "norm": Rule("choice", choices=("batch",), required=False),
    },
    "segresnet": _SEGRESNET | {"dropout_prob": Rule("number", 0.0, 0.95, required=False)},
    "segresnet_ds": _SEGRESNET,
}


def card_fault(values: Mapping[str, Any]) -> str | None:
    """The first fault of a card's values, as one line that names the field; None for a sound card."""
    network = values.get("network")
    if not isinstance(network, Mapping):
        return "the model card lacks network" if network is None else f"network is {_shown(network)}, expected settings"
    kind = network.get("architecture", "unet")
    known = Rule("choice", choices=tuple(NETWORKS)).fault("network.architecture", kind)
    fault = _fault(values, FIELDS, "", ("network",)) or known
    return fault or _fault(network, NETWORKS[kind], "network.", ("architecture",)) or _blocks_fault(network)


def _blocks_fault(network: Mapping[str, Any]) -> str | None:
    """A SegResNet has one level fewer on its way up."""
    down, up = network.get("blocks_down"), network.get("blocks_up")
    if down is None or up is None or len(up) == len(down) - 1:
        return None
    return f"network.blocks_up has {len(up)} entries, expected {len(down) - 1}, one fewer than network.blocks_down"


def _fault(values: Mapping[str, Any], rules: Mapping[str, Rule], prefix: str, others: tuple[str, ...]) -> str | None:
    missing = [prefix + name for name, rule in rules.items() if rule.required and name not in values]
    if missing:
        return f"the model card lacks {', '.join(missing)}; it is not a netlesion checkpoint"
    strange = [str(name) for name in values if name not in rules and name not in others]
    if strange:
        known = ", ".join([*rules, *others])
        return f"the model card has a field {(prefix + strange[0])[:60]!r}, which is not known here; known are {known}"
    return next(filter(None, (rule.fault(prefix + n, values[n]) for n, rule in rules.items() if n in values)), None)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
