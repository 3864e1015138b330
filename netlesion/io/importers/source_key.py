"""Which case of a source became which subject and session: a table beside the cohort, so that a rerun adds only what
is new.

Subjects keep the source's patient id, letters and digits only, so that published splits stay readable; sessions are
numbered in the order of the studies' names, for those may hold dates. Data sets must be de-identified before they
come here; the table is readable by its owner only all the same.
"""

from __future__ import annotations

import csv
import io
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

from netlesion.atomic import write_text
from netlesion.errors import CohortError
from netlesion.io.importers.source import SourceVisit


@dataclass(frozen=True)
class Place:
    """One row of the table: a case of a door and where it went; visit is the number in sessions.tsv."""

    door: str
    case: str
    patient: str
    study: str
    group: str
    subject: str
    session: str
    visit: str
    weight_kg: str = "n/a"
    height_cm: str = "n/a"


def number_or_none(cell: str) -> float | None:
    """A cell of a table: a number, or None for n/a."""
    return None if cell == "n/a" else float(cell)


class SourceKey:
    """The table `<COHORT>.sources.tsv`; raises CohortError when it is not one."""

    def __init__(self, cohort: Path) -> None:
        self.path = cohort.with_name(cohort.name + ".sources.tsv")
        self.places: dict[tuple[str, str], Place] = {}
        columns = [f.name for f in fields(Place)]
        if self.path.is_file():
            with self.path.open(encoding="utf-8", newline="") as lines:
                reader = csv.DictReader(lines, delimiter="\t")
                if reader.fieldnames != columns:
                    raise CohortError(f"{self.path}: columns are {reader.fieldnames}, expected {', '.join(columns)}")
                for row in reader:
                    self.places[row["door"], row["case"]] = Place(**row)

    def require_knows(self, cohort: Path) -> None:
        """Raises CohortError when the cohort holds a subject that this table did not name."""
        known = {p.subject for p in self.places.values()}
        found = {p.name.removeprefix("sub-") for p in cohort.glob("sub-*") if p.is_dir()}
        strangers = sorted(found - known)
        if strangers:
            raise CohortError(
                f"{cohort}: holds sub-{strangers[0]}, which {self.path.name} does not name; "
                "import into another folder, or restore that table"
            )

    def place(self, door: str, visit: SourceVisit) -> Place:
        """Where a case goes: where it went before, or the next session of its subject.

        Raises CohortError for a case that is there twice, and for two patients whose ids read alike in BIDS.
        """
        known = self.places.get((door, visit.case))
        group = visit.visit_group if visit.visit_group is not None else visit.study
        if known is not None:
            if (known.patient, known.study) != (visit.patient, visit.study):
                raise CohortError(
                    f"{visit.case}: was imported as study {known.study!r} of patient {known.patient!r}, now it is "
                    f"{visit.study!r} of {visit.patient!r}; import into another folder"
                )
            self.places[door, visit.case] = _weighed(known, visit)
            return self.places[door, visit.case]
        subject = bids_label(visit.patient)
        same = [p for p in self.places.values() if p.subject.lower() == subject.lower()]
        for other in same:
            if (other.door, other.patient) != (door, visit.patient):
                raise CohortError(
                    f"{visit.case}: patient {visit.patient!r} would be sub-{subject}, which is patient "
                    f"{other.patient!r} of {other.door} already; rename one of them in the source"
                )
            if other.study == visit.study:
                raise CohortError(
                    f"{visit.case}: study {visit.study!r} of patient {visit.patient!r} is case {other.case!r} already; "
                    "a case must be there once"
                )
        session = 1 + max((int(p.session) for p in same), default=0)
        number = next((p.visit for p in same if p.group == group), None)
        if number is None:
            number = str(1 + max((int(p.visit) for p in same), default=0))
        place = Place(door, visit.case, visit.patient, visit.study, group, subject, f"{session:02d}", number)
        self.places[door, visit.case] = _weighed(place, visit)
        return self.places[door, visit.case]

    def save(self) -> None:
        text = io.StringIO()
        writer = csv.writer(text, delimiter="\t", lineterminator="\n")
        writer.writerow([f.name for f in fields(Place)])
        writer.writerows(astuple(place) for place in self.places.values())
        write_text(self.path, text.getvalue())
        self.path.chmod(0o600)


def _weighed(place: Place, visit: SourceVisit) -> Place:
    """The row with the weight and height that the source gives now, else as it was."""
    given = {"weight_kg": visit.weight_kg, "height_cm": visit.height_cm}
    return replace(place, **{name: f"{value:g}" for name, value in given.items() if value is not None})


def bids_label(name: str) -> str:
    """A patient id as a BIDS label: letters and digits only; raises CohortError when none is left."""
    label = "".join(c for c in name if c.isascii() and c.isalnum())
    if not label:
        raise CohortError(f"patient id {name!r} has no letter or digit; rename it in the source")
    return label
