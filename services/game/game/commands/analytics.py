"""Maintain the analytics aggregates: sums per day and per speech, which identify no learner."""

# ruff: noqa: S608 - the statements consist of constants and names of tables and columns

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Literal, cast
from uuid import UUID

from shared.data.db import Base
from sqlalchemy import Table, TextClause, Uuid, bindparam, delete, select, text
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from game.models import (
    DailyLevel,
    DailyPhoneme,
    DailyRegistrations,
    DailyScore,
    DailyTag,
    DailyTagScore,
    SpeechFigures,
    SpeechScore,
    UncountedSession,
)

MAX_CHUNK_SESSIONS = 500

# Like `get_local_day`: the learner's local day, or the UTC day where that is unknown.
_DAY = """
    CAST(timezone('UTC', completed_at) + make_interval(mins => coalesce(utc_offset_minutes, 0)) AS date)
    AS day
"""
_COUNTED = f"WITH counted AS (SELECT *, {_DAY} FROM game_sessions WHERE id = ANY(:ids))"
# A score without verification is only a claim of the learner's device.
_SCORES = ":sign * count(*), :sign * sum(pronunciation_score)"
_VERIFIED = "JOIN game_results ON session_id = counted.id WHERE verified AND pronunciation_score IS NOT NULL"
# Only tags that were known when the session was saved: clients can make up any number of others.
_TAGS = """
    CROSS JOIN LATERAL (
        SELECT CAST(tag ->> 'id' AS uuid) AS tag_id FROM jsonb_array_elements(selected_tags) AS tag
        WHERE tag ->> 'name' IS NOT NULL
    ) AS tags
"""
_COUNTS = """:sign * count(*), :sign * sum(total_sentences), :sign * sum(total_sentences - skipped_count),
    :sign * sum(correct_count)"""
# The newest level, regardless of the level when the speech was played. Deleted speeches have no figures.
_LEVEL = "(SELECT level FROM speech_revisions WHERE speech_id = played.id ORDER BY revision DESC LIMIT 1)"
_NOT_DELETED = (
    "NOT EXISTS (SELECT FROM speech_deletions AS gone WHERE gone.speech_id = game_results.speech_id)"
)

# The rows are locked in a fixed order, so that two transactions with the same ones do not deadlock.
_SOURCES: Mapping[type[Base], tuple[str, str]] = {
    SpeechFigures: (
        "speech_id, level, plays, correct",
        f"""
        SELECT id, {_LEVEL}, plays, correct FROM (
            SELECT speech_id AS id, :sign * count(*) AS plays,
                   :sign * count(*) FILTER (WHERE user_response = 'correct') AS correct
            FROM counted JOIN game_results ON session_id = counted.id
            WHERE user_response <> 'skipped' AND {_NOT_DELETED} GROUP BY speech_id
        ) AS played ORDER BY id""",
    ),
    SpeechScore: (
        "speech_id, scorer, scores, score_sum",
        f"""
        SELECT speech_id, coalesce(scorer, ''), {_SCORES} FROM counted {_VERIFIED} AND {_NOT_DELETED}
        GROUP BY 1, 2 ORDER BY 1, 2""",
    ),
    DailyTag: (
        "day, tag_id, sessions, sentences, answered, correct",
        f"SELECT day, tag_id, {_COUNTS} FROM counted {_TAGS} GROUP BY 1, 2 ORDER BY 1, 2",
    ),
    DailyTagScore: (
        "day, tag_id, scorer, scores, score_sum",
        f"""
        SELECT day, tag_id, coalesce(scorer, ''), {_SCORES} FROM counted {_TAGS} {_VERIFIED}
        GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
    ),
    DailyPhoneme: (
        "day, scorer, symbol, scores, score_sum",
        """
        SELECT day, scorer, phoneme ->> 0, :sign * sum(CAST(phoneme ->> 1 AS bigint)),
               :sign * sum(CAST(phoneme ->> 2 AS double precision))
        FROM counted JOIN game_results ON session_id = counted.id,
             jsonb_array_elements(phonemes) AS phoneme
        WHERE verified AND scorer IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
    ),
    DailyScore: (
        "day, level, scorer, bucket, scores, score_sum",
        f"""
        SELECT day, level, coalesce(scorer, ''), least(CAST(floor(pronunciation_score / 10) AS integer), 9),
               {_SCORES}
        FROM counted {_VERIFIED} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4""",
    ),
    DailyLevel: (
        "day, level, sessions, sentences, answered, correct, seconds",
        f"""
        SELECT day, level, {_COUNTS}, :sign * sum(duration_seconds) FROM counted
        GROUP BY 1, 2 ORDER BY 1, 2""",
    ),
}


