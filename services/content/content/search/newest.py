from typing import Any
from uuid import UUID

from shared.http.pagination import MAX_OFFSET
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.models import Speech
from content.search.cursor import SearchCursor
from content.search.pages import PageRequest, SpeechIdPage

MAX_COUNTED = MAX_OFFSET
"""Speeches are counted as far as pages reach by number."""


async def list_newest(
    session: AsyncSession, request: PageRequest, cursor: SearchCursor | None
) -> SpeechIdPage:
    newest = select(Speech.id).where(*request.conditions).order_by(Speech.id.desc())
    if cursor is None:
        offset = request.query.offset()
        total, exact = await _count(session, newest)
        cursor = SearchCursor(page=request.query.page, total=total, exact=exact)
        newest = newest.offset(offset)
    # One more than the page holds shows whether another page follows.
    rows = await session.scalars(newest.where(Speech.id < cursor.id).limit(request.query.limit + 1))
    return _to_page(request, cursor, list(rows))


def _to_page(request: PageRequest, cursor: SearchCursor, ids: list[UUID]) -> SpeechIdPage:
    next_cursor = None
    if len(ids) > request.query.limit:
        next_cursor = cursor.advance(ids[request.query.limit - 1]).encode(request.scope)
    return SpeechIdPage(ids[: request.query.limit], cursor.page, cursor.total, cursor.exact, next_cursor)


async def _count(session: AsyncSession, speeches: Select[Any]) -> tuple[int, bool]:
    counted = speeches.order_by(None).limit(MAX_COUNTED + 1).subquery()
    total = (await session.scalars(select(func.count()).select_from(counted))).one()
    return min(total, MAX_COUNTED), total <= MAX_COUNTED
