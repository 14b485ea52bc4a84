from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Any, NamedTuple
from uuid import UUID

from shared.data.cache import cache_query
from sqlalchemy import ColumnElement, exists, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from content.domain.plays import PlayStatistics
from content.domain.speeches import SpeechRow, SpeechStats
from content.errors import SpeechNotFound
from content.models import Speech, SpeechStatistics, SpeechTag, Tag
from content.schemas.speeches import SpeechFilter
from content.search import PageRequest, SpeechIdPage, list_page


class SpeechWithStats(NamedTuple):
    speech: SpeechRow
    stats: SpeechStats


class SpeechListing(NamedTuple):
    speeches: list[SpeechWithStats]
    page: SpeechIdPage


_tags = (
    select(tuple_(Tag.id, Tag.name))
    .join(SpeechTag, SpeechTag.tag_id == Tag.id)
    .where(SpeechTag.speech_id == Speech.id)
    .order_by(Tag.name)
    .scalar_subquery()
)
_speech_columns = [
    func.array(_tags) if name == "tags" else getattr(Speech, name) for name in SpeechRow._fields
]
_stats_columns = [getattr(Speech, name) for name in SpeechStats._fields if name != "statistics"]
_count_columns = [getattr(SpeechStatistics, field.name) for field in fields(PlayStatistics)]

_speeches = select(*_speech_columns)
_speeches_with_stats = _speeches.add_columns(*_stats_columns, *_count_columns).outerjoin(
    SpeechStatistics, SpeechStatistics.speech_id == Speech.id
)


async def get_speech(session: AsyncSession, speech_id: UUID) -> SpeechRow:
    row = (await session.execute(_speeches.where(Speech.id == speech_id))).one_or_none()
    if row is None:
        raise SpeechNotFound(f"There is no speech {speech_id}.")
    return SpeechRow._make(row)


get_cached_speech = cache_query("speech", SpeechRow)(get_speech)


async def get_speech_with_stats(session: AsyncSession, speech_id: UUID) -> SpeechWithStats:
    """Return a speech, or raise SpeechNotFound."""
    speeches = await _list_with_stats(session, [speech_id])
    if not speeches:
        raise SpeechNotFound(f"There is no speech {speech_id}.")
    return speeches[0]


async def list_speeches(session: AsyncSession, filters: SpeechFilter) -> SpeechListing:
    """List one page, the newest or, with a search, the best match first. Raises the errors of `list_page`."""
    request = PageRequest(
        query=filters,
        scope=filters.build_scope("speeches"),
        conditions=_to_conditions(filters),
        filters_by_tag=filters.tag_id is not None,
        search=filters.search,
        sort=filters.sort,
    )
    page = await list_page(session, request)
    return SpeechListing(await _list_with_stats(session, page.ids), page)


async def find_existing_speeches(session: AsyncSession, texts: Collection[str]) -> set[tuple[str, str]]:
    """Return text and level of the speeches that have one of these texts."""
    rows = await session.execute(select(Speech.text, Speech.level).where(Speech.text.in_(texts)))
    return {(text, level) for text, level in rows}


async def _list_with_stats(session: AsyncSession, speech_ids: Sequence[UUID]) -> list[SpeechWithStats]:
    rows = await session.execute(_speeches_with_stats.where(Speech.id.in_(speech_ids)))
    speeches_by_id = {row.id: _to_speech_with_stats(tuple(row)) for row in rows}
    return [speeches_by_id[speech_id] for speech_id in speech_ids if speech_id in speeches_by_id]


def _to_speech_with_stats(row: tuple[Any, ...]) -> SpeechWithStats:
    end, after = len(_speech_columns), len(_speech_columns) + len(_stats_columns)
    history, counts = row[end:after], row[after:]
    statistics = PlayStatistics() if counts[0] is None else PlayStatistics(*counts)
    return SpeechWithStats(SpeechRow._make(row[:end]), SpeechStats._make((*history, statistics)))


def _to_conditions(filters: SpeechFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.archived != "all":
        is_archived = filters.archived == "true"
        conditions.append(Speech.archived_at.is_not(None) if is_archived else Speech.archived_at.is_(None))
    if filters.audio_missing:
        conditions.append(Speech.audio_missing_since.is_not(None))
    if filters.level is not None:
        conditions.append(Speech.level == filters.level)
    if filters.type is not None:
        conditions.append(Speech.type == filters.type)
    if filters.import_id is not None:
        conditions.append(Speech.import_id == filters.import_id)
    if filters.tag_id is not None:
        has_tag = exists().where(SpeechTag.speech_id == Speech.id, SpeechTag.tag_id == filters.tag_id)
        conditions.append(has_tag)
    return conditions
