"""In which frame each PET of a patient can be placed, by the transforms that `netlesion register` has stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from netlesion.image.transform import Transform, compose
from netlesion.io.bids.cohort import DERIVATIVES
from netlesion.io.bids.transforms import frame_name, read_record, read_transform, transform_path
from netlesion.io.files import is_there


@dataclass(frozen=True, eq=False)
class Placement:
    """The frame that a PET is placed in, and how: transform takes points of the frame to the PET, None for none
    needed."""

    frame: str
    placed: bool
    transform: Transform | None = None
    residual_mm: float | None = None


@dataclass
class Frames:
    """Stored transforms of one patient: from the frame of the first session to that of any other."""

    cohort: Path | None
    patient_id: str
    first: str
    by_visit: list[list[str]] = field(default_factory=list)

    def of(self, session: str) -> Placement:
        """Where a session's PET lies: in the patient's frame, else in that of its visit, else nowhere."""
        of_visit = next((sessions for sessions in self.by_visit if session in sessions), [session])
        base = of_visit[0]
        frame = self.first if self._chain(base, self.first, of_visit) is not None else base
        chain = self._chain(session, frame, of_visit)
        if chain is None:
            return Placement(frame, False)
        residuals = [read_record(p).get("Quality", {}).get("inverse_consistency_mm") for p in chain]
        known = [float(r) for r in residuals if isinstance(r, (int, float)) and np.isfinite(r)]
        return Placement(frame, True, compose([read_transform(p) for p in chain]), max(known, default=None))

    def _chain(self, session: str, frame: str, of_visit: Sequence[str]) -> tuple[Path, ...] | None:
        """Stored transforms from a frame to a session, first to last; empty for the frame itself, None for none."""
        if session == frame:
            return ()
        direct = self._path(session, frame)
        if direct is not None:
            return (direct,)
        for between in dict.fromkeys(of_visit):
            one, two = self._path(between, frame), self._path(session, between)
            if one is not None and two is not None:
                return one, two
        return None

    def _path(self, moving: str, fixed: str) -> Path | None:
        if self.cohort is None:
            return None
        names = frame_name(moving), frame_name(fixed)
        path = transform_path(self.cohort / DERIVATIVES, self.patient_id, *names)
        return path if is_there(path) else None
