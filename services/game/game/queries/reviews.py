from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.clock import utc_now
from shared.data.storage import Storage
from sqlalchemy import ColumnElement, RowMapping, Select, and_, extract, func, lateral, literal, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from game.domain.reviews import MemoryState, compute_retrievability
from game.models import Review, SpeechDeletion, SpeechRevision
from game.schemas.reviews import ReviewFilter, ReviewList, ReviewRead

STATE_COLUMNS = tuple(getattr(Review, field.name) for field in fields(MemoryState))
SPEECH_FIELDS = ("text", "level", "type", "tags", "audio_key", "duration_ms")
DAY_SECONDS = 86_400


async def list_reviews(
    session: AsyncSession, user_id: UUID, *, filters: ReviewFilter, storage: Storage
) -> ReviewList:
    """List the reviews that are due, the least retrievable speech first."""
    now = utc_now()
    rows = (await session.execute(_select_due(user_id, filters, now=now))).mappings()
    return ReviewList(reviews=[_to_review(row, storage, now=now) for row in rows])


def _select_due(user_id: UUID, filters: ReviewFilter, *, now: datetime) -> Select[Any]:
    urgency = _build_urgency(now).label("urgency")
    due = (
        select(Review, urgency)
        .where(Review.user_id == user_id, Review.due_at <= now)
        # Sorted before the speeches are joined: the join ends at the limit.
        .order_by(urgency.desc(), Review.due_at, Review.speech_id)
        .subquery("due")
    )
    of_speech = SpeechRevision.speech_id == due.c.speech_id
    newest_first = select(SpeechRevision).where(of_speech).order_by(SpeechRevision.revision.desc())
    newest = lateral(newest_first.limit(1)).alias("newest")
    is_deleted = select(SpeechDeletion).where(SpeechDeletion.speech_id == due.c.speech_id).exists()
    in_play = and_(newest.c.archived_at.is_(None), ~is_deleted)
    columns = (*(due.c[column.key] for column in STATE_COLUMNS), *(newest.c[name] for name in SPEECH_FIELDS))
    statement = select(*columns).select_from(due).join(newest, true()).where(in_play)
    if filters.level:
        statement = statement.where(newest.c.level == filters.level)
    return statement.order_by(due.c.urgency.desc(), due.c.due_at, due.c.speech_id).limit(filters.limit)


def _build_urgency(now: datetime) -> ColumnElement[Any]:
    """Return the elapsed days in units of stability: nothing else determines retrievability."""
    overdue_days = func.floor(extract("epoch", literal(now) - Review.due_at) / DAY_SECONDS)
    return (Review.interval_days + overdue_days) / Review.stability


def _to_review(row: RowMapping, storage: Storage, *, now: datetime) -> ReviewRead:
    state = MemoryState(**{column.key: row[column.key] for column in STATE_COLUMNS})
    signed = storage.presign(row["audio_key"])
    audio = {"audio_url": signed.url, "audio_expires_at": signed.expires_at}
    speech = {name: row[name] for name in SPEECH_FIELDS} | audio | {"id": state.speech_id}
    review = {
        "speech": speech,
        "due_at": state.due_at,
        "retrievability": compute_retrievability(state, now=now),
        "last_result": {**vars(state), "completed_at": state.reviewed_at},
    }
    return ReviewRead.model_validate(review)
