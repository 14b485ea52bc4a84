"""Pages of lists."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.schemas.pages import Page


async def page(
    session: AsyncSession, found: Select[Any], key: Any, wanted: Page
) -> tuple[Sequence[Any], UUID | None]:
    """Rows after the cursor. Keys are UUIDv7: their order is that of time."""
    if wanted.cursor:
        found = found.where(key < wanted.cursor)
    rows = (await session.execute(found.order_by(key.desc()).limit(wanted.limit + 1))).all()
    shown = rows[: wanted.limit]
    return shown, shown[-1].id if len(rows) > len(shown) else None
