"""Spreadsheets (.xlsx, ECMA-376): the cells of the first sheet, as displayed text."""

import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from importer.table.columns import MAX_COLUMNS
from importer.table.errors import TableProblem
from importer.table.spreadsheet_parts import ensure_simple

ZIP_MAGIC = b"PK\x03\x04"
MAX_BYTES = 20 * 1024 * 1024
MAX_UNPACKED_BYTES = 100 * 1024 * 1024
MAX_ENTRIES = 1_000
MAX_BLANK_ROWS = 10_000
"""Consecutive blank rows. A sheet may declare a last cell in row 1,048,576."""

UNREADABLE = "The spreadsheet cannot be read: save it again as .xlsx, or as CSV (UTF-8)."
# Exceptions that openpyxl raises for damaged files.
UNREADABLE_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    InvalidFileException,
    ParseError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    OSError,
    EOFError,
    RuntimeError,
)


def read_sheet(chunks: Iterable[bytes]) -> Iterator[Sequence[str]]:
    """Yield the cells of each row; a blank row has none. Raises TableProblem."""
    content = _collect(chunks)
    try:
        _ensure_small(content)
        workbook = openpyxl.load_workbook(
            io.BytesIO(content), read_only=True, data_only=True, keep_links=False
        )
        sheet = next((worksheet for worksheet in workbook.worksheets), None)
        if sheet is None:
            raise TableProblem("unreadable_spreadsheet", "The spreadsheet has no sheet.")
        # The file's declared size may be wrong.
        sheet.reset_dimensions()
        yield from _stop_at_blank_rows(sheet.iter_rows(max_col=MAX_COLUMNS + 1, values_only=True))
    except UNREADABLE_ERRORS as error:
        raise TableProblem("unreadable_spreadsheet", UNREADABLE) from error


def _stop_at_blank_rows(rows: Iterable[tuple[Any, ...]]) -> Iterator[Sequence[str]]:
    blank = 0
    for values in rows:
        cells = [_to_text(value) for value in values]
        while cells and not cells[-1].strip():
            cells.pop()
        blank = 0 if cells else blank + 1
        if blank > MAX_BLANK_ROWS:
            return
        yield cells


def _collect(chunks: Iterable[bytes]) -> bytes:
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > MAX_BYTES:
            detail = (
                f"A spreadsheet can have at most {MAX_BYTES // 1024**2} MiB: save the table as CSV (UTF-8)."
            )
            raise TableProblem("unreadable_spreadsheet", detail)
    return bytes(content)


def _ensure_small(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
        # zipfile enforces these sizes when unpacking.
        if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_UNPACKED_BYTES:
            detail = "The uncompressed spreadsheet is too large: save the table as CSV (UTF-8)."
            raise TableProblem("unreadable_spreadsheet", detail)
        if not any(entry.filename.startswith("xl/") for entry in entries):
            raise TableProblem(
                "not_a_table", "The file is not a spreadsheet: save it as .xlsx or as CSV (UTF-8)."
            )
        ensure_simple(archive)


def _to_text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).upper()
        case float() if value.is_integer():
            return str(int(value))
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime() | date() | time():
            return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
        case _:
            return str(value)