def _build_upsert(model: type[Base], columns: str, source: str) -> TextClause:
    table = cast(Table, model.__table__)
    keys = [column.name for column in table.primary_key.columns]
    sums = [f"{name} = kept.{name} + excluded.{name}" for name in columns.split(", ") if name not in keys]
    changes = ", ".join(sums).replace("kept.level + ", "")
    return text(f"""
        INSERT INTO {table.name} AS kept ({columns}) {_COUNTED} {source}
        ON CONFLICT ({", ".join(keys)}) DO UPDATE SET {changes}
    """).bindparams(bindparam("ids", type_=ARRAY(Uuid)))


_UPSERTS = [_build_upsert(model, *source) for model, source in _SOURCES.items()]


async def count_waiting_sessions(session: AsyncSession) -> bool:
    """Count a chunk of uncounted sessions. Returns whether more may be waiting."""
    waiting = (
        select(UncountedSession.session_id)
        .order_by(UncountedSession.session_id)
        .limit(MAX_CHUNK_SESSIONS)
        .with_for_update(skip_locked=True)
    )
    statement = delete(UncountedSession).where(UncountedSession.session_id.in_(waiting.scalar_subquery()))
    ids = list(await session.scalars(statement.returning(UncountedSession.session_id)))
    if ids:
        await _add_sessions(session, ids, sign=1)
    return len(ids) == MAX_CHUNK_SESSIONS


async def subtract_session(session: AsyncSession, session_id: UUID) -> None:
    """Subtract a session that is about to be deleted from the aggregates, if they include it."""
    waiting = delete(UncountedSession).where(UncountedSession.session_id == session_id)
    # Waits for a transaction that is counting the session.
    if await session.scalar(waiting.returning(UncountedSession.session_id)) is None:
        await _add_sessions(session, [session_id], sign=-1)


async def _add_sessions(session: AsyncSession, ids: Collection[UUID], *, sign: Literal[1, -1]) -> None:
    for upsert in _UPSERTS:
        await session.execute(upsert, {"ids": ids, "sign": sign})


async def count_registration(session: AsyncSession, *, registered_at: datetime) -> None:
    day = registered_at.astimezone(UTC).date()
    added = insert(DailyRegistrations).values(day=day, registrations=1)
    total = DailyRegistrations.registrations + added.excluded.registrations
    await session.execute(added.on_conflict_do_update(index_elements=["day"], set_={"registrations": total}))


async def update_speech_levels(session: AsyncSession, speech_ids: Collection[UUID]) -> None:
    """Update the speeches' level in the aggregates to that of the newest revision."""
    newest = text("""
        UPDATE speech_figures AS kept SET level = newest.level
        FROM (
            SELECT DISTINCT ON (speech_id) speech_id, level FROM speech_revisions
            WHERE speech_id = ANY(:ids) ORDER BY speech_id, revision DESC
        ) AS newest
        WHERE kept.speech_id = newest.speech_id AND kept.level <> newest.level
    """).bindparams(bindparam("ids", type_=ARRAY(Uuid)))
    await session.execute(newest, {"ids": list(speech_ids)})


async def delete_speech_figures(session: AsyncSession, speech_id: UUID) -> None:
    for table in (SpeechFigures, SpeechScore):
        await session.execute(delete(table).where(table.speech_id == speech_id))
