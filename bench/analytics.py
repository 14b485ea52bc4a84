"""Latency of the analytics at ten million results: `make bench WHAT=analytics`.

It starts a PostgreSQL with the small settings of the embedded run, makes a million sessions (SESSIONS=100000
makes fewer), counts them as the worker does, and prints the median and the 95th percentile of each response.
It needs an otherwise idle machine.
"""

# ruff: noqa: S608 - the statements are made of constants

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import date
from uuid import uuid4

from game.commands import analytics as commands
from game.commands.sessions import delete_session
from game.models import GameSession
from game.panel.analytics import get_analytics
from game.queries.analytics import get_activity_overview, get_retention
from game.queries.sessions import list_all_sessions
from game.queries.speech_analytics import list_speech_analytics
from game.schemas.analytics import ActivityFilter, SpeechAnalyticsFilter
from game.schemas.sessions import AllSessionsFilter
from shared.data.db import Database, create_engine
from shared.data.migrations import upgrade
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bench.search import compute_percentile, run_alone, time_call
from bench.system import run_on_postgres

SESSIONS = int(os.environ.get("SESSIONS", "1000000"))
RESULTS, SPEECHES, LEARNERS, DAYS = 10, 200_000, 100_000, 365
ROUNDS, BOUND_MS = 20, 1000.0
MEASURED_CHUNKS, BULK_CHUNK_SESSIONS = 20, 250_000
LAST_DAY = date(2026, 3, 31)
YEAR = ActivityFilter.model_validate({"from": "2025-04-01", "to": LAST_DAY.isoformat()})
LEVELS = "(ARRAY['A1', 'A2', 'B1', 'B2', 'C1', 'C2'])"
# Like the UUIDv7 of the sessions, they grow: their index is filled from one end.
SESSION_ID = "lpad(to_hex(n), 32, '0')::uuid"
FILL = (
    # Checking ten million foreign keys would take longer than inserting the rows.
    "ALTER TABLE game_results DISABLE TRIGGER ALL",
    f"""
    INSERT INTO speech_revisions
    SELECT md5('s' || n)::uuid, 1, '2025-01-01', 'Sentence ' || n, {LEVELS}[1 + n % 6], 'answer', '[]',
           'a.mp3', 1000
    FROM generate_series(1, {SPEECHES}) AS n
    """,
    # Some learners play much more often than others, and they began on different days.
    f"""
    INSERT INTO game_sessions (
        id, user_id, request_sha256, mode, level, selected_tags, duration_seconds, started_at, completed_at,
        total_sentences, correct_count, incorrect_count, skipped_count, max_streak, score_sum, scored_count
    )
    SELECT {SESSION_ID}, md5('u' || floor({LEARNERS} * power(random(), 2)))::uuid, '', 'listen_only',
           {LEVELS}[1 + n % 6],
           jsonb_build_array(jsonb_build_object('id', md5('t' || n % 100)::uuid, 'name', 'tag ' || n % 100)),
           60 + n % 500, at, at, {RESULTS}, 7, 2, 1, 5, 700, {RESULTS}
    FROM generate_series(1, {SESSIONS}) AS n,
         LATERAL (SELECT timestamptz '2025-04-01' + n % {DAYS} * interval '1 day' AS at) AS times
    """,
    f"""
    INSERT INTO game_results (
        session_id, sequence_number, speech_id, user_response, response_time_ms, pronunciation_score,
        verified, scorer, phonemes
    )
    SELECT {SESSION_ID}, k, md5('s' || 1 + (n * 7919::bigint + k * 104729) % {SPEECHES})::uuid,
           (ARRAY['correct', 'correct', 'correct', 'incorrect', 'skipped'])[1 + (n + k) % 5], 900,
           (n * 31 + k * 7) % 101, true, 'offline-' || 1 + n % 2,
           CASE WHEN k = 1 THEN '[["TH", 2, 120.5], ["AH", 1, 80.0]]'::jsonb END
    FROM generate_series(1, {SESSIONS}) AS n, generate_series(1, {RESULTS}) AS k
    """,
    """
    INSERT INTO daily_activity
    SELECT user_id, completed_at::date, count(*), 10 * count(*), 7 * count(*), sum(duration_seconds)
    FROM game_sessions GROUP BY 1, 2
    """,
    f"""
    INSERT INTO daily_registrations
    SELECT date '2025-04-01' + n, 270 FROM generate_series(0, {DAYS} - 1) AS n
    """,
    "INSERT INTO tag_names SELECT md5('t' || n)::uuid, 'tag ' || n, now() FROM generate_series(0, 99) AS n",
    "ALTER TABLE game_results ENABLE TRIGGER ALL",
)

