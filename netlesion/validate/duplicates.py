"""Pairs of visits of which one image is the other's: one patient under two ids, or one scan in two sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netlesion.validate.finding import VisitReport
from netlesion.validate.fingerprint import ALIKE

#: Rows compared at a time; bounds memory to ROWS x visits.
ROWS = 256


@dataclass(frozen=True)
class Pair:
    """Two visits with the same image of a channel; identical: voxel for voxel, else alike with this correlation."""

    channel: str
    first: VisitReport
    second: VisitReport
    identical: bool
    correlation: float

    @property
    def same_patient(self) -> bool:
        return self.first.patient == self.second.patient


def find_pairs(reports: Sequence[VisitReport]) -> tuple[Pair, ...]:
    """Every such pair, channel by channel. Images of one patient are compared for identity alone: follow-ups are alike
    for good reasons."""
    pairs = []
    for channel in sorted({c for r in reports for c in r.fingerprints}):
        pairs += _pairs_of_channel(channel, [r for r in reports if channel in r.fingerprints])
    return tuple(pairs)


def _pairs_of_channel(channel: str, reports: list[VisitReport]) -> list[Pair]:
    prints = [r.fingerprints[channel] for r in reports]
    with_pattern = [n for n, p in enumerate(prints) if len(p.pattern)]
    alike: dict[tuple[int, int], float] = {}
    if with_pattern:
        patterns = np.stack([prints[n].pattern for n in with_pattern])
        for start in range(0, len(with_pattern), ROWS):
            rows = patterns[start : start + ROWS].astype(np.float32) @ patterns.astype(np.float32).T
            for a, b in np.argwhere(rows >= ALIKE):
                if start + a < b:
                    alike[with_pattern[start + a], with_pattern[b]] = float(rows[a, b])
    by_content: dict[str, list[int]] = {}
    for n, p in enumerate(prints):
        by_content.setdefault(p.content, []).append(n)
    same = {(a, b) for group in by_content.values() for i, a in enumerate(group) for b in group[i + 1 :]}
    found = [Pair(channel, reports[a], reports[b], True, 1.0) for a, b in sorted(same)]
    close = [
        Pair(channel, reports[a], reports[b], False, r) for (a, b), r in sorted(alike.items()) if (a, b) not in same
    ]
    return found + [pair for pair in close if not pair.same_patient]
