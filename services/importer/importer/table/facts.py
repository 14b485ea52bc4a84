"""The first pass over a table: its dialect, number of rows and duplicates."""

from array import array
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from importer.domain.filenames import clean_filename, to_name_key
from importer.domain.sentences import hash_name, hash_sentence
from importer.table.errors import TableProblem
from importer.table.lines import NotUtf8
from importer.table.records import Dialect, open_records
from importer.table.source import run_with_chunks

type Source = Callable[[], AsyncIterator[bytes]]
"""Reopens the table at its beginning."""
type FirstRows = Mapping[int, int]
"""The row of a repeated value's first occurrence, by hash."""

FALLBACK_ENCODING = "windows-1252"


@dataclass(frozen=True)
class TableFacts:
    """`report_columns` are positions of the columns that the report repeats. `encoding` reopens the table."""

    dialect: Dialect
    encoding: str | None
    header: Sequence[str]
    report_columns: Sequence[int]
    rows_total: int
    repeated_names: FirstRows
    repeated_sentences: FirstRows


async def inspect_table(source: Source, *, max_rows: int) -> TableFacts:
    """Read the whole table once. Raises TableProblem."""
    try:
        return await run_with_chunks(source(), partial(_inspect, encoding=None, max_rows=max_rows))
    except NotUtf8:
        # Known only after reading the whole text, whose first accent may be in the last row.
        work = partial(_inspect, encoding=FALLBACK_ENCODING, max_rows=max_rows)
        return await run_with_chunks(source(), work)


def _inspect(chunks: Iterator[bytes], *, encoding: str | None, max_rows: int) -> TableFacts:
    records = open_records(chunks, encoding)
    rows, names, sentences = array("q"), array("q"), array("q")
    for row in records:
        if len(rows) == max_rows:
            detail = f"A table can have at most {max_rows} rows: split it into several tables."
            raise TableProblem("too_many_rows", detail, row=row.number)
        name = row.values["audio_filename"]
        rows.append(row.number)
        names.append(hash_name(to_name_key(clean_filename(name) or name)))
        sentences.append(hash_sentence(row.values["text"]))
    if not rows:
        raise TableProblem("no_rows", "The table has a header, but no rows.")
    return TableFacts(
        records.dialect,
        encoding,
        records.header,
        records.report_columns,
        len(rows),
        find_first_rows(names, rows),
        find_first_rows(sentences, rows),
    )


def find_first_rows(hashes: Sequence[int], rows: Sequence[int]) -> FirstRows:
    """Return the first row of each value that occurs more than once."""
    first_rows, repeated = dict[int, int](), dict[int, int]()
    for value, row in zip(hashes, rows, strict=True):
        if value in first_rows:
            repeated[value] = first_rows[value]
        else:
            first_rows[value] = row
    return repeated
