import csv
import io

import pytest
from importer.table import ReportWriter
from shared.spreadsheets import guard_cell, unguard_cell


def test_the_report_has_the_rows_and_two_more_columns() -> None:
    report = ReportWriter(delimiter=";")
    report.add_header(["audio_filename", "text"])
    report.add(["a.mp3", 'Say "no";\nthen go.'], codes=[], messages=[])
    report.add(["b.mp3", "=cmd()"], codes=["audio_missing", "text_invalid"], messages=["None.", "Bad."])
    content = report.drain()
    assert content.startswith(b"\xef\xbb\xbf")
    assert report.drain() == b""
    assert content.count(b"\r\n") == 3
    assert list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";")) == [
        ["audio_filename", "text", "error_codes", "errors"],
        ["a.mp3", 'Say "no";\nthen go.', "", ""],
        ["b.mp3", "'=cmd()", "audio_missing; text_invalid", "None. Bad."],
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", " =", "\uff1d"])
def test_cells_that_would_be_formulas_are_escaped(start: str) -> None:
    cell = f"{start}1+1"
    assert guard_cell(cell) == f"'{cell}"
    assert unguard_cell(guard_cell(cell)) == cell


@pytest.mark.parametrize("cell", ["", "Yes.", "'tis true", "1-1", "a=b"])
def test_other_cells_are_unchanged(cell: str) -> None:
    assert guard_cell(cell) == cell == unguard_cell(cell)
