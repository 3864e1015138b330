"""Settings that have another name now: each is refused, with the new name."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from netlesion.errors import ConfigError

#: Old key of configs/ -> new key.
RENAMED: Mapping[str, str] = {
    "network.widths": "network.filters",
    "splitting.val_share": "splitting.val_fraction",
    "splitting.test_share": "splitting.test_fraction",
    "optimisation.warmup_share": "optimisation.warmup_fraction",
    "optimisation.freeze_norm_share": "optimisation.freeze_norm_fraction",
    "data.lesion_share": "data.lesion_fraction",
    "inference.audit": "inference.agreement",
}


def refuse_renamed(keys: Sequence[str]) -> None:
    """Raises ConfigError for the first key that has another name now.

    Args:
        keys: dotted keys, or overrides of Hydra's command line such as `network.widths=[4,8,8]`.
    """
    for word in keys:
        key = word.split("=", 1)[0].lstrip("+~")
        if key in RENAMED:
            raise ConfigError(f"{key} has been renamed; write {RENAMED[key]} instead")


def exit_on_renamed(words: Sequence[str]) -> None:
    """For a script, before Hydra reads its command line: one line on stderr and exit status 1."""
    try:
        refuse_renamed(words)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
