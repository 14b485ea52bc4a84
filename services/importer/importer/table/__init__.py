"""Uploaded tables, read as streams, and their error reports."""

from importer.table.errors import TableProblem
from importer.table.facts import Source, TableFacts, inspect_table
from importer.table.records import Dialect, Row
from importer.table.report import ReportWriter
from importer.table.rows import read_rows

__all__ = [
    "Dialect",
    "ReportWriter",
    "Row",
    "Source",
    "TableFacts",
    "TableProblem",
    "inspect_table",
    "read_rows",
]
