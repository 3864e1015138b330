"""The key of a cohort: which patient, examination, series and contour of a source became which name.

It lies outside the cohort and serves every data source. A tab-separated table has three kinds of rows: `session` (a
day of DICOM, or a case of another source -> subject and session), `series` (keyed hash of a series -> file) and `roi`
(keyed hash of a contour -> file, with its first name). The secret of the hashes stands in its first line. A name once
given is never given again or changed, so that a later import adds and never renames.

DICOM patients are numbered. Other data sources keep their patient ids, letters and digits only, so that published
splits stay readable. One subject is one patient of one data source. Knows nothing about DICOM or NIfTI.
"""

from __future__ import annotations

import csv
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import blake2b
from itertools import count
from pathlib import Path

from netlesion.datasets.source import SourceVisit
from netlesion.errors import CohortError
from netlesion.io.bids.cohort import DERIVATIVES
from netlesion.io.table_file import parse_table, text_of
from netlesion.output.atomic import write_json, write_text
from netlesion.output.lock import alone
from netlesion.output.tables import tsv

HEADER = "# netlesion key {}, secret "
VERSION = 3
COLUMNS = (
    "kind",
    "patient_id",
    "study",
    "subject",
    "session",
    "shift_days",
    "hash",
    "num_files",
    "target",
    "name",
    "door",
    "case",
    "group",
)
DICOM = "dicom"
#: Dates are moved back by at least this many days, so that all lie before 1925, as BIDS asks of shifted dates.
SMALLEST_SHIFT_DAYS = 120 * 365
SHIFT_RANGE_DAYS = 1000
#: Which key a cohort was made with.
FINGERPRINT = DERIVATIVES / "key.json"


@dataclass(frozen=True)
class KnownSeries:
    """A series (or contour) that has a name: its target below the cohort, and of how many files it was made."""

    target: str
    num_files: int
    name: str = ""


@dataclass(frozen=True)
class Place:
    """Where one examination went. study: the source's name of it; for DICOM its day, YYYYMMDD.

    case: the source's name of it, for messages. group: studies of a patient with the same one are one clinical time
    point; DICOM has none, its visits follow from the days.
    """

    data_source: str
    patient: str
    study: str
    subject: str
    session: str
    case: str = ""
    group: str = ""


