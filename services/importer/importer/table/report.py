"""The report of an import: the uploaded rows with the columns `error_codes` and `errors`, as CSV.

Its format opens correctly in Excel and LibreOffice in any locale: UTF-8 with a byte order mark, CRLF line
endings (RFC 4180), and the delimiter of the uploaded table.
"""

import csv
import io
from collections.abc import Iterable, Sequence

from shared.spreadsheets import BOM, guard_cell

from importer.table.columns import REPORT_COLUMNS


class ReportWriter:
    """Turns rows into the bytes of the report."""

    def __init__(self, *, delimiter: str) -> None:
        self._text = io.StringIO(newline="")
        # All cells are quoted, because LibreOffice treats commas, semicolons and tabs all as delimiters.
        self._writer = csv.writer(
            self._text, delimiter=delimiter, lineterminator="\r\n", quoting=csv.QUOTE_ALL
        )
        self._text.write(BOM)

    def add_header(self, header: Sequence[str]) -> None:
        self._writer.writerow([*map(guard_cell, header), *REPORT_COLUMNS])

    def add(self, cells: Iterable[str], *, codes: Iterable[str], messages: Iterable[str]) -> None:
        added = ("; ".join(codes), guard_cell(" ".join(messages)))
        self._writer.writerow([*map(guard_cell, cells), *added])

    def drain(self) -> bytes:
        """Return the data added since the last call."""
        content = self._text.getvalue().encode(errors="replace")
        self._text.seek(0)
        self._text.truncate()
        return content
