"""The lesion table of a patient's page: which measurements are shown, under which names, with which units.

Rows are read from lesions.tsv as they are; a column that nobody measured is left out of the table. SUVpeak is compared
with the liver's SUVpeak, like with like (clinical.md 3.2). Knows nothing about HTML.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from netlesion.io.table_file import Row
from netlesion.report.results_folder import PatientResult, PetResult


@dataclass(frozen=True)
class Column:
    """One column: its name in lesions.tsv, its header, unit, decimals (None: text) and what it is."""

    name: str
    header: str
    unit: str = ""
    digits: int | None = None
    about: str = ""


#: What the two tracers say of a lesion together.
BOTH, SSTR_ONLY, FDG_ONLY, UNCERTAIN = "both", "SSTR only", "FDG only", "indeterminate"
#: SUVpeak over the liver's SUVpeak, as measured, or made here of two tables.
TO_LIVER = "liver_ratio_peak"
COLUMNS: Sequence[Column] = (
    Column("region", "Region", about="Region of the body by the organ map, and the bone, node station or organ"),
    Column("volume_ml", "Volume", "ml", 2, "Number of voxels times their volume: MTV for FDG, SRETV for SSTR"),
    Column("suvmax_g_per_ml", "SUVmax", "g/ml", 1, "Highest SUVbw in the lesion"),
    Column("suvpeak_g_per_ml", "SUVpeak", "g/ml", 1, "Highest mean SUVbw of a 1 ml sphere centred in the lesion"),
    Column("suvmean_g_per_ml", "SUVmean", "g/ml", 1, "Mean SUVbw in the lesion's mask"),
    Column(TO_LIVER, "SUVpeak / liver", "ratio", 2, "SUVpeak of the lesion over SUVpeak of the liver on the same PET"),
    Column(
        "qkrenning", "qkrenning", "0 to 4", None, "Quantitative Krenning score, a project-made score of this program"
    ),
    Column("pair", "Seen on", "", None, "Which tracer shows it, by the answer on tracer discordance"),
    Column("call", "Call", "", None, "Lesion, pitfall or physiologic, by the answer on differential diagnosis"),
    Column("score", "Score", "0 to 1", 2, "Highest lesion probability of the network in the lesion"),
)


@dataclass(frozen=True)
class LesionFacts:
    """What the answers say of a lesion; None where they do not."""

    region: str | None = None
    call: str | None = None
    pair: str | None = None
    qkrenning: str | None = None


@dataclass(frozen=True)
class Cell:
    """What is shown, and the number that it is sorted by (None sorts last)."""

    text: str
    sort: float | str | None = None


@dataclass(frozen=True)
class LesionView:
    """One lesion on the page.

    number: of the row, from 0; key: case/lesion_id, its name in answers.json; pet: what it was found on; cells: column
    -> what is shown.
    """

    number: int
    key: str
    lesion_id: int
    pet: PetResult
    row: Row
    cells: Mapping[str, Cell] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`DOTATATE 3`."""
        return f"{self.pet.tracer} {self.lesion_id}"

    @property
    def volume_ml(self) -> float:
        return self.row.number("volume_ml") or 0.0

    @property
    def region(self) -> str | None:
        return None if self.cells["region"].sort is None else self.cells["region"].text

    @property
    def alone(self) -> bool:
        """Whether one tracer shows it and the other does not."""
        return self.cells["pair"].text in (SSTR_ONLY, FDG_ONLY)


def lesion_views(patient: PatientResult, facts: Mapping[str, LesionFacts]) -> list[LesionView]:
    """Every lesion of a patient, visit by visit; facts: by lesion key."""
    livers = {r.cells["case"]: r for r in patient.references if r.cells["organ"] == "liver"}
    views: list[LesionView] = []
    for pet in (pet for visit in patient.visits for pet in visit.pets):
        for row in pet.rows:
            lesion_id = row.whole("lesion_id") or 0
            key = f"{pet.case}/{lesion_id}"
            said = facts.get(key, LesionFacts())
            cells = {c.name: _cell(row, c) for c in COLUMNS}
            cells["region"] = _text(_region(row, said))
            ratio = to_liver(row, livers.get(pet.case))
            cells[TO_LIVER] = NOTHING if ratio is None else Cell(f"{ratio:.2f}", ratio)
            for name in ("qkrenning", "pair", "call"):
                cells[name] = _text(getattr(said, name) or row.text(name))
            views.append(LesionView(len(views), key, lesion_id, pet, row, cells))
    return views


def shown_columns(views: Sequence[LesionView]) -> list[Column]:
    """Those columns that any lesion has a value in; volume and SUV are always there."""
    always = ("volume_ml", "suvmax_g_per_ml", "suvpeak_g_per_ml")
    return [c for c in COLUMNS if c.name in always or any(v.cells[c.name].sort is not None for v in views)]


def to_liver(row: Row, liver: Row | None) -> float | None:
    """SUVpeak over the liver's SUVpeak; None where either is not known."""
    measured, peak = row.number(TO_LIVER), row.number("suvpeak_g_per_ml")
    reference = None if liver is None else liver.number("peak_g_per_ml")
    if measured is not None:
        return measured
    return None if peak is None or not reference else peak / reference


def spoken(name: str | None) -> str | None:
    """`small_bowel` -> `small bowel`."""
    return None if name is None else name.replace("_", " ")


NOTHING = Cell("n/a")


def _region(row: Row, facts: LesionFacts) -> str | None:
    """`bone, vertebra L3`: the region, and what of it where that says more."""
    region = spoken(row.text("region") or facts.region)
    within = spoken(next((t for name in ("bone", "station", "organ") if (t := row.text(name)) is not None), None))
    if region is None or within is None:
        return region
    return within if region in within else f"{region}, {within}"


def _text(text: str | None) -> Cell:
    return NOTHING if text is None else Cell(text, text)


def _cell(row: Row, column: Column) -> Cell:
    if column.digits is None:
        return _text(spoken(row.text(column.name)))
    value = row.number(column.name)
    return NOTHING if value is None else Cell(f"{value:.{column.digits}f}", value)
