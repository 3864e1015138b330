"""A table that a person may have saved from a spreadsheet -> its rows; the one reader of every .tsv and .csv.

What a spreadsheet adds without harm is taken: a byte order mark, CRLF, quotation marks, empty lines and empty columns
without a name. What would change or hide a value is refused in one line: another encoding or separator, a row with
more or fewer cells than names, a name that is there twice, a number with a comma or a unit. The apostrophe that tables
written here have before a formula is taken away. Knows nothing about what columns mean.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from netlesion.errors import CohortError
from netlesion.io.files import is_there, require_content
from netlesion.output.tables import original

#: Cells that say that there is no value (BIDS writes n/a).
EMPTY = ("", "n/a")
SEPARATORS = {"\t": "tabs", ",": "commas", ";": "semicolons"}
#: First bytes of what spreadsheets save when nobody asks for text.
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class Row:
    """One row: its line in the file, and its cells by column, without the blanks around them.

    where: the file and the line, for messages.
    """

    where: str
    line: int
    cells: Mapping[str, str]

    def text(self, name: str) -> str | None:
        """A cell, None where it is empty or n/a or there is no such column."""
        value = self.cells.get(name, "")
        return None if value in EMPTY else value

    def number(self, name: str) -> float | None:
        """A cell as a finite number, None where it is empty; raises CohortError, with the line, for anything else."""
        value = self.text(name)
        return None if value is None else number_of(self.where, name, value)

    def whole(self, name: str) -> int | None:
        """A cell as a whole number, None where it is empty; raises CohortError, with the line, for anything else."""
        value = self.number(name)
        if value is not None and value != int(value):
            raise CohortError(f"{self.where}: {name} is {self.cells[name]!r}, expected a whole number")
        return None if value is None else int(value)


@dataclass(frozen=True)
class Table:
    """The columns of a table, in order, and its rows."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(path: str | Path, required: Sequence[str] = (), separator: str = "\t") -> Table:
    """Reads a table with a header.

    Args:
        path: a text file in UTF-8.
        required: columns that must be there.
        separator: what stands between cells.

    Returns:
        Every row that holds anything.

    Raises:
        CohortError: a file that is missing or a workbook, another encoding or separator, a column that is missing,
            without a name or there twice, a row with more or fewer cells than names, or a quotation mark without its
            partner. The message names the file, and the line where there is one.
    """
    path = Path(path)
    return parse_table(path, text_of(path), required, separator)


def parse_table(
    path: Path,
    text: str,
    required: Sequence[str] = (),
    separator: str = "\t",
    skipped: int = 0,
    quoting: Literal[0, 1, 2, 3] = csv.QUOTE_MINIMAL,
    verbatim: bool = False,
) -> Table:
    """The table of a text that was read from `path`, after `skipped` lines; raises as `read_table`.

    verbatim: cells may hold blanks around them and line breaks, and keep them.
    """
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True, quoting=quoting)
    found: list[tuple[int, list[str]]] = []
    try:
        for cells in lines:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                found.append((lines.line_num + skipped, cells if verbatim and found else stripped))
    except csv.Error as error:
        raise CohortError(f"{path}, line {lines.line_num + skipped}: not readable as a table ({error})") from error
    names = found[0][1] if found else []
    _require_separator(path, names, separator)
    _require_names(path, names, required, separator)
    rows = tuple(_row(path, names, line, cells) for line, cells in found[1:])
    if not verbatim:
        _require_single_lines(rows)
    return Table(path, tuple(name for name in names if name), rows)


def text_of(path: Path) -> str:
    """A text file in UTF-8, with or without a byte order mark; raises CohortError for any other kind of file."""
    if not is_there(path):
        raise CohortError(f"{path}: no such file; expected a table")
    content = path.read_bytes()
    require_content(path, content[:64])
    if content.startswith(WORKBOOKS):
        raise CohortError(f"{path}: a spreadsheet's workbook, expected text; save it as text in UTF-8")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content:
        raise CohortError(f"{path}: saved as UTF-16, or damaged (it holds zero bytes); save it as text in UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + content.count(b"\n", 0, error.start)
        raise CohortError(
            f"{path}, line {line}: not UTF-8 (byte {content[error.start]:#04x}); save it as text in UTF-8"
        ) from error


def number_of(where: str, name: str, text: str) -> float:
    """A finite number as every program writes it; raises CohortError that tells what to write instead."""
    if NUMBER.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    raise CohortError(f"{where}: {name} is {text!r}, expected {_instead_of(text)}")


def _instead_of(text: str) -> str:
    """What a person should write instead of a text that is no number."""
    with_unit = re.match(rf"({NUMBER.pattern})\s*[A-Za-zµ%/]+[0-9]?$", text, re.ASCII)
    if re.fullmatch(r"[+-]?\d{1,3}([.,]\d{3})*,\d{3}", text, re.ASCII):
        return "a number without separators between thousands, and with a decimal point"
    if "," in text and NUMBER.fullmatch(text.replace(",", ".")):
        return f"a decimal point ({text.replace(',', '.')})"
    if "\N{MINUS SIGN}" in text and NUMBER.fullmatch(text.replace("\N{MINUS SIGN}", "-")):
        return "the minus sign of a keyboard (-)"
    return f"a number without its unit ({with_unit[1]})" if with_unit else "a finite number"


def _require_separator(path: Path, names: Sequence[str], separator: str) -> None:
    if len(names) != 1:
        return
    for other, called in SEPARATORS.items():
        if other != separator and other in names[0]:
            raise CohortError(f"{path}: its columns are separated by {called}, expected {SEPARATORS[separator]}")


def _require_names(path: Path, names: Sequence[str], required: Sequence[str], separator: str) -> None:
    missing = [name for name in required if name not in names]
    if missing:
        there = ", ".join(name for name in names if name) or "none"
        raise CohortError(
            f"{path}: no column {', '.join(missing)}; expected {', '.join(required)}, separated by "
            f"{SEPARATORS[separator]} (there are {there})"
        )
    twice = next((name for n, name in enumerate(names) if name and name in names[:n]), None)
    if twice is not None:
        raise CohortError(f"{path}: column {twice} is there twice; keep one")


def _row(path: Path, names: Sequence[str], line: int, cells: Sequence[str]) -> Row:
    where = f"{path}, line {line}"
    if len(cells) != len(names):
        more = len(cells) > len(names)
        raise CohortError(
            f"{where}: {len(cells)} cells under {len(names)} names; "
            + ("write a decimal point, not a comma" if more else "write n/a where there is no value")
        )
    if any(cell and not name for name, cell in zip(names, cells, strict=True)):
        raise CohortError(f"{where}: a column without a name holds a value; name the column or empty the cell")
    return Row(where, line, {name: original(cell) for name, cell in zip(names, cells, strict=True) if name})


def _require_single_lines(rows: Sequence[Row]) -> None:
    for row in rows:
        if any("\n" in cell or "\r" in cell for cell in row.cells.values()):
            raise CohortError(f"{row.where}: a cell holds a line break; is a quotation mark left open above?")