@dataclass
class Key:
    """The table in memory. `copy` gives one to plan with; only `save` touches the disk.

    places: by source, patient, study, in the order in which they came. people: what headers said of a patient, by id,
    as texts of whoever compares them.
    """

    path: Path
    secret: bytes
    places: dict[tuple[str, str, str], Place] = field(default_factory=dict)
    series: dict[str, KnownSeries] = field(default_factory=dict)
    rois: dict[str, KnownSeries] = field(default_factory=dict)
    people: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Key:
        """The table of a file, or a new one with a new secret; raises CohortError for another kind of file."""
        if not path.is_file():
            return cls(path, secrets.token_bytes(16))
        first, _, table = text_of(path).partition("\n")
        first = first.strip().strip('"')  # a spreadsheet quotes a cell with a comma, and ends the line with tabs
        version = next((v for v in (2, VERSION) if first.startswith(HEADER.format(v))), None)
        if version is None:
            raise CohortError(
                f"{path}: not a key of this version, which records every series; import into a new cohort folder"
            )
        quoting = csv.QUOTE_NONE if version == 2 else csv.QUOTE_MINIMAL
        rows = parse_table(path, table, ("kind", "subject", "session"), skipped=1, quoting=quoting, verbatim=True).rows
        try:
            key = cls(path, bytes.fromhex(first.removeprefix(HEADER.format(version)).strip()))
            for row in (one.cells for one in rows):
                if row["kind"] == "session":
                    key._add(_place(row, version))
                elif row["kind"] == "person":
                    key.people.setdefault(row["patient_id"], set()).add(row["name"])
                else:
                    known = KnownSeries(row["target"], int(row["num_files"]), row["name"])
                    (key.series if row["kind"] == "series" else key.rois)[row["hash"]] = known
        except (KeyError, ValueError, TypeError) as error:
            raise CohortError(f"{path}: a broken key ({type(error).__name__}); restore it from a copy") from error
        return key

    def copy(self) -> Key:
        """The same table, to be changed without changing this one."""
        people = {patient: set(texts) for patient, texts in self.people.items()}
        return Key(self.path, self.secret, dict(self.places), dict(self.series), dict(self.rois), people)

    def save(self, cohort: Path | None = None) -> None:
        """Writes the table, whole or not at all, readable by its owner only; its fingerprint goes into the cohort."""
        table: list[tuple] = []
        for p in self.places.values():
            shift = self.shift_days(p.patient) if p.data_source == DICOM else ""
            names = (p.patient, p.study, p.subject, p.session, shift)
            table.append(("session", *names, "", "", "", "", p.data_source, p.case, p.group))
        for kind, rows in (("series", self.series), ("roi", self.rois)):
            for digest, known in rows.items():
                table.append((kind, "", "", "", "", "", digest, known.num_files, known.target, known.name, "", "", ""))
        for patient, texts in self.people.items():
            table += [("person", patient, *[""] * 7, text, "", "", "") for text in sorted(texts)]
        first = HEADER.format(VERSION) + self.secret.hex() + "\n"
        write_text(self.path, first + tsv(COLUMNS, table), private=True)
        if cohort is not None and _recorded_fingerprint(cohort) is None:
            write_json(cohort / FINGERPRINT, {"key_fingerprint": self.fingerprint})

    def digest(self, text: str, size: int = 16) -> str:
        """A keyed hash: the same text under the same key only gives the same digest."""
        return blake2b(text.encode(), key=self.secret, digest_size=size).hexdigest()

    @property
    def fingerprint(self) -> str:
        """What a cohort keeps of its key, to know it again: nothing can be learned from it."""
        return self.digest("fingerprint of a key")

    def require_fits(self, cohort: Path) -> None:
        """Raises CohortError when the cohort was made with another key, or holds a subject that this one does not name.

        Two keys may both name a sub-001, who are two people.
        """
        known = {place.subject for place in self.places.values()}
        unknown = sorted({p.name.removeprefix("sub-") for p in cohort.glob("sub-*") if p.is_dir()} - known)
        if unknown:
            raise CohortError(
                f"{cohort}: holds sub-{unknown[0]}, which {self.path} does not name; give the key this cohort was "
                "made with (--key), or import into another folder"
            )
        recorded = _recorded_fingerprint(cohort)
        if recorded is not None and recorded != self.fingerprint:
            raise CohortError(
                f"{cohort}: was made with another key than {self.path}; give that one (--key), or import into another "
                "folder"
            )

    def day(self, patient: str, day: str) -> Place:
        """Where a DICOM patient's day goes, given now if it has no place yet: the next number that no subject has."""
        patient = " ".join(patient.split())
        known = self.places.get((DICOM, patient, day))
        if known is not None:
            return known
        own = [p.subject for p in self.places.values() if (p.data_source, p.patient) == (DICOM, patient)]
        taken = {int(p.subject) for p in self.places.values() if p.subject.isdigit()}
        first = max((int(p.subject) for p in self.places.values() if p.data_source == DICOM), default=0) + 1
        subject = own[0] if own else f"{next(n for n in count(first) if n not in taken):03d}"
        return self._add(Place(DICOM, patient, day, subject, self._next_session(subject)))

    def case(self, data_source: str, visit: SourceVisit) -> Place:
        """Where a case of a data source goes: where it went before, or the next session of its subject.

        Raises CohortError for a case that is there twice, and for two patients whose ids read alike in BIDS.
        """
        known = self.places.get((data_source, visit.patient, visit.study))
        if known is not None:
            if known.case != visit.case:
                raise CohortError(
                    f"{visit.case}: study {visit.study!r} of patient {visit.patient!r} is case {known.case!r} already; "
                    "a case must be there once"
                )
            return known
        subject = bids_label(visit.patient)
        for other in self.places.values():
            if (other.data_source, other.case) == (data_source, visit.case):
                raise CohortError(
                    f"{visit.case}: was imported as study {other.study!r} of patient {other.patient!r}, now it is "
                    f"{visit.study!r} of {visit.patient!r}; import into another folder"
                )
            if other.subject.lower() == subject.lower() and (other.data_source, other.patient) != (
                data_source,
                visit.patient,
            ):
                whose = "a patient" if other.data_source == DICOM else f"patient {other.patient!r}"
                raise CohortError(
                    f"{visit.case}: patient {visit.patient!r} would be sub-{subject}, which is {whose} of "
                    f"{other.data_source} already; rename one of them in the source, or import into another folder"
                )
        group = visit.visit_group if visit.visit_group is not None else visit.study
        session = self._next_session(subject)
        return self._add(Place(data_source, visit.patient, visit.study, subject, session, visit.case, group))

    def visits(self, window_days: int) -> dict[tuple[str, str], int]:
        """(subject, session) of DICOM -> number of its visit, in order of time.

        1 for the first; a day more than `window_days` after a visit's first day opens the next.
        """
        visits: dict[tuple[str, str], int] = {}
        subject, visit, first = "", 0, date.min
        for place in sorted(
            (p for p in self.places.values() if p.data_source == DICOM), key=lambda p: (p.subject, p.study)
        ):
            when = _date(place.study)
            if place.subject != subject:
                subject, visit, first = place.subject, 1, when
            elif (when - first).days > window_days:
                visit, first = visit + 1, when
            visits[place.subject, place.session] = visit
        return visits

    def visit_of(self, place: Place) -> int:
        """The number of the visit of another source's case, in the order in which the groups of its patient came."""
        groups = dict.fromkeys(p.group for p in self.places.values() if p.subject == place.subject)
        return 1 + list(groups).index(place.group)

    def shift_days(self, patient: str) -> int:
        """By how many days a patient's dates are moved back; the same for all of one patient, drawn by the secret."""
        drawn = int(self.digest(f"shift {patient}"), 16) % SHIFT_RANGE_DAYS
        return SMALLEST_SHIFT_DAYS + drawn

    def shifted(self, place: Place) -> date:
        """The moved day of a DICOM session; one of the first centuries, which an archive made up, is moved on."""
        shift = timedelta(days=self.shift_days(place.patient))
        day = _date(place.study)
        return day - shift if day - date.min > shift else day + shift

    def _next_session(self, subject: str) -> str:
        return f"{max((int(p.session) for p in self.places.values() if p.subject == subject), default=0) + 1:02d}"

    def _add(self, place: Place) -> Place:
        self.places[place.data_source, place.patient, place.study] = place
        return place


