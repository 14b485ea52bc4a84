from collections.abc import Sequence
from uuid import UUID

from shared.http.pagination import MAX_OFFSET
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.models import Speech
from content.search.cursor import SearchCursor
from content.search.pages import PageRequest, SpeechIdPage
from content.search.ranges import CommittedRange, read_newest

MAX_COUNTED = MAX_OFFSET
"""Speeches are counted as far as page numbers reach."""


async def list_newest(
    session: AsyncSession,
    request: PageRequest,
    cursor: SearchCursor | None,
    ranges: Sequence[CommittedRange],
) -> SpeechIdPage:
    speeches = select(Speech.id).where(*request.conditions)
    parts, offset = [speeches.where(*id_range.conditions) for id_range in ranges], 0
    if cursor is None:
        counts = [await _count(session, part) for part in parts]
        total, offset = sum(counts), request.query.get_offset()
        cursor = SearchCursor(
            page=request.query.page, total=min(total, MAX_COUNTED), exact=total <= MAX_COUNTED
        )
        parts, offset = _skip_to_offset(parts, counts, offset)
    parts = [part.where(Speech.id < cursor.id) for part in parts]
    # One more than the page holds shows whether another page follows.
    ids = await read_newest(session, parts, limit=request.query.limit + 1, offset=offset)
    return _to_page(request, cursor, ids)


def _skip_to_offset(
    parts: list[Select[UUID]], counts: list[int], offset: int
) -> tuple[list[Select[UUID]], int]:
    """Return the parts starting with the one in which a page begins, and the offset in it."""
    for number, count in enumerate(counts):
        if offset < count:
            return parts[number:], offset
        offset -= count
    return [], 0


def _to_page(request: PageRequest, cursor: SearchCursor, ids: list[UUID]) -> SpeechIdPage:
    next_cursor = None
    if len(ids) > request.query.limit:
        next_cursor = cursor.advance(ids[request.query.limit - 1]).encode(request.scope)
    return SpeechIdPage(ids[: request.query.limit], cursor.page, cursor.total, cursor.exact, next_cursor)


async def _count(session: AsyncSession, speeches: Select[UUID]) -> int:
    counted = speeches.limit(MAX_COUNTED + 1).subquery()
    return (await session.scalars(select(func.count()).select_from(counted))).one()
