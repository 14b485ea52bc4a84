from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from shared.data.cache import cache_query
from shared.http.pages import MAX_COUNTED
from sqlalchemy import ColumnElement, Select, SQLColumnExpression, func, or_, select, true
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


# A tag that is being merged into another is not listed.
_is_listed = Tag.merged_into.is_(None)
_tags = select(Tag.id, Tag.name, Tag.category).where(_is_listed).order_by(Tag.category, func.lower(Tag.name))
_tags_with_counts: Select[tuple[UUID, str, str, int]] = _tags.add_columns(
    select(func.count()).where(SpeechTag.tag_id == Tag.id).scalar_subquery()
)


_counted = select(SpeechTag.tag_id).where(SpeechTag.tag_id == Tag.id).limit(MAX_COUNTED + 1).correlate(Tag)
# Some tags are on a million speeches.
_tags_with_capped_counts: Select[tuple[UUID, str, str, int]] = (
    select(Tag.id, Tag.name, Tag.category)
    .where(_is_listed)
    .add_columns(
        select(func.count()).select_from(_counted.subquery()).scalar_subquery().label("speech_count")
    )
)
_ORDERS: dict[str, tuple[SQLColumnExpression[str], ...]] = {
    "name": (func.lower(Tag.name),),
    "category": (Tag.category, func.lower(Tag.name)),
}


async def list_tag_page(
    session: AsyncSession, *, search: str, order: str, is_descending: bool, limit: int, offset: int
) -> tuple[list[TagWithCount], int]:
    """List one page with counts up to MAX_COUNTED + 1, and the number of all tags that match."""
    matching = _build_search(search)
    total = (
        await session.execute(select(func.count()).select_from(Tag).where(matching, _is_listed))
    ).scalar_one()
    keys = [key.desc() if is_descending else key for key in _ORDERS[order]]
    page = _tags_with_capped_counts.where(matching).order_by(*keys, Tag.id).limit(limit).offset(offset)
    return [TagWithCount._make(row) for row in await session.execute(page)], total


async def find_tags_by_term(session: AsyncSession, term: str, *, limit: int) -> list[TagRow]:
    """Return tags whose name or category contains the term, names starting with it first."""
    begins = func.lower(Tag.name).startswith(term.lower(), autoescape=True)
    statement = (
        _tags.where(_build_search(term))
        .order_by(None)
        .order_by(begins.desc(), func.lower(Tag.name))
        .limit(limit)
    )
    return [TagRow._make(row) for row in await session.execute(statement)]


def _build_search(term: str) -> ColumnElement[bool]:
    if not term:
        return true()
    text = term.lower()
    return or_(*(func.lower(column).contains(text, autoescape=True) for column in (Tag.name, Tag.category)))


async def get_tag_with_capped_count(session: AsyncSession, tag_id: UUID) -> TagWithCount:
    row = (await session.execute(_tags_with_capped_counts.where(Tag.id == tag_id))).one_or_none()
    if row is None:
        raise TagNotFound(f"There is no tag {tag_id}.")
    return TagWithCount._make(row)


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


async def list_tag_names(session: AsyncSession, tag_ids: Iterable[str]) -> dict[str, str]:
    """Return tag names by id. Unknown ids are omitted."""
    ids = [UUID(text) for text in tag_ids if _is_id(text)]
    rows = await session.execute(select(Tag.id, Tag.name).where(Tag.id.in_(ids)))
    return {str(tag_id): name for tag_id, name in rows}


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
