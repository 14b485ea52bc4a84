"""Reads a table from its first byte: its dialect, its header, and then its rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from shared.spreadsheets import unguard_cell

from importer.table.columns import REPORT_COLUMNS, find_columns, normalize_header
from importer.table.errors import TableProblem
from importer.table.lines import find_delimiter, guess_encoding, read_records, split_lines
from importer.table.spreadsheet import ZIP_MAGIC, read_sheet

HEAD_BYTES = 4096
ENCODING_NAMES = {"utf-8-sig": "utf-8", "utf-16-le": "utf-16", "utf-16-be": "utf-16"}


@dataclass(frozen=True)
class Dialect:
    """A table's dialect. A spreadsheet has neither encoding nor delimiter."""

    encoding: str | None = None
    delimiter: str | None = None


class Row(NamedTuple):
    """A row; `number` is counted as in a spreadsheet, and `values` are the trimmed cells of known columns."""

    number: int
    cells: Sequence[str]
    values: Mapping[str, str]
    has_extra_cells: bool


class Records:
    def __init__(self, dialect: Dialect, records: Iterator[Sequence[str]]) -> None:
        self.dialect, self._records = dialect, records
        self._number = 0
        self.header = self._read_header()
        self.columns = find_columns(self.header)
        ignored = {
            position for position, cell in enumerate(self.header) if normalize_header(cell) in REPORT_COLUMNS
        }
        self.report_columns = [position for position in range(len(self.header)) if position not in ignored]
        self._known = {*self.columns.values(), *ignored}

    def _read_header(self) -> Sequence[str]:
        for cells in self._records:
            self._number += 1
            if any(cell.strip() for cell in cells):
                return cells
        raise TableProblem("empty_table", "The table is empty.")

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows that are not blank."""
        for cells in self._records:
            self._number += 1
            if any(cells) and any(map(str.strip, cells)):
                yield self._to_row(cells)

    def _to_row(self, cells: Sequence[str]) -> Row:
        values = {
            name: unguard_cell(cells[position].strip()) if position < len(cells) else ""
            for name, position in self.columns.items()
        }
        has_extra = len(cells) > len(self.columns) and any(
            cell.strip() for position, cell in enumerate(cells) if position not in self._known
        )
        return Row(self._number, cells, values, has_extra)


def open_records(chunks: Iterator[bytes], encoding: str | None = None) -> Records:
    """Read the header. Raises TableProblem, and NotUtf8 if no encoding is given."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= HEAD_BYTES:
            break
    if not head.strip():
        raise TableProblem("empty_table", "The file is empty.")
    all_chunks = chain([head], chunks)
    if head.startswith(ZIP_MAGIC):
        return Records(Dialect(), read_sheet(all_chunks))
    encoding = encoding or guess_encoding(head[:HEAD_BYTES])
    delimiter, lines = find_delimiter(split_lines(all_chunks, encoding))
    dialect = Dialect(ENCODING_NAMES.get(encoding, encoding), delimiter)
    return Records(dialect, read_records(lines, delimiter))
