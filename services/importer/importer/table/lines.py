"""Parses bytes into records of delimited text, with bounded memory for any input."""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from importer.table.columns import count_known
from importer.table.errors import TableProblem

MAX_LINE_LENGTH = 1_000_000
"""In characters. A line is held in memory as a whole; a longer one cannot be a table row."""
MAX_CELL_LENGTH = 100_000
UNREADABLE = "The text contains invalid bytes: save the table as CSV (UTF-8)."
CELL_TOO_LONG = "A cell or line is far too long; a missing closing quotation mark may be the cause."

DELIMITERS = ",;\t"
SEPARATOR_LINE = re.compile(r"sep=([,;\t])\n?", re.IGNORECASE)
"""A first line that Excel writes, which is not a table row."""

BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# Old archives, spreadsheets, documents and pictures, by their first bytes.
BINARY_MAGIC = (
    b"\xd0\xcf\x11\xe0",
    b"%PDF",
    b"\x89PNG",
    b"GIF8",
    b"\xff\xd8\xff",
    b"\x1f\x8b",
    b"Rar!",
    b"7z\xbc",
)

csv.field_size_limit(MAX_CELL_LENGTH)


def guess_encoding(head: bytes) -> str:
    """Return the encoding indicated by a byte order mark or zero bytes, or "utf-8". Raises TableProblem."""
    for bom, encoding in BOMS:
        if head.startswith(bom):
            return encoding
    if head.startswith(BINARY_MAGIC):
        raise TableProblem("not_a_table", "The file is not a table: save it as CSV (UTF-8) or as .xlsx.")
    even, odd = head[::2].count(0), head[1::2].count(0)
    # ASCII text in UTF-16 without a mark has a zero in every second byte.
    if max(even, odd) > len(head) // 4 > 0 and min(even, odd) == 0:
        return "utf-16-le" if odd else "utf-16-be"
    if even or odd:
        raise TableProblem(
            "not_a_table", "The file contains NUL bytes, so it is not text: save it as CSV (UTF-8)."
        )
    return "utf-8"


class NotUtf8(Exception):
    """The text has no byte order mark and is not UTF-8."""


def split_lines(chunks: Iterable[bytes], encoding: str) -> Iterator[str]:
    """Yield lines that end with a line feed, except perhaps the last. Raises TableProblem and NotUtf8."""
    try:
        yield from _split_lines(chunks, encoding)
    except UnicodeError as error:
        if encoding == "utf-8":
            raise NotUtf8 from error
        raise TableProblem("unreadable_text", UNREADABLE) from error


def _split_lines(chunks: Iterable[bytes], encoding: str) -> Iterator[str]:
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
    remainder = ""
    for chunk in chunks:
        *lines, remainder = (remainder + decoder.decode(chunk)).split("\n")
        yield from (f"{line}\n" for line in lines)
        _ensure_short(remainder)
    remainder += decoder.decode(b"", final=True)
    if remainder:
        yield remainder


def _ensure_short(line: str) -> None:
    if len(line) <= MAX_LINE_LENGTH:
        return
    if max(map(line.count, DELIMITERS)) > len(line) // 10:
        raise TableProblem("too_many_columns", "The table has far too many columns.")
    raise TableProblem("cell_too_long", CELL_TOO_LONG)


def find_delimiter(lines: Iterator[str]) -> tuple[str, Iterator[str]]:
    """Return the delimiter of the first line, and all lines of the table."""
    first = next(lines, "")
    if separator_line := SEPARATOR_LINE.fullmatch(first):
        return separator_line[1], lines
    _ensure_short(first)
    cells_by_delimiter = {delimiter: _split_cells(first, delimiter) for delimiter in DELIMITERS}
    best = max(
        DELIMITERS,
        key=lambda delimiter: (
            count_known(cells_by_delimiter[delimiter]),
            len(cells_by_delimiter[delimiter]),
        ),
    )
    return best, chain([first], lines)


def _split_cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        # With a different delimiter, a line of many short cells is one long cell.
        return []


def read_records(lines: Iterable[str], delimiter: str) -> Iterator[Sequence[str]]:
    """Yield the cells of each record; an empty line has none. Raises TableProblem and NotUtf8."""
    row = 0
    try:
        for cells in csv.reader(_bound_records(lines), delimiter=delimiter):
            row += 1
            yield cells
    except csv.Error as error:
        raise TableProblem("cell_too_long", CELL_TOO_LONG, row=row + 1) from error
    except TableProblem as problem:
        problem.row = row + 1
        raise


def _bound_records(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        _ensure_short(line)
        if "\0" in line:
            raise TableProblem("unreadable_text", "The text contains NUL characters: save it as CSV (UTF-8).")
        yield line
