"""Pages of lists."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.schemas.pages import Page


async def fetch_page(
    session: AsyncSession, statement: Select[Any], key: Any, page: Page
) -> tuple[Sequence[Any], UUID | None]:
    """Return the rows after the cursor, newest first, and the next cursor. Keys are UUIDv7."""
    if page.cursor:
        statement = statement.where(key < page.cursor)
    rows = (await session.execute(statement.order_by(key.desc()).limit(page.limit + 1))).all()
    shown = rows[: page.limit]
    return shown, shown[-1].id if len(rows) > len(shown) else None
