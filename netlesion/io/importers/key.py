"""The key of a cohort: which hospital id, day, series and contour became which name. It stays outside the cohort.

A tab-separated table with three kinds of rows: `session` (patient, day -> subject, session, shift of dates),
`series` (keyed hash of a series -> file) and `roi` (keyed hash of a contour -> file, with its original name).
The secret of the hashes stands in its first line. A name once given is never given again or changed, so that a
later import adds and never renames. Knows nothing about DICOM.
"""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import blake2b
from pathlib import Path

from netlesion.atomic import write_text
from netlesion.errors import CohortError

HEADER = "# netlesion key 2, secret "
COLUMNS = (
    "kind",
    "patient_id",
    "study_date",
    "subject",
    "session",
    "shift_days",
    "hash",
    "num_files",
    "target",
    "name",
)
#: Dates are moved back by at least this many days, so that all lie before 1925, as BIDS asks of shifted dates.
SMALLEST_SHIFT_DAYS = 120 * 365
SHIFT_RANGE_DAYS = 1000


@dataclass(frozen=True)
class KnownSeries:
    """A series (or contour) that has a name: its target below the cohort, and of how many files it was made."""

    target: str
    num_files: int
    name: str = ""


@dataclass
class Key:
    """The table in memory. `copy` gives one to plan with; only `save` touches the disk."""

    path: Path
    secret: bytes
    sessions: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    series: dict[str, KnownSeries] = field(default_factory=dict)
    rois: dict[str, KnownSeries] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Key:
        """The table of a file, or a new one with a new secret; raises CohortError for another kind of file."""
        if not path.is_file():
            return cls(path, secrets.token_bytes(16))
        text = path.read_text(encoding="utf-8")
        first, _, table = text.partition("\n")
        if not first.startswith(HEADER):
            raise CohortError(
                f"{path}: not a key of this version, which records every series; import into a new cohort folder"
            )
        try:
            key = cls(path, bytes.fromhex(first.removeprefix(HEADER).strip()))
            for row in csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE):
                if row["kind"] == "session":
                    key.sessions[row["patient_id"], row["study_date"]] = (row["subject"], row["session"])
                else:
                    known = KnownSeries(row["target"], int(row["num_files"]), row["name"])
                    (key.series if row["kind"] == "series" else key.rois)[row["hash"]] = known
        except (KeyError, ValueError, TypeError) as error:
            raise CohortError(f"{path}: a broken key ({type(error).__name__}); restore it from a copy") from error
        return key

    def copy(self) -> Key:
        """The same table, to be changed without changing this one."""
        return Key(self.path, self.secret, dict(self.sessions), dict(self.series), dict(self.rois))

    def save(self) -> None:
        """Writes the table, whole or not at all, readable by its owner only."""
        lines = [HEADER + self.secret.hex(), "\t".join(COLUMNS)]
        for (patient, day), (subject, session) in self.sessions.items():
            shift = str(self.shift_days(patient))
            lines.append("\t".join(("session", patient, day, subject, session, shift, "", "", "", "")))
        for kind, table in (("series", self.series), ("roi", self.rois)):
            for digest, known in table.items():
                row = (kind, "", "", "", "", "", digest, str(known.num_files), known.target, known.name)
                lines.append("\t".join(row))
        write_text(self.path, "\n".join(lines) + "\n")
        self.path.chmod(0o600)

    def digest(self, text: str, size: int = 16) -> str:
        """A keyed hash: the same text under the same key only gives the same digest."""
        return blake2b(text.encode(), key=self.secret, digest_size=size).hexdigest()

    def require_knows(self, cohort: Path) -> None:
        """Raises CohortError when the cohort holds a subject that this key does not name: it may be anyone."""
        known = {subject for subject, _ in self.sessions.values()}
        strangers = sorted({p.name.removeprefix("sub-") for p in cohort.glob("sub-*") if p.is_dir()} - known)
        if strangers:
            raise CohortError(
                f"{cohort}: holds sub-{strangers[0]}, which {self.path} does not name; give the key this cohort was "
                "made with (--key), or import into another folder"
            )

    def session(self, patient: str, day: str) -> tuple[str, str]:
        """(subject, session) of a patient's day, given now if it has none yet."""
        patient = " ".join(patient.split())
        if (patient, day) not in self.sessions:
            own = [value for (p, _), value in self.sessions.items() if p == patient]
            numbers = [int(subject) for subject, _ in self.sessions.values()]
            subject = own[0][0] if own else f"{max(numbers, default=0) + 1:03d}"
            session = max((int(session) for _, session in own), default=0) + 1
            self.sessions[patient, day] = (subject, f"{session:02d}")
        return self.sessions[patient, day]

    def visits(self, window_days: int) -> dict[tuple[str, str], int]:
        """(subject, session) -> number of its visit, in order of time.

        1 for the first; a day more than `window_days` after a visit's first day opens the next.
        """
        visits: dict[tuple[str, str], int] = {}
        for subject in sorted({subject for subject, _ in self.sessions.values()}):
            days = sorted((day, ses) for (_, day), (sub, ses) in self.sessions.items() if sub == subject)
            visit, first = 0, None
            for day, session in days:
                when = datetime.strptime(day, "%Y%m%d").date()
                if first is None or (when - first).days > window_days:
                    visit, first = visit + 1, when
                visits[subject, session] = visit
        return visits

    def shift_days(self, patient: str) -> int:
        """By how many days a patient's dates are moved back; the same for all of one patient, drawn by the secret."""
        drawn = int(self.digest(f"shift {patient}"), 16) % SHIFT_RANGE_DAYS
        return SMALLEST_SHIFT_DAYS + drawn

    def shifted(self, subject: str, session: str) -> date:
        """The moved date of a session."""
        for (patient, day), value in self.sessions.items():
            if value == (subject, session):
                return datetime.strptime(day, "%Y%m%d").date() - timedelta(days=self.shift_days(patient))
        raise KeyError((subject, session))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the key for one import; raises CohortError when another import holds it."""
    try:
        import fcntl
    except ImportError:  # no such lock on this system
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.with_name(path.name + ".lock")
    with open(file, "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CohortError(f"{path}: another import is using this key; wait until it has ended") from error
        try:
            yield
        finally:
            file.unlink(missing_ok=True)
