"""Tables made by people, and files that are not tables."""

import codecs
import io
import resource
import unicodedata
from collections.abc import Callable, Iterator

import openpyxl
import pytest
from importer.table import Source, TableFacts, TableProblem, inspect_table, read_rows
from importer.table.facts import find_first_rows

type AsSource = Callable[..., Source]

TABLE = "audio_filename,text,level\ncafé.mp3,Où est le café?,A1\nb.mp3,Yes.,A2\n"
MAX_ROWS = 1_000


async def inspect(source: Source) -> TableFacts:
    return await inspect_table(source, max_rows=MAX_ROWS)


async def read(source: Source) -> list[dict[str, str]]:
    facts = await inspect(source)
    chunks = read_rows(source, encoding=facts.encoding, size=2)
    return [dict(row.values) async for rows in chunks for row in rows]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TABLE.encode(), "utf-8"),
        (codecs.BOM_UTF8 + TABLE.encode(), "utf-8"),
        (TABLE.encode("utf-16"), "utf-16"),
        (codecs.BOM_UTF16_BE + TABLE.encode("utf-16-be"), "utf-16"),
        (TABLE.encode("utf-16-le"), "utf-16"),
        (TABLE.encode("windows-1252"), "windows-1252"),
    ],
    ids=["utf-8", "utf-8 with BOM", "utf-16", "utf-16-be with BOM", "utf-16-le", "windows-1252"],
)
@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_encodings_are_recognised(
    create_source: AsSource, content: bytes, encoding: str, size: int
) -> None:
    source = create_source(content, size=size)
    facts = await inspect(source)
    assert (facts.dialect.encoding, facts.dialect.delimiter, facts.rows_total) == (encoding, ",", 2)
    assert (await read(source))[0] == {
        "audio_filename": "café.mp3",
        "text": "Où est le café?",
        "level": "A1",
    }


async def test_an_accent_in_the_last_row_decides_the_encoding(create_source: AsSource) -> None:
    rows = "".join(f"{number}.mp3,Sentence {number}.,A1\n" for number in range(900))
    content = f"audio_filename,text,level\n{rows}z.mp3,Café.,A1\n".encode("windows-1252")
    assert (await inspect(create_source(content, size=4096))).dialect.encoding == "windows-1252"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
async def test_delimiters_and_line_ends_are_recognised(
    create_source: AsSource, delimiter: str, line_end: str
) -> None:
    lines = (
        delimiter.join(("Audio Filename", " TEXT ", "level", "tags")),
        delimiter.join(("a.mp3", '"One, two; three\tfour."', "A1", '"travel,food"')),
    )
    source = create_source((line_end.join(lines) + line_end).encode())
    assert (await inspect(source)).dialect.delimiter == delimiter
    assert await read(source) == [
        {
            "audio_filename": "a.mp3",
            "text": "One, two; three\tfour.",
            "level": "A1",
            "tags": "travel,food",
        }
    ]


async def test_excels_separator_line_is_not_a_row(create_source: AsSource) -> None:
    source = create_source(b"sep=;\r\naudio_filename;text;level\r\na.mp3;Yes, please.;A1\r\n")
    facts = await inspect(source)
    assert facts.dialect.delimiter == ";"
    rows = [row async for rows in read_rows(source, encoding=None, size=10) for row in rows]
    assert [row.number for row in rows] == [2]


async def test_rows_are_counted_as_in_a_spreadsheet(create_source: AsSource) -> None:
    content = b'audio_filename,text,level\n\na.mp3,"Two\nlines.",A1\n,,\n,\nb.mp3,Yes.,A1\n\n\n'
    source = create_source(content)
    assert (await inspect(source)).rows_total == 2
    rows = [row async for rows in read_rows(source, encoding=None, size=10) for row in rows]
    assert [(row.number, row.values["text"]) for row in rows] == [(3, "Two\nlines."), (6, "Yes.")]


async def test_a_corrected_report_is_a_table(create_source: AsSource) -> None:
    content = (
        b"audio_filename,text,level,error_codes,errors\na.mp3,'=1+1,A1,unknown_level,The level is wrong.\n"
    )
    source = create_source(content)
    facts = await inspect(source)
    assert facts.report_columns == [0, 1, 2]
    assert (await read(source))[0]["text"] == "=1+1"