def key_path(cohort: str | Path, key_file: str | Path | None = None) -> Path:
    """Where the key lies: beside the cohort unless another place is named."""
    cohort = Path(cohort)
    return (Path(key_file) if key_file is not None else cohort.with_name(cohort.name + ".key.tsv")).resolve()


def bids_label(name: str) -> str:
    """A patient id as a BIDS label: letters and digits only; raises CohortError when none is left."""
    label = "".join(c for c in name if c.isascii() and c.isalnum())
    if not label:
        raise CohortError(f"patient id {name!r} has no letter or digit; rename it in the source")
    return label


def _place(row: Mapping[str, str], version: int) -> Place:
    """A row of the table; version 2 knew DICOM alone."""
    where = (row["subject"], row["session"])
    if version == 2:
        return Place(DICOM, row["patient_id"], row["study_date"], *where)
    return Place(row["door"], row["patient_id"], row["study"], *where, row["case"], row["group"])


def _recorded_fingerprint(cohort: Path) -> str | None:
    """What the cohort says of its key; None for a new cohort, or one of before this was recorded."""
    path = cohort / FINGERPRINT
    if not path.is_file():
        return None
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["key_fingerprint"])
    except (ValueError, KeyError, TypeError) as error:
        raise CohortError(f"{path}: does not say which key the cohort has; restore it, or remove it") from error


def _date(day: str) -> date:
    return datetime.strptime(day, "%Y%m%d").date()


@contextmanager
def held_key(cohort: str | Path, key_file: str | Path | None = None) -> Iterator[Key]:
    """The key of a cohort, read while nobody else can write either, the cohort locked first.

    Raises OutputError when another import is at work on the cohort or with the key, CohortError for a key that is not
    this cohort's.
    """
    path = key_path(cohort, key_file)
    with alone(cohort), alone(path):
        key = Key.read(path)
        key.require_fits(Path(cohort))
        yield key
