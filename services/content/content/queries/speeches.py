"""Reads of the catalogue, and the draw from it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypedDict
from uuid import UUID

from sqlalchemy import JSON, func, select, text, type_coerce
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncSession

from content.domain.plays import PlayStatistics
from content.errors import SpeechNotFound
from content.models import Speech, SpeechStatistics, SpeechTag, Tag


class SpeechTagRow(TypedDict):
    """A tag as a speech carries it."""

    id: str
    name: str


class SpeechRow(NamedTuple):
    """A speech as learners get it."""

    id: UUID
    text: str
    audio_key: str
    duration_ms: int
    level: str
    type: str
    tags: list[SpeechTagRow]


class SpeechStats(NamedTuple):
    """What has become of a speech since it was added."""

    revision: int
    created_at: datetime
    updated_at: datetime
    plays: PlayStatistics


_tag = func.json_build_object(text("'id'"), Tag.id, text("'name'"), Tag.name)
_tags = (
    select(func.coalesce(func.json_agg(aggregate_order_by(_tag, Tag.name)), func.json_build_array()))
    .join(SpeechTag, SpeechTag.tag_id == Tag.id)
    .where(SpeechTag.speech_id == Speech.id)
    .scalar_subquery()
)
_speeches = select(
    Speech.id,
    Speech.text,
    Speech.audio_key,
    Speech.duration_ms,
    Speech.level,
    Speech.type,
    type_coerce(_tags, JSON),
)
_with_history = _speeches.add_columns(
    Speech.revision,
    Speech.created_at,
    Speech.updated_at,
    SpeechStatistics.plays,
    SpeechStatistics.correct,
    SpeechStatistics.scored,
    SpeechStatistics.score_sum,
).outerjoin(SpeechStatistics, SpeechStatistics.speech_id == Speech.id)


async def find_existing_speeches(session: AsyncSession, texts: Collection[str]) -> set[tuple[str, str]]:
    """Text and level of the speeches that have one of these texts."""
    rows = await session.execute(select(Speech.text, Speech.level).where(Speech.text.in_(texts)))
    return {(text, level) for text, level in rows}


async def speech(session: AsyncSession, speech_id: UUID) -> SpeechRow:
    """A speech. Raises SpeechNotFound."""
    row = (await session.execute(_speeches.where(Speech.id == speech_id))).one_or_none()
    if row is None:
        raise SpeechNotFound(f"There is no speech {speech_id}.")
    return SpeechRow._make(row)


async def list_speeches_with_stats(
    session: AsyncSession, speech_ids: Sequence[UUID]
) -> list[tuple[SpeechRow, SpeechStats]]:
    """Those of the speeches that are there, in the given order."""
    rows = await session.execute(_with_history.where(Speech.id.in_(speech_ids)))
    found = {row.id: _history_of(tuple(row)) for row in rows}
    return [found[speech_id] for speech_id in speech_ids if speech_id in found]


async def get_speech_with_stats(session: AsyncSession, speech_id: UUID) -> tuple[SpeechRow, SpeechStats]:
    """A speech, and what has become of it since it was added. Raises SpeechNotFound."""
    found = await list_speeches_with_stats(session, [speech_id])
    if not found:
        raise SpeechNotFound(f"There is no speech {speech_id}.")
    return found[0]


def _history_of(row: Sequence[Any]) -> tuple[SpeechRow, SpeechStats]:
    speech, (revision, created_at, updated_at, *plays) = row[:7], row[7:]
    kept = PlayStatistics() if plays[0] is None else PlayStatistics(*plays)
    return SpeechRow._make(speech), SpeechStats(revision, created_at, updated_at, kept)
