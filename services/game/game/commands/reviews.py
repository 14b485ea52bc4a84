"""Schedule the reviews of the speeches that a learner has played."""

from collections.abc import Collection, Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Select, Table, Uuid, any_, bindparam, delete, select
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert
from sqlalchemy.ext.asyncio import AsyncSession

from game.domain.reviews import MemoryState, Play, schedule_reviews
from game.domain.sessions import Result
from game.models import GameResult, GameSession, Review
from game.queries.reviews import STATE_COLUMNS
from game.schemas.sessions import SessionSummary

MAX_REVIEWS = 5_000
"""Reviews per learner: more than anyone can keep up with. Those due last are dropped."""
MAX_REPEATED_PLAYS = 10_000
"""Plays from which reviews are computed again, in a tenth of a second. A script can save millions."""

_REVIEWS = cast(Table, Review.__table__)
_COLUMNS = [_REVIEWS.c[column.key] for column in STATE_COLUMNS]


async def schedule_session(
    session: AsyncSession, user_id: UUID, saved: SessionSummary, *, results: Sequence[Result]
) -> None:
    """Schedule the reviews that follow from the results of a session, in order of play."""
    plays = [
        Play(
            speech_id=result.speech_id,
            user_response=result.user_response,
            pronunciation_score=result.pronunciation_score,
            verified=result.verified,
            completed_at=saved.completed_at,
            utc_offset_minutes=saved.utc_offset_minutes,
        )
        for result in results
        if result.user_response != "skipped"
    ]
    if not plays:
        return
    states = await _lock_states(session, user_id, {play.speech_id for play in plays})
    await _store_states(session, user_id, schedule_reviews(states, plays).values())


async def reschedule_speeches(session: AsyncSession, user_id: UUID, speech_ids: Collection[UUID]) -> None:
    """Compute the reviews of these speeches again, from the newest plays that are stored.

    The caller holds the user's lock.
    """
    of_speeches = Review.user_id == user_id, Review.speech_id.in_(speech_ids)
    await session.execute(delete(Review).where(*of_speeches))
    plays = await _list_plays(session, user_id, speech_ids)
    await _store_states(session, user_id, schedule_reviews({}, plays).values())


async def _list_plays(session: AsyncSession, user_id: UUID, speech_ids: Collection[UUID]) -> list[Play]:
    """Return the newest plays of these speeches, oldest first."""
    columns = (
        GameResult.speech_id,
        GameResult.user_response,
        GameResult.pronunciation_score,
        GameResult.verified,
        GameSession.completed_at,
        GameSession.utc_offset_minutes,
    )
    order = GameSession.completed_at, GameSession.saved_at, GameSession.id, GameResult.sequence_number
    newest = (
        select(*columns)
        .join_from(GameSession, GameResult)
        .where(GameSession.user_id == user_id, GameResult.speech_id.in_(speech_ids))
        .order_by(*(column.desc() for column in order))
        .limit(MAX_REPEATED_PLAYS)
    )
    return [Play(**row) for row in reversed((await session.execute(newest)).mappings().all())]


async def _lock_states(
    session: AsyncSession, user_id: UUID, speech_ids: Collection[UUID]
) -> dict[UUID, MemoryState]:
    rows = await session.execute(_SELECT_STATES, {"user_id": user_id, "speech_ids": list(speech_ids)})
    states = [MemoryState(**row) for row in rows.mappings()]
    return {state.speech_id: state for state in states}


def _build_selection() -> Select[Any]:
    of_user = _REVIEWS.c.user_id == bindparam("user_id")
    of_speeches = _REVIEWS.c.speech_id == any_(bindparam("speech_ids", type_=ARRAY(Uuid)))
    # Locked in one order, so that concurrent sessions of a learner wait for each other instead of
    # deadlocking.
    ordered = select(*_COLUMNS).where(of_user, of_speeches).order_by(_REVIEWS.c.speech_id)
    return ordered.with_for_update()


def _build_upsert() -> Insert:
    stored = insert(_REVIEWS)
    values = {column.name: stored.excluded[column.name] for column in _COLUMNS}
    # A concurrent session may have added a speech after `_lock_states` looked for it.
    is_newer = _REVIEWS.c.reviewed_at <= stored.excluded.reviewed_at
    return stored.on_conflict_do_update(index_elements=_REVIEWS.primary_key, set_=values, where=is_newer)


# Statements on the model, built for every session, take two to three times as long.
_SELECT_STATES, _UPSERT_STATES = _build_selection(), _build_upsert()


async def _store_states(session: AsyncSession, user_id: UUID, states: Collection[MemoryState]) -> None:
    if not states:
        return
    in_order = sorted(states, key=lambda state: state.speech_id)
    await session.execute(_UPSERT_STATES, [{"user_id": user_id, **vars(state)} for state in in_order])


async def trim_reviews(session: AsyncSession, user_id: UUID) -> None:
    """Drop the reviews beyond MAX_REVIEWS, which are due last."""
    of_user = Review.user_id == user_id
    # Not by time alone: all speeches of a day with the same result are due together.
    dropped = select(Review.speech_id).where(of_user).order_by(Review.due_at).offset(MAX_REVIEWS)
    await session.execute(delete(Review).where(of_user, Review.speech_id.in_(dropped)))
