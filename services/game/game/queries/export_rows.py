"""Read the rows of an export that belong to no session, in pages: there is one for each speech or tag."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any, cast
from uuid import UUID

from pydantic import TypeAdapter
from shared.data.db import Database
from sqlalchemy import Select, Table, select, tuple_

from game.models import PractisedPhoneme, PractisedScorer, PractisedSpeech, PractisedTag, Review
from game.schemas.export import (
    ExportedPractisedPhoneme,
    ExportedPractisedScorer,
    ExportedPractisedSpeech,
    ExportedPractisedTag,
    ExportedReview,
)

MAX_PAGE_ROWS = 500

type Exported = Review | PractisedSpeech | PractisedTag | PractisedScorer | PractisedPhoneme
TABLES: Mapping[type[Exported], TypeAdapter[Any]] = {
    Review: TypeAdapter(list[ExportedReview]),
    PractisedTag: TypeAdapter(list[ExportedPractisedTag]),
    PractisedScorer: TypeAdapter(list[ExportedPractisedScorer]),
    PractisedPhoneme: TypeAdapter(list[ExportedPractisedPhoneme]),
    PractisedSpeech: TypeAdapter(list[ExportedPractisedSpeech]),
}


async def stream_rows(database: Database, user_id: UUID) -> AsyncGenerator[bytes]:
    """Return further fields of the document: the rows of each table, each page in its own transaction."""
    for table, adapter in TABLES.items():
        yield b',"%b":[' % table.__tablename__.encode()
        separator = b""
        async for rows in _list_pages(database, table, user_id):
            page = adapter.dump_json(adapter.validate_python(rows, from_attributes=True))
            yield separator + page[1:-1]
            separator = b","
        yield b"]"


async def _list_pages(database: Database, table: type[Exported], user_id: UUID) -> AsyncGenerator[list[Any]]:
    keys = [column for column in cast(Table, table.__table__).primary_key if column.name != "user_id"]
    page = select(table).where(table.user_id == user_id).order_by(*keys).limit(MAX_PAGE_ROWS)
    following = page
    while rows := await _list_rows(database, following):
        yield rows
        following = page.where(tuple_(*keys) > tuple(getattr(rows[-1], column.name) for column in keys))


async def _list_rows(database: Database, page: Select[Any]) -> list[Any]:
    async with database.transaction() as session:
        return list(await session.scalars(page))
