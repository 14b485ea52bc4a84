"""The temporary table of one transaction, from which a batch is copied into the catalogue."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from contracts.content import SpeechSnapshot, TagRef
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from content.batches.ids import BatchIds, IdRange
from content.batches.rows import BatchRow

CHUNK_SIZE = 50
"""Speeches per statement and per changelog entry. Between statements PostgreSQL waits for the worker, so the
worker's low priority slows it down too.
"""
EVENT_SIZE = 250
MIN_GROWTH = 0.1
"""Growth of the catalogue after which it is analysed again: the same as autovacuum's."""

_CREATE = (
    """
    CREATE TEMPORARY TABLE imported_rows (
        place integer PRIMARY KEY, id uuid, text text, level text, type text, tags text[],
        audio_key text, duration_ms integer
    ) ON COMMIT DROP
    """,
    "CREATE TEMPORARY TABLE imported_tags (name text PRIMARY KEY, id uuid) ON COMMIT DROP",
)
_COLUMNS = ("place", "id", "text", "level", "type", "tags", "audio_key", "duration_ms")
_CREATE_SPEECHES = text("""
    WITH created AS (
        INSERT INTO speeches (id, text, level, type, audio_key, duration_ms, import_id)
        SELECT id, text, level, type, audio_key, duration_ms, CAST(:import_id AS uuid)
        FROM imported_rows WHERE place BETWEEN :first AND :last ORDER BY place
        RETURNING number
    )
    INSERT INTO catalogue_changes (numbers) SELECT array_agg(number ORDER BY number) FROM created
""")
_ATTACH_TAGS = text("""
    INSERT INTO speech_tags (speech_id, tag_id)
    SELECT DISTINCT imported_rows.id, imported_tags.id
    FROM imported_rows CROSS JOIN unnest(tags) AS carried (name) JOIN imported_tags USING (name)
    WHERE place BETWEEN :first AND :last ORDER BY 1, 2
""")
_ESTIMATED_SPEECHES = text("SELECT reltuples FROM pg_class WHERE oid = CAST('speeches' AS regclass)")
# ANALYZE holds its locks until the commit: without SKIP_LOCKED, one import would wait for another.
_ANALYSE = text("ANALYZE (SKIP_LOCKED) speeches, speech_tags")
_ROWS = text("""
    SELECT CAST(id AS text), text, level, type, tags, audio_key, duration_ms
    FROM imported_rows WHERE place BETWEEN :first AND :last ORDER BY place
""")


class BatchTable:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._size = 0
        # In row order, so that lists show them in the table's order.
        self._ids = BatchIds()

    @property
    def ids(self) -> IdRange:
        return self._ids.range

    async def create(self) -> None:
        for statement in _CREATE:
            await self._session.execute(text(statement))

    async def add(self, rows: Sequence[BatchRow]) -> None:
        create_id = self._ids.create
        records = [
            (
                row_number,
                create_id(row_number),
                row.text,
                row.level,
                row.type,
                row.tags,
                row.audio_key,
                row.duration_ms,
            )
            for row_number, row in enumerate(rows, self._size)
        ]
        self._size += len(records)
        await self._copy("imported_rows", _COLUMNS, records)

    async def create_speeches(self, import_id: UUID) -> None:
        """Create the speeches, without their tags, and log them for the catalogues."""
        for chunk in self._list_chunks(CHUNK_SIZE):
            await self._session.execute(_CREATE_SPEECHES, {"import_id": import_id, **chunk})

    async def attach_tags(self, ids: Mapping[str, UUID]) -> None:
        await self._copy("imported_tags", ("name", "id"), list(ids.items()))
        for chunk in self._list_chunks(CHUNK_SIZE):
            await self._session.execute(_ATTACH_TAGS, chunk)

    async def analyze(self) -> None:
        """Analyse the catalogue's tables for the planner, if they have grown much."""
        # Autovacuum would do it within a minute, in which lists would read whole tables.
        estimated = (await self._session.scalars(_ESTIMATED_SPEECHES)).one()
        if self._size >= MIN_GROWTH * estimated:
            await self._session.execute(_ANALYSE)

    async def read_snapshots(self, tags: Mapping[str, TagRef]) -> AsyncIterator[list[SpeechSnapshot]]:
        """Yield the first revisions of all speeches, in chunks of one event."""
        for chunk in self._list_chunks(EVENT_SIZE):
            rows = await self._session.execute(_ROWS, chunk)
            yield [_to_snapshot(*row, tags=tags) for row in rows]

    def _list_chunks(self, size: int) -> Iterator[dict[str, int]]:
        for first in range(0, self._size, size):
            yield {"first": first, "last": first + size - 1}

    async def _copy(self, table: str, columns: Sequence[str], records: list[tuple[Any, ...]]) -> None:
        connection = await (await self._session.connection()).get_raw_connection()
        driver: Any = connection.driver_connection
        await driver.copy_records_to_table(table, columns=columns, records=records)


def _to_snapshot(
    speech_id: str,
    text: str,
    level: str,
    type: str,
    names: Sequence[str],
    audio_key: str,
    duration_ms: int,
    *,
    tags: Mapping[str, TagRef],
) -> SpeechSnapshot:
    tags_by_id = {tags[name].id: tags[name] for name in names}
    return SpeechSnapshot(
        speech_id=UUID(speech_id),
        revision=1,
        text=text,
        level=level,
        type=type,
        tags=sorted(tags_by_id.values(), key=lambda tag: tag.name),
        audio_key=audio_key,
        duration_ms=duration_ms,
    )
