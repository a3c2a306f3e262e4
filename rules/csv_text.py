"""CSV that a spreadsheet opens as it was meant: Korean, days and won as they are; no formulas."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from rules.periods import SEOUL

BOM = "\ufeff"
"""What a file begins with: without it Excel takes Korean for something else."""

Cell = str | int | date | datetime | None

_MEANS_SOMETHING_ELSE = re.compile(r"[=+\-@\t\r\n＝＋－＠]|0[0-9]+\Z|[0-9]{16,}\Z")
"""What a spreadsheet would run, or change: 007 is no number here, nor is one of 16 digits."""


def lines(rows: Iterable[Sequence[Cell]]) -> str:
    """Return rows as lines of CSV: quoted, ended by CRLF; numbers bare, instants in Seoul."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerows([_written(cell) for cell in row] for row in rows)
    return text.getvalue()


def _written(cell: Cell) -> str | int:
    if isinstance(cell, str):
        return f"'{cell}" if _MEANS_SOMETHING_ELSE.match(cell) else cell
    if isinstance(cell, int):
        return cell
    if isinstance(cell, datetime):
        return cell.astimezone(SEOUL).replace(tzinfo=None).isoformat(" ", "seconds")
    return "" if cell is None else cell.isoformat()