@pytest.mark.parametrize(
    ("content", "code", "row"),
    [
        (b"", "empty_table", None),
        (b" \n\n", "empty_table", None),
        (b"audio_filename,text,level\n", "no_rows", None),
        (b"audio_filename,text,level\n,,\n\n", "no_rows", None),
        (b"audio_filename,text\na.mp3,Yes.\n", "missing_columns", 1),
        (b"a.mp3,Yes.,A1\nb.mp3,No.,A1\n", "missing_columns", 1),
        (b"audio_filename,text,level,tag\na.mp3,Yes.,A1,x\n", "unknown_columns", 1),
        (b"audio_filename,text,Text,level\na.mp3,Yes.,No.,A1\n", "repeated_columns", 1),
        (b"audio_filename,text,level" + b"," * 200 + b"\n", "too_many_columns", 1),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "not_a_table", None),
        (b"%PDF-1.7\n", "not_a_table", None),
        (b"audio_filename,text,level\0\na.mp3,Yes.,A1\n", "not_a_table", None),
        (
            b"audio_filename,text,level\n" + b"a.mp3,Yes.,A1\n" * 300 + b"b.mp3,N\0o,A1\n",
            "unreadable_text",
            302,
        ),
        (b"audio_filename,text,level\na.mp3,\x81\x8d,A1\n", "unreadable_text", None),
        (codecs.BOM_UTF8 + b"audio_filename,text,level\na.mp3,\xff,A1\n", "unreadable_text", None),
        (b"audio_filename,text,level\n" + b"a.mp3,Yes.,A1\n" * 1001, "too_many_rows", 1002),
        (b"PK\x03\x04 broken", "unreadable_spreadsheet", None),
    ],
)
async def test_a_file_that_is_not_a_table_is_refused(
    create_source: AsSource, content: bytes, code: str, row: int | None
) -> None:
    with pytest.raises(TableProblem) as refused:
        await inspect(create_source(content, size=4096))
    assert (refused.value.code, refused.value.row) == (code, row)


def measure_peak_memory() -> int:
    """Return the largest resident memory so far, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize(
    ("start", "filler", "code"),
    [
        (b"audio_filename,text,level\na.mp3,", b"x" * 65_536, "cell_too_long"),
        (b'audio_filename,text,level\na.mp3,"', b"long line\n" * 6_554, "cell_too_long"),
        (b"audio_filename,text,level", b",x" * 32_768, "too_many_columns"),
    ],
    ids=["one cell of 50 MB", "a missing closing quotation mark", "a million columns"],
)
async def test_rejecting_overlong_input_uses_little_memory(
    create_source: AsSource, start: bytes, filler: bytes, code: str
) -> None:
    def generate_pieces() -> Iterator[bytes]:
        yield start
        yield from [filler] * 800

    before = measure_peak_memory()
    with pytest.raises(TableProblem) as refused:
        await inspect(create_source(generate_pieces()))
    assert refused.value.code == code
    assert measure_peak_memory() - before < 40 * 1024


def build_spreadsheet(*rows: tuple[str | int | None, ...]) -> bytes:
    workbook, content = openpyxl.Workbook(write_only=True), io.BytesIO()
    sheet = workbook.create_sheet()
    for row in rows:
        sheet.append(row)
    workbook.save(content)
    return content.getvalue()


async def test_a_spreadsheet_is_read_as_a_table(create_source: AsSource) -> None:
    source = create_source(
        build_spreadsheet(
            ("Audio filename", "Text", "Level", "Type"),
            ("a.mp3", 1999, "A1", None),
            (),
            ("b.mp3", "Yes, “please”.", "B2", "question"),
        ),
        size=4096,
    )
    facts = await inspect(source)
    assert (facts.dialect.encoding, facts.dialect.delimiter, facts.rows_total) == (None, None, 2)
    assert await read(source) == [
        {"audio_filename": "a.mp3", "text": "1999", "level": "A1", "type": ""},
        {"audio_filename": "b.mp3", "text": "Yes, “please”.", "level": "B2", "type": "question"},
    ]


async def test_a_spreadsheet_bomb_is_refused(create_source: AsSource) -> None:
    content = build_spreadsheet(("audio_filename", "text", "level"), *[("a.mp3", "x" * 30_000, "A1")] * 4_000)
    assert len(content) < 1_000_000
    with pytest.raises(TableProblem) as refused:
        await inspect(create_source(content, size=65_536))
    assert refused.value.code == "unreadable_spreadsheet"


async def test_names_are_compared_in_normalized_form(create_source: AsSource) -> None:
    rows = ["café.mp3,One.,A1", f"audio/{unicodedata.normalize('NFD', 'Café')}.MP3,Two.,A1", "b.mp3,one.,A1"]
    facts = await inspect(create_source("\n".join(["audio_filename,text,level", *rows]).encode()))
    assert list(facts.repeated_names.values()) == [2]
    assert list(facts.repeated_sentences.values()) == [2]


def test_the_first_row_of_each_repeated_value_is_found() -> None:
    assert find_first_rows([5, -1, 5, 7, -1, 5], [2, 3, 5, 6, 8, 9]) == {5: 2, -1: 3}
    assert find_first_rows([1, 2, 3], [2, 3, 4]) == {}
