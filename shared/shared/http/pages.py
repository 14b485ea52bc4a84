"""Pages of lists whose keys are UUIDv7, newest first."""

import struct
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.errors import field_error
from shared.http.pagination import MAX_CURSOR_PAGE, PageQuery, Pagination, decode_cursor, encode_cursor

CURSOR_LAYOUT = struct.Struct(">I16s")
"""The number of the next page, and the key of the last item before it."""
MAX_COUNTED = 10_000
"""Longer lists are not counted fully, because that takes as long as reading them."""


async def fetch_page(
    session: AsyncSession, items: Select[Any], key: Any, query: PageQuery, *, scope: str
) -> tuple[Sequence[Any], Pagination]:
    number, ordered = query.page, items.order_by(key.desc())
    if query.cursor is None:
        ordered = ordered.offset(query.get_offset())
    else:
        number, last = _decode(query.cursor, scope)
        ordered = ordered.where(key < last)
    rows = (await session.execute(ordered.limit(query.limit + 1))).all()
    page_rows = rows[: query.limit]
    total = await count_items(session, items, key, query, rows)
    cursor = None
    if len(rows) > len(page_rows):
        cursor = encode_cursor(CURSOR_LAYOUT, number + 1, page_rows[-1].id.bytes, scope=scope)
    position = Pagination.from_query(
        query,
        page=number,
        total=min(total, MAX_COUNTED),
        total_is_exact=total <= MAX_COUNTED,
        next_cursor=cursor,
    )
    return page_rows, position


async def count_items(
    session: AsyncSession, items: Select[Any], key: Any, query: PageQuery, rows: Sequence[Any]
) -> int:
    """Count the items of a list up to MAX_COUNTED + 1. `rows` are those of the page, and the next one."""
    if query.cursor is None and query.page == 1 and len(rows) <= query.limit:
        return len(rows)
    bounded = items.with_only_columns(key).limit(MAX_COUNTED + 1).subquery()
    return (await session.execute(select(func.count()).select_from(bounded))).scalar_one()


def _decode(cursor: str, scope: str) -> tuple[int, UUID]:
    number, last = decode_cursor(CURSOR_LAYOUT, cursor, scope=scope)
    if number > MAX_CURSOR_PAGE:
        raise field_error("#/query/cursor", "must be the next_cursor of a page")
    return number, UUID(bytes=last)
