"""What headers say of the person examined, and whether two of them can be one: ids are typed, and typed wrong.

Sex, height, age, birth date and name are compared and go nowhere: no message repeats them. Takes headers; knows nothing
about series.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from netlesion.errors import CohortError
from netlesion.io.dicom.file import floats_of, text_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

#: Two heights of one adult agree within this; a hospital measures, asks and mistypes [P].
SAME_HEIGHT_CM = 15.0
#: Ages and dates of one person agree within this; some archives round ages to five years [P].
SAME_BIRTH_YEARS = 5
#: A person grows until this age, and de-identification makes everyone of the second age or older one of it.
ADULT_YEARS, CAPPED_YEARS = 20, 89
#: Words that stand for a name.
NO_NAME = re.compile(r"anon|patient|unknown|name|remove|ident|none|test|subject|pseudo")


@dataclass(frozen=True)
class Person:
    """One header's facts of a person; None or empty where it does not tell."""

    sex: str | None = None
    height_cm: float | None = None
    age_years: float | None = None
    birth_year: float | None = None
    birth_date: str | None = None
    names: frozenset[str] = frozenset()

    def hidden(self, digest: Callable[[str, int], str]) -> Person:
        """The same facts with birth date and names as keyed hashes: they are only ever compared."""
        names = frozenset(digest(name, 6) for name in self.names)
        return replace(self, birth_date=digest(self.birth_date, 6) if self.birth_date else None, names=names)

    def to_text(self) -> str:
        """The facts that are known, as JSON."""
        facts = asdict(self) | {"names": sorted(self.names)}
        return json.dumps({name: value for name, value in facts.items() if value not in (None, [])}, sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> Person:
        """What `to_text` wrote."""
        try:
            facts = json.loads(text)
            return cls(**facts | {"names": frozenset(facts.get("names", ()))})
        except (ValueError, TypeError, AttributeError) as error:
            raise CohortError("a row `person` of the key is broken; restore the key from a copy") from error


def person_of(header: Dataset, day: str | None) -> Person:
    """The person of a header whose examination was on `day` (YYYYMMDD)."""
    age = _age_years(text_of(header, "PatientAge") or "")
    return Person(
        sex=sex if (sex := (text_of(header, "PatientSex") or "").upper()) in ("F", "M") else None,
        height_cm=_height_cm(header),
        age_years=age,
        birth_year=None if age is None or day is None or age >= CAPPED_YEARS else int(day[:4]) - age,
        birth_date=text_of(header, "PatientBirthDate"),
        names=_names(text_of(header, "PatientName") or ""),
    )


def contradiction(people: Iterable[Person]) -> str:
    """What tells that headers of one Patient ID are of several people; empty where nothing does."""
    people = set(people)
    if len({p.birth_date for p in people} - {None}) > 1:
        return "two birth dates"
    if len({p.sex for p in people} - {None}) > 1:
        return "two sexes"
    heights = [p.height_cm for p in people if p.height_cm is not None and (p.age_years or ADULT_YEARS) >= ADULT_YEARS]
    if heights and max(heights) - min(heights) > SAME_HEIGHT_CM:
        return f"two heights more than {SAME_HEIGHT_CM:g} cm apart"
    years = [p.birth_year for p in people if p.birth_year is not None]
    if years and max(years) - min(years) > SAME_BIRTH_YEARS:
        return "two ages that do not fit their dates"
    names = [p.names for p in people if p.names]
    if any(one.isdisjoint(other) for one in names for other in names):
        return "two names without a word in common"
    return ""


def _height_cm(header: Dataset) -> float | None:
    """Values up to 3 are metres (clinical.md 1.5); what no person measures says nothing."""
    found = floats_of(header, "PatientSize", 1)
    if found is None:
        return None
    height = found[0] * 100 if found[0] <= 3 else found[0]
    return height if 30 <= height <= 250 else None


def _age_years(text: str) -> float | None:
    found = re.fullmatch(r"(\d{1,3})([DWMY])", text)
    return None if found is None else int(found[1]) / {"D": 365.25, "W": 52.2, "M": 12.0, "Y": 1.0}[found[2]]


def _names(text: str) -> frozenset[str]:
    """The words of a name, without those that stand for one and those with digits, which are ids.

    None of a name in other letters than ASCII, whose words depend on the encoding and the script of each header.
    """
    if not text.isascii():
        return frozenset()
    words = re.split(r"[\^\s,.\-_]+", text.partition("=")[0].casefold())
    return frozenset(w for w in words if len(w) > 1 and w.isalpha() and not NO_NAME.search(w))
