from typing import NamedTuple
from uuid import UUID

from shared.data.cache import cache_query
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.errors import TagNotFound
from content.models import SpeechTag, Tag


class TagRow(NamedTuple):
    id: UUID
    name: str
    category: str


class TagWithCount(NamedTuple):
    id: UUID
    name: str
    category: str
    speech_count: int


_tags = select(Tag.id, Tag.name, Tag.category).order_by(Tag.category, func.lower(Tag.name))
_tags_with_counts: Select[tuple[UUID, str, str, int]] = _tags.add_columns(
    select(func.count()).where(SpeechTag.tag_id == Tag.id).scalar_subquery()
)


async def list_tags(session: AsyncSession) -> list[TagRow]:
    return [TagRow._make(row) for row in await session.execute(_tags)]


list_cached_tags = cache_query("tags", list[TagRow])(list_tags)


async def list_tags_with_counts(session: AsyncSession) -> list[TagWithCount]:
    return [TagWithCount._make(row) for row in await session.execute(_tags_with_counts)]


async def get_tag_with_count(session: AsyncSession, tag_id: UUID) -> TagWithCount:
    row = (await session.execute(_tags_with_counts.where(Tag.id == tag_id))).one_or_none()
    if row is None:
        raise TagNotFound(f"There is no tag {tag_id}.")
    return TagWithCount._make(row)
