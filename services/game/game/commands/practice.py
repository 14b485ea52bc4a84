"""Maintain each learner's practice totals: speeches, tags and phonemes, and the scorers of the scores."""

# ruff: noqa: S608 - the statements consist of constants and names of tables and columns

from collections.abc import Collection, Mapping
from typing import Literal, cast
from uuid import UUID

from shared.data.db import Base
from sqlalchemy import Table, Uuid, bindparam, delete, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from game.domain.clock import UNKNOWN_OFFSET
from game.models import GameSession, PractisedPhoneme, PractisedScorer, PractisedSpeech, PractisedTag

MAX_CHUNK_SESSIONS = 500
type PractisedTable = PractisedSpeech | PractisedTag | PractisedScorer | PractisedPhoneme

_PLAYED = """
    counted AS (
        SELECT id, user_id, started_at, completed_at, utc_offset_minutes
        FROM game_sessions WHERE id = ANY(:ids) AND practice_counted
    ),
    played AS (SELECT * FROM counted JOIN game_results ON session_id = counted.id)
"""
# The revision that was current when the session started, as the history shows it.
_TAGS = """
    CROSS JOIN LATERAL (
        SELECT tags FROM speech_revisions AS revisions WHERE revisions.speech_id = played.speech_id
        ORDER BY CASE WHEN since <= started_at THEN revision ELSE -revision END DESC LIMIT 1
    ) AS shown
    CROSS JOIN LATERAL (
        SELECT CAST(tag ->> 'id' AS uuid) AS tag_id FROM jsonb_array_elements(shown.tags) AS tag
    ) AS tags
"""
_CORRECT = ":sign * count(*) FILTER (WHERE user_response = 'correct')"
# A score without verification is only a claim of the learner's device.
_VERIFIED = "FILTER (WHERE verified)"

_OFFSET = f"coalesce(utc_offset_minutes, {UNKNOWN_OFFSET})"

# In the order of the columns that they fill. Rows are locked in a fixed order, so that two transactions with
# the same ones do not deadlock.
_SOURCES: Mapping[type[Base], str] = {
    PractisedSpeech: f"""
        SELECT user_id, speech_id, :sign * count(*), {_CORRECT},
               :sign * count(pronunciation_score) {_VERIFIED},
               :sign * coalesce(sum(pronunciation_score) {_VERIFIED}, 0), max(started_at)
        FROM played WHERE user_response <> 'skipped' GROUP BY 1, 2 ORDER BY 1, 2""",
    PractisedTag: f"""
        SELECT user_id, tag_id, :sign * count(DISTINCT session_id), :sign * count(*), {_CORRECT},
               :sign * coalesce(sum(pronunciation_score), 0), :sign * count(pronunciation_score)
        FROM played {_TAGS} GROUP BY 1, 2 ORDER BY 1, 2""",
    PractisedScorer: f"""
        SELECT user_id, scorer, {_OFFSET}, :sign * count(*), :sign * sum(pronunciation_score),
               min(completed_at), max(completed_at)
        FROM played WHERE scorer IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
    PractisedPhoneme: """
        SELECT user_id, scorer, phoneme ->> 0, :sign * sum(CAST(phoneme ->> 1 AS bigint)),
               :sign * sum(CAST(phoneme ->> 2 AS double precision)), max(started_at)
        FROM played, jsonb_array_elements(phonemes) AS phoneme
        WHERE verified AND scorer IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
}


def _build_upsert(model: type[Base], source: str) -> str:
    table = cast(Table, model.__table__)
    keys = [column.name for column in table.primary_key.columns]
    columns = [column.name for column in table.columns if column.computed is None]
    changes = [_build_change(name) for name in columns if name not in keys]
    return f"""
        INSERT INTO {table.name} AS kept ({", ".join(columns)}) {source}
        ON CONFLICT ({", ".join(keys)}) DO UPDATE SET {", ".join(changes)}
    """


def _build_change(name: str) -> str:
    match name.partition("_")[0]:
        case "first":
            return f"{name} = least(kept.{name}, excluded.{name})"
        case "last":
            return f"{name} = greatest(kept.{name}, excluded.{name})"
        case _:
            # The subtracted amount may have been added to another row: tags may arrive after their session.
            return f"{name} = greatest(kept.{name} + excluded.{name}, 0)"


