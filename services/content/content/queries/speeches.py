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
_columns = [func.array(_tags) if name == "tags" else getattr(Speech, name) for name in SpeechRow._fields]
_history = [getattr(Speech, name) for name in SpeechStats._fields if name != "statistics"]
_counts = [getattr(SpeechStatistics, field.name) for field in fields(PlayStatistics)]

_speeches = select(*_columns)
_speeches_with_stats = _speeches.add_columns(*_history, *_counts).outerjoin(
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
    found = await _list_with_stats(session, [speech_id])
    if not found:
        raise SpeechNotFound(f"There is no speech {speech_id}.")
    return found[0]


async def list_speeches(session: AsyncSession, wanted: SpeechFilter) -> SpeechListing:
    """List one page, the newest or, with a search, the best match first. Raises the errors of `list_page`."""
    request = PageRequest(
        query=wanted,
        scope=wanted.build_scope("speeches"),
        conditions=_to_conditions(wanted),
        filters_by_tag=wanted.tag_id is not None,
        search=wanted.search,
        sort=wanted.sort,
    )
    page = await list_page(session, request)
    return SpeechListing(await _list_with_stats(session, page.ids), page)


async def find_existing_speeches(session: AsyncSession, texts: Collection[str]) -> set[tuple[str, str]]:
    """Return text and level of the speeches that have one of these texts."""
    rows = await session.execute(select(Speech.text, Speech.level).where(Speech.text.in_(texts)))
    return {(text, level) for text, level in rows}


async def _list_with_stats(session: AsyncSession, speech_ids: Sequence[UUID]) -> list[SpeechWithStats]:
    rows = await session.execute(_speeches_with_stats.where(Speech.id.in_(speech_ids)))
    found = {row.id: _split(tuple(row)) for row in rows}
    return [found[speech_id] for speech_id in speech_ids if speech_id in found]


def _split(row: tuple[Any, ...]) -> SpeechWithStats:
    end, after = len(_columns), len(_columns) + len(_history)
    history, counts = row[end:after], row[after:]
    statistics = PlayStatistics() if counts[0] is None else PlayStatistics(*counts)
    return SpeechWithStats(SpeechRow._make(row[:end]), SpeechStats._make((*history, statistics)))


def _to_conditions(wanted: SpeechFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.archived != "all":
        is_archived = wanted.archived == "true"
        conditions.append(Speech.archived_at.is_not(None) if is_archived else Speech.archived_at.is_(None))
    if wanted.audio_missing:
        conditions.append(Speech.audio_missing_since.is_not(None))
    if wanted.level is not None:
        conditions.append(Speech.level == wanted.level)
    if wanted.type is not None:
        conditions.append(Speech.type == wanted.type)
    if wanted.import_id is not None:
        conditions.append(Speech.import_id == wanted.import_id)
    if wanted.tag_id is not None:
        carries = exists().where(SpeechTag.speech_id == Speech.id, SpeechTag.tag_id == wanted.tag_id)
        conditions.append(carries)
    return conditions
