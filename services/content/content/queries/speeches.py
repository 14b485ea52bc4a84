"""Reads of the catalogue, and the draw from it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypedDict
from uuid import UUID

from sqlalchemy import JSON, func, select, text, type_coerce
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncSession

from content.domain.plays import Plays
from content.errors import SpeechNotFound
from content.models import Speech, SpeechStatistics, SpeechTag, Tag


class CarriedTag(TypedDict):
    """A tag as a speech carries it."""

    id: str
    name: str


class StoredSpeech(NamedTuple):
    """A speech as learners get it."""

    id: UUID
    text: str
    audio_key: str
    duration_ms: int
    level: str
    type: str
    tags: list[CarriedTag]


class SpeechHistory(NamedTuple):
    """What has become of a speech since it was added."""

    revision: int
    created_at: datetime
    updated_at: datetime
    plays: Plays


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


async def known_speeches(session: AsyncSession, texts: Collection[str]) -> set[tuple[str, str]]:
    """Text and level of the speeches that have one of these texts."""
    rows = await session.execute(select(Speech.text, Speech.level).where(Speech.text.in_(texts)))
    return {(text, level) for text, level in rows}


async def speech(session: AsyncSession, speech_id: UUID) -> StoredSpeech:
    """A speech. Raises SpeechNotFound."""
    row = (await session.execute(_speeches.where(Speech.id == speech_id))).one_or_none()
    if row is None:
        raise SpeechNotFound(f"There is no speech {speech_id}.")
    return StoredSpeech._make(row)


async def speeches_with_history(
    session: AsyncSession, speech_ids: Sequence[UUID]
) -> list[tuple[StoredSpeech, SpeechHistory]]:
    """Those of the speeches that are there, in the given order."""
    rows = await session.execute(_with_history.where(Speech.id.in_(speech_ids)))
    found = {row.id: _history_of(tuple(row)) for row in rows}
    return [found[speech_id] for speech_id in speech_ids if speech_id in found]


async def speech_with_history(session: AsyncSession, speech_id: UUID) -> tuple[StoredSpeech, SpeechHistory]:
    """A speech, and what has become of it since it was added. Raises SpeechNotFound."""
    found = await speeches_with_history(session, [speech_id])
    if not found:
        raise SpeechNotFound(f"There is no speech {speech_id}.")
    return found[0]


def _history_of(row: Sequence[Any]) -> tuple[StoredSpeech, SpeechHistory]:
    speech, (revision, created_at, updated_at, *plays) = row[:7], row[7:]
    kept = Plays() if plays[0] is None else Plays(*plays)
    return StoredSpeech._make(speech), SpeechHistory(revision, created_at, updated_at, kept)
