"""Tags."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.errors import TagNotFound
from content.models import SpeechTag, Tag


class TagRow(NamedTuple):
    """A tag."""

    id: UUID
    name: str
    category: str


async def list_tags(session: AsyncSession) -> list[TagRow]:
    """Every tag, by category and name."""
    rows = await session.execute(
        select(Tag.id, Tag.name, Tag.category).order_by(Tag.category, func.lower(Tag.name))
    )
    return [TagRow._make(row) for row in rows]


async def list_tags_with_counts(
    session: AsyncSession, *, only: UUID | None = None
) -> list[tuple[TagRow, int]]:
    """Tags, by category and name, each with the number of speeches that carry it."""
    count = select(func.count()).where(SpeechTag.tag_id == Tag.id).scalar_subquery()
    tags = select(Tag.id, Tag.name, Tag.category, count).order_by(Tag.category, func.lower(Tag.name))
    rows = await session.execute(tags if only is None else tags.where(Tag.id == only))
    return [(TagRow(tag_id, name, category), speeches) for tag_id, name, category, speeches in rows]


async def get_tag_with_count(session: AsyncSession, tag_id: UUID) -> tuple[TagRow, int]:
    """A tag, and the number of speeches that carry it. Raises TagNotFound."""
    found = await list_tags_with_counts(session, only=tag_id)
    if not found:
        raise TagNotFound(f"There is no tag {tag_id}.")
    return found[0]