# One statement: on a busy server, each further one would delay the saving of a session.
_CHANGES = [
    f"{model.__tablename__} AS ({_build_upsert(model, source)})" for model, source in _SOURCES.items()
]
_UPSERT = text(f"WITH {_PLAYED}, {', '.join(_CHANGES)} SELECT 1").bindparams(
    bindparam("ids", type_=ARRAY(Uuid))
)


async def add_practice(session: AsyncSession, ids: Collection[UUID]) -> None:
    """Add sessions that are marked as counted."""
    await _add(session, ids, sign=1)


async def _add(session: AsyncSession, ids: Collection[UUID], *, sign: Literal[1, -1]) -> None:
    await session.execute(_UPSERT, {"ids": list(ids), "sign": sign})


async def count_earlier_practice(session: AsyncSession) -> bool:
    """Count a chunk of sessions that an earlier version saved. Returns whether more may be waiting."""
    waiting = (
        select(GameSession.id)
        .where(~GameSession.practice_counted)
        .order_by(GameSession.id)
        .limit(MAX_CHUNK_SESSIONS)
        .with_for_update(skip_locked=True)
    )
    marked = update(GameSession).where(GameSession.id.in_(waiting.scalar_subquery()))
    ids = list(await session.scalars(marked.values(practice_counted=True).returning(GameSession.id)))
    if ids:
        await add_practice(session, ids)
    return len(ids) == MAX_CHUNK_SESSIONS


# Their latest session may be the deleted one.
_LATEST = text("""
    UPDATE practised_speeches AS kept SET last_played_at = latest.started_at
    FROM (
        SELECT speech_id, max(started_at) AS started_at
        FROM game_sessions JOIN game_results ON session_id = id
        WHERE user_id = :user_id AND id <> :id AND practice_counted AND user_response <> 'skipped'
          AND speech_id IN (SELECT speech_id FROM game_results WHERE session_id = :id)
        GROUP BY 1
    ) AS latest
    WHERE kept.user_id = :user_id AND kept.speech_id = latest.speech_id
      AND kept.last_played_at <> latest.started_at
""").bindparams(bindparam("id", type_=Uuid), bindparam("user_id", type_=Uuid))


_LATEST_USE = text(f"""
    UPDATE practised_scorers AS kept SET first_used_at = used.first, last_used_at = used.last
    FROM (
        SELECT scorer, {_OFFSET} AS utc_offset, min(completed_at) AS first, max(completed_at) AS last
        FROM game_sessions JOIN game_results ON session_id = id
        WHERE user_id = :user_id AND id <> :id AND practice_counted
          AND scorer IN (SELECT scorer FROM game_results WHERE session_id = :id)
        GROUP BY 1, 2
    ) AS used
    WHERE kept.user_id = :user_id AND kept.scorer = used.scorer AND kept.utc_offset_minutes = used.utc_offset
      AND (kept.first_used_at, kept.last_used_at) <> (used.first, used.last)
""").bindparams(bindparam("id", type_=Uuid), bindparam("user_id", type_=Uuid))


async def subtract_practice(session: AsyncSession, deleted: GameSession) -> None:
    """Subtract a session that is about to be deleted, if it was counted. Requires the learner's lock."""
    await _add(session, [deleted.id], sign=-1)
    await _delete_empty(session, PractisedSpeech, deleted.user_id, PractisedSpeech.attempts)
    await _delete_empty(session, PractisedTag, deleted.user_id, PractisedTag.sentences)
    await _delete_empty(session, PractisedScorer, deleted.user_id, PractisedScorer.scores)
    await _delete_empty(session, PractisedPhoneme, deleted.user_id, PractisedPhoneme.scores)
    for latest in (_LATEST, _LATEST_USE):
        await session.execute(latest, {"id": deleted.id, "user_id": deleted.user_id})


async def _delete_empty(
    session: AsyncSession, table: type[PractisedTable], user_id: UUID, count: InstrumentedAttribute[int]
) -> None:
    # A tag that arrived after its session was saved is subtracted without having been added.
    await session.execute(delete(table).where(table.user_id == user_id, count <= 0))
