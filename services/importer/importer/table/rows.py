"""The second pass over a table: its rows, in chunks."""

from collections.abc import AsyncIterator, Iterator
from itertools import batched

from importer.table.facts import Source
from importer.table.records import Row, open_records
from importer.table.source import BlockingChunks, iterate_in_thread


async def read_rows(source: Source, *, encoding: str | None, size: int) -> AsyncIterator[tuple[Row, ...]]:
    """Yield the rows that are not blank, `size` at a time."""
    chunks = BlockingChunks(source())
    async for rows in iterate_in_thread(_read(iter(chunks), encoding, size)):
        yield rows


def _read(chunks: Iterator[bytes], encoding: str | None, size: int) -> Iterator[tuple[Row, ...]]:
    yield from batched(open_records(chunks, encoding), size)