type Query = Callable[[AsyncSession], Awaitable[object]]
CASES: dict[str, Query] = {
    "page, 30 days": lambda session: get_analytics(session, ActivityFilter(to=LAST_DAY)),
    "page, a year": lambda session: get_analytics(session, YEAR),
    "overview, 30 days": lambda session: get_activity_overview(session, period=ActivityFilter(to=LAST_DAY)),
    "overview, a year": lambda session: get_activity_overview(session, period=YEAR),
    "retention, 30 days": lambda session: get_retention(session, period=ActivityFilter(to=LAST_DAY)),
    "retention, a year": lambda session: get_retention(session, period=YEAR),
    "speeches, hardest": lambda session: list_speech_analytics(session, filters=SpeechAnalyticsFilter()),
    "speeches, level, plays": lambda session: list_speech_analytics(
        session, filters=SpeechAnalyticsFilter(level="C2", sort="most_played")
    ),
    "speeches, page 200": lambda session: list_speech_analytics(
        session, filters=SpeechAnalyticsFilter(page=200)
    ),
    "speeches, suggested": lambda session: list_speech_analytics(
        session, filters=SpeechAnalyticsFilter(suggested=True, sort="easiest")
    ),
    "sessions": lambda session: list_all_sessions(session, filters=AllSessionsFilter()),
    "sessions, page 200": lambda session: list_all_sessions(session, filters=AllSessionsFilter(page=200)),
    "sessions, level, mode": lambda session: list_all_sessions(
        session, filters=AllSessionsFilter(level="B2", mode="listen_only")
    ),
    "sessions, no such mode": lambda session: list_all_sessions(
        session, filters=AllSessionsFilter(mode="listen_and_repeat")
    ),
    "sessions, a day": lambda session: list_all_sessions(
        session, filters=AllSessionsFilter(from_date=LAST_DAY, to_date=LAST_DAY)
    ),
    "sessions, a year": lambda session: list_all_sessions(
        session, filters=AllSessionsFilter(from_date=YEAR.from_, to_date=LAST_DAY)
    ),
    "sessions, a year, no such mode": lambda session: list_all_sessions(
        session, filters=AllSessionsFilter(from_date=YEAR.from_, to_date=LAST_DAY, mode="listen_and_repeat")
    ),
}


async def measure(url: str) -> list[str]:
    """Fill the database, measure every case, and return the broken bounds."""
    await asyncio.to_thread(upgrade, "game", url)
    engine = create_engine(url, name="bench", statement_timeout_ms=0)
    database = Database(engine)
    started = time.monotonic()
    for statement in FILL:
        await run_alone(engine, statement)
    await run_alone(engine, "VACUUM ANALYZE")
    print(f"{SESSIONS * RESULTS:,} results in {time.monotonic() - started:.0f} s", flush=True)
    await count_sessions(database)
    await run_alone(engine, "VACUUM ANALYZE")
    print(f"counted after {time.monotonic() - started:.0f} s", flush=True)
    broken = [slow for name, case in CASES.items() if (slow := await measure_case(database, name, case))]
    await measure_deletions(database)
    await engine.dispose()
    return broken


async def count_sessions(database: Database) -> None:
    """Count all sessions: the first chunks like the worker, and the rest in larger ones."""
    size = commands.MAX_CHUNK_SESSIONS
    times_ms = [await time_call(count_chunk(database)) for _ in range(MEASURED_CHUNKS)]
    print(f"a chunk of {size} sessions is counted in {statistics.median(times_ms):.0f} ms", flush=True)
    commands.MAX_CHUNK_SESSIONS = BULK_CHUNK_SESSIONS
    while await count_chunk(database):
        pass
    commands.MAX_CHUNK_SESSIONS = size


async def count_chunk(database: Database) -> bool:
    async with database.transaction(is_long=True) as session:
        return await commands.count_waiting_sessions(session)


async def measure_case(database: Database, name: str, query: Query) -> str | None:
    async def run_query() -> None:
        async with database.transaction() as session:
            await query(session)

    await run_query()
    times_ms = [await time_call(run_query()) for _ in range(ROUNDS)]
    slowest = compute_percentile(times_ms, 95)
    print(f"{name:28}{statistics.median(times_ms):>8.1f}/{slowest:>7.1f} ms", flush=True)
    return f"{name}: p95 is {slowest:.0f} ms" if slowest > BOUND_MS else None


async def measure_deletions(database: Database) -> None:
    async def delete() -> None:
        async with database.transaction() as session:
            first = select(GameSession.id).order_by(GameSession.id).limit(1)
            await delete_session(session, (await session.execute(first)).scalar_one(), actor=uuid4())

    times_ms = [await time_call(delete()) for _ in range(ROUNDS)]
    p50, p95 = statistics.median(times_ms), compute_percentile(times_ms, 95)
    print(f"{'deletion of a session':28}{p50:>8.1f}/{p95:>7.1f} ms")


if __name__ == "__main__":
    sys.exit(run_on_postgres(measure))
