import io
import zipfile

import openpyxl
import pytest
from importer.table import spreadsheet_parts as parts
from importer.table.errors import TableProblem
from importer.table.spreadsheet import read_sheet

HEADER = ["audio_filename", "text", "level"]
ROWS = [HEADER, *([f"{number}.mp3", f"Row {number}.", "A1"] for number in range(99))]
STYLES, SHEET = "xl/styles.xml", "xl/worksheets/sheet1.xml"
STRINGS, TYPES, RELATIONS = "xl/sharedStrings.xml", "[Content_Types].xml", "xl/_rels/workbook.xml.rels"
STRING_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
DECLARED_STRINGS = f'<Override PartName="/{STRINGS}" ContentType="{STRING_TYPE}"/><Override '
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
ENTITY = '<!DOCTYPE a [<!ENTITY b "bbbb">]>'


def build_spreadsheet() -> bytes:
    workbook, content = openpyxl.Workbook(), io.BytesIO()
    for row in ROWS:
        workbook.active.append(row)  # type: ignore[union-attr] # a new book has a sheet
    workbook.save(content)
    return content.getvalue()


def change_part(name: str, old: str, new: str, *, strings: str = "") -> bytes:
    """Replace the first occurrence of a text in a part of the spreadsheet."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(build_spreadsheet())) as source, zipfile.ZipFile(changed, "w") as target:
        for member in source.namelist():
            part = source.read(member).decode()
            assert member != name or old in part
            target.writestr(
                member, part.replace(old, new, 1) if member == name else part, zipfile.ZIP_DEFLATED
            )
        target.writestr(STRINGS, f'<sst xmlns="{MAIN}">{strings}</sst>', zipfile.ZIP_DEFLATED)
    return changed.getvalue()


def test_rows_and_strings_do_not_count_as_other_elements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MAX_OTHER_TAGS", 1_000)
    monkeypatch.setattr(parts, "MAX_UNIT_TAGS", 20)
    strings = "<si><r><t>Yes.</t></r></si>" * 1_000
    content = change_part(TYPES, "<Override ", DECLARED_STRINGS, strings=strings)
    assert list(read_sheet([content])) == ROWS


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (STYLES, "</cellXfs>", "<xf/>" * parts.MAX_OTHER_TAGS + "</cellXfs>"),
        (SHEET, "<sheetData>", "<x/>" * parts.MAX_OTHER_TAGS + "<sheetData>"),
        (SHEET, "</sheetData>", f"<row>{'<c/>' * parts.MAX_UNIT_TAGS}</row></sheetData>"),
        (SHEET, "</sheetData>", f"<row>{'<row/>' * parts.MAX_UNIT_TAGS}</row></sheetData>"),
        (STYLES, "<styleSheet", f"{ENTITY}<styleSheet"),
        (TYPES, "<Override ", '<Override PartName="/xl/worksheets/1.xml" ContentType="main+xml"/><Override '),
        (
            RELATIONS,
            "<Relationship ",
            '<Relationship Target="sharedStrings.xml" Type="sheet"/><Relationship ',
        ),
    ],
    ids=["styles", "sheet", "row", "nested rows", "entities", "workbook as sheet", "strings as sheet"],
)
def test_a_spreadsheet_that_takes_much_memory_is_refused(name: str, old: str, new: str) -> None:
    content = change_part(name, old, new)
    assert len(content) < 20_000
    with pytest.raises(TableProblem, match="too complex") as refused:
        list(read_sheet([content]))
    assert refused.value.code == "unreadable_spreadsheet"


def test_a_string_of_many_elements_is_refused() -> None:
    strings = f"<si>{'<r/>' * parts.MAX_UNIT_TAGS}</si>"
    with pytest.raises(TableProblem, match="too complex"):
        list(read_sheet([change_part(TYPES, "<Override ", DECLARED_STRINGS, strings=strings)]))


def test_the_number_of_rows_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MAX_UNITS", len(ROWS) - 1)
    with pytest.raises(TableProblem, match="too complex"):
        list(read_sheet([build_spreadsheet()]))
