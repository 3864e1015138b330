"""Plain NIfTI files named by a small table -> a Listing.

A tab-separated file with a header; one row is one image. Columns, of which the first five are required:

    patient      research id; not the hospital's
    session      name of the examination; images of one session must lie in one frame of reference
    channel      dotatate, dotatoc, dotanoc, fdg, psma (PET), or ct, mr_t1, mr_t2
    path         the image, relative to the table's folder
    quantity     suvbw or bqml (PET), hu (CT), mr
    mask         PET only: a mask of its lesions, 0 and 1, on its grid
    weight_kg    body weight at the session (needed for bqml)
    height_cm    body height
    dose_bq      bqml: injected activity in Bq
    nuclide      bqml: 18F, 68Ga or 64Cu
    reference_s  bqml: seconds from injection to the time that the voxels are decay-corrected to (0: to injection)
    scan_start_s bqml: seconds from injection to the start of the scan
    computed_by  suvbw: who computed the SUV (required there)
    visit        sessions of one patient with the same word are one clinical time point

Empty, or n/a, is absent. SUV by another measure than body weight is refused: give Bq/ml. Reads no image.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from netlesion.datasets.source import Listing, SourceLabels, SourcePet, SourceVisit
from netlesion.errors import CohortError
from netlesion.image.visit import CHANNEL_QUANTITY, TRACER_OF_LABEL
from netlesion.image.volume import Quantity
from netlesion.io.bids.files import PetRecord
from netlesion.io.bids.suv import SuvConvention
from netlesion.io.dicom.tracer import NUCLIDES
from netlesion.io.table_file import Row, read_table
from netlesion.suv import HALF_LIFE_S

Value = TypeVar("Value", str, float)
REQUIRED = ("patient", "session", "channel", "path", "quantity")
OPTIONAL = (
    "mask", "weight_kg", "height_cm", "dose_bq", "nuclide", "reference_s", "scan_start_s", "computed_by", "visit"
)  # fmt: skip
QUANTITIES = {"suvbw": Quantity.SUVBW, "bqml": Quantity.BQML, "hu": Quantity.HU, "mr": Quantity.MR}
LABELS = {0: "background", 1: "lesion"}


class _Image:
    """One row and the folder that its paths start from."""

    def __init__(self, row: Row, folder: Path) -> None:
        self.where, self.text, self.row, self.folder = row.where, row.text, row, folder

    def require(self, name: str, why: str = "") -> str:
        value = self.text(name)
        if value is None:
            raise CohortError(f"{self.where}: {name} is missing{why}")
        return value

    def number(self, name: str, low: float, high: float) -> float | None:
        number = self.row.number(name)
        if number is not None and not low <= number <= high:
            shown = self.text(name)
            raise CohortError(f"{self.where}: {name} is {shown!r}, expected a number from {low:g} to {high:g}")
        return number

    def require_number(self, name: str, low: float, high: float) -> float:
        number = self.number(name, low, high)
        if number is None:
            raise CohortError(f"{self.where}: {name} is missing, a PET in bqml needs it")
        return number

    def file(self, name: str) -> Path:
        path = self.folder / self.require(name)
        if not path.is_file():
            raise CohortError(f"{self.where}: {name} {path} is no file")
        return path


def list_table(table: str | Path) -> Listing:
    """Every session of the table; raises CohortError, with the line, for the first row that is not as documented."""
    table = Path(table)
    rows = _rows(table)
    sessions: dict[tuple[str, str], list[_Image]] = {}
    for row in rows:
        sessions.setdefault((row.require("patient"), row.require("session")), []).append(row)
    return Listing("table", tuple(_visit(*ids, rows) for ids, rows in sessions.items()))


def _rows(table: Path) -> list[_Image]:
    if not table.is_file():
        raise CohortError(f"{table}: no such file; expected a tab-separated table")
    read = read_table(table, REQUIRED)
    unknown = [name for name in read.columns if name not in REQUIRED + OPTIONAL]
    if unknown:
        raise CohortError(f"{table}: column {unknown[0]!r} is not known; columns are {', '.join(REQUIRED + OPTIONAL)}")
    if not read.rows:
        raise CohortError(f"{table}: holds no row")
    return [_Image(row, table.parent) for row in read.rows]


def _visit(patient: str, session: str, rows: list[_Image]) -> SourceVisit:
    pets, others = {}, {}
    for row in rows:
        channel = row.require("channel")
        is_pet = channel in TRACER_OF_LABEL
        if not is_pet and (channel not in CHANNEL_QUANTITY or CHANNEL_QUANTITY[channel] is Quantity.SUVBW):
            known = [*TRACER_OF_LABEL, *(c for c, q in CHANNEL_QUANTITY.items() if q is not Quantity.SUVBW)]
            raise CohortError(f"{row.where}: channel is {channel!r}, expected one of {', '.join(known)}")
        if channel in pets or channel in others:
            raise CohortError(f"{row.where}: {channel} of patient {patient}, session {session} is there twice")
        quantity = _quantity(row, channel)
        if is_pet:
            pets[channel] = _pet(row, channel, quantity)
        else:
            if row.text("mask") is not None:
                raise CohortError(f"{row.where}: a mask belongs to a PET, this is {channel}")
            others[channel] = row.file("path")
    return SourceVisit(
        f"{patient}/{session}",
        patient,
        session,
        tuple(pets.values()),
        others,
        visit_group=_agreed(rows, "visit", [row.text("visit") for row in rows]),
        weight_kg=_agreed(rows, "weight_kg", [row.number("weight_kg", 1, 400) for row in rows]),
        height_cm=_agreed(rows, "height_cm", [row.number("height_cm", 30, 250) for row in rows]),
    )


def _quantity(row: _Image, channel: str) -> Quantity:
    word = row.require("quantity").lower()
    fitting = {
        q for q in QUANTITIES.values()
        if q is CHANNEL_QUANTITY.get(channel) or (channel in TRACER_OF_LABEL and q in (Quantity.SUVBW, Quantity.BQML))
    }  # fmt: skip
    if QUANTITIES.get(word) not in fitting:
        expected = " or ".join(name for name, q in QUANTITIES.items() if q in fitting)
        raise CohortError(f"{row.where}: quantity of {channel} is {word!r}, expected {expected}")
    return QUANTITIES[word]


def _pet(row: _Image, label: str, quantity: Quantity) -> SourcePet:
    convention = record = None
    if quantity is Quantity.SUVBW:
        who = row.require("computed_by", "; an SUV needs its author")
        convention = SuvConvention("SUVbw", who, "import table")
    else:
        record = _record(row, label)
    labels = None if row.text("mask") is None else SourceLabels(row.file("mask"), LABELS, frozenset({1}))
    return SourcePet(label, row.file("path"), convention, record, labels)


def _record(row: _Image, label: str) -> PetRecord:
    nuclide = row.require("nuclide", ", a PET in bqml needs it")
    if nuclide not in HALF_LIFE_S:
        raise CohortError(f"{row.where}: nuclide is {nuclide!r}, expected one of {', '.join(HALF_LIFE_S)}")
    if nuclide not in NUCLIDES[label]:
        raise CohortError(
            f"{row.where}: nuclide is {nuclide}, but {label} is made with {' or '.join(NUCLIDES[label])}; correct the "
            "one that is wrong"
        )
    return PetRecord(
        tracer_label=label,
        nuclide=nuclide,
        half_life_s=HALF_LIFE_S[nuclide],
        dose_bq=row.require_number("dose_bq", 1e6, 5e9),
        weight_kg=row.require_number("weight_kg", 1, 400),
        scan_start_s=row.require_number("scan_start_s", 0, 86399),
        reference_s=row.require_number("reference_s", 0, 86399),
        time_zero="n/a",
        ref_time_source="table",
    )


def _agreed(rows: list[_Image], name: str, values: list[Value | None]) -> Value | None:
    """The one value that the rows of a session give; raises CohortError when they contradict each other."""
    given = list(dict.fromkeys(value for value in values if value is not None))
    if len(given) > 1:
        raise CohortError(f"{rows[0].where} and following: {name} is {given[0]} and {given[1]} in one session")
    return given[0] if given else None
