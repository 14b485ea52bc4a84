"""Refuses spreadsheets whose XML would take hundreds of times its size in memory."""

import zipfile
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.parsers import expat

from importer.table.errors import TableProblem

MAX_UNITS = 2_200_000
"""Rows and strings. A sheet of Excel has at most 1,048,576 rows."""
MAX_UNIT_TAGS = 100_000
"""Tags and attributes of a row or string. A row of Excel has at most 16,384 cells."""
MAX_OTHER_TAGS = 100_000
"""Tags and attributes outside rows and strings, in all parts. Each takes up to a kilobyte."""
CHUNK_BYTES = 65_536
TOO_COMPLEX = "The spreadsheet is too complex: save the table as CSV (UTF-8)."


class _Part(NamedTuple):
    """A part that openpyxl reads unit by unit. It loads other parts as a whole."""

    path: str
    type: str
    root: str
    unit: str
    depth: int


PARTS = (
    _Part("xl/worksheets/", "worksheet", root="worksheet", unit="row", depth=3),
    _Part("xl/sharedStrings.xml", "sharedStrings", root="sst", unit="si", depth=2),
)


def ensure_simple(archive: zipfile.ZipFile) -> None:
    """Raise TableProblem for a spreadsheet that has too many elements."""
    counts = _Counts()
    for entry in archive.infolist():
        _Scan(entry.filename, counts).run(archive, entry)


class _Counts:
    def __init__(self) -> None:
        self.units = self.others = 0

    def ensure_within_limits(self, unit_tags: int) -> None:
        if unit_tags > MAX_UNIT_TAGS or self.units > MAX_UNITS or self.others > MAX_OTHER_TAGS:
            raise TableProblem("unreadable_spreadsheet", TOO_COMPLEX)


class _Scan:
    """One pass over a part with openpyxl's own XML parser, without building a tree."""

    def __init__(self, name: str, counts: _Counts) -> None:
        self._part = next((part for part in PARTS if name.startswith(part.path)), None)
        self._counts = counts
        self._depth = self._unit_tags = 0
        self._parser = expat.ParserCreate()
        self._parser.ordered_attributes = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = _refuse_entities

    def run(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
        with archive.open(entry) as content:
            try:
                while chunk := content.read(CHUNK_BYTES):
                    self._parser.Parse(chunk, False)
            except expat.ExpatError:
                # openpyxl also stops here if a part is not XML.
                return

    def _start(self, name: str, attributes: Sequence[str]) -> None:
        self._depth += 1
        local, tags = name.rpartition(":")[2], 1 + len(attributes) // 2
        if self._depth == 1 and self._part and local != self._part.root:
            self._part = None
        if self._part and self._depth == self._part.depth and local == self._part.unit:
            self._counts.units += 1
            self._unit_tags = tags
        elif self._unit_tags:
            self._unit_tags += tags
        else:
            self._counts.others += tags
            _ensure_declared(dict(zip(attributes[::2], attributes[1::2], strict=True)))
        self._counts.ensure_within_limits(self._unit_tags)

    def _end(self, _: str) -> None:
        if self._part and self._depth == self._part.depth:
            self._unit_tags = 0
        self._depth -= 1


def _ensure_declared(attributes: Mapping[str, str]) -> None:
    """Raise TableProblem if a part that is read unit by unit is declared as another one."""
    name = attributes.get("PartName") or attributes.get("Target") or ""
    declared = attributes.get("ContentType") or attributes.get("Type") or ""
    for part in PARTS:
        # Targets are relative to the folder `xl`.
        if part.path.removeprefix("xl/") in name and part.type not in declared:
            raise TableProblem("unreadable_spreadsheet", TOO_COMPLEX)


def _refuse_entities(*_: object) -> None:
    # Entities can expand to many times their size. Spreadsheet programs do not write them.
    raise TableProblem("unreadable_spreadsheet", TOO_COMPLEX)
