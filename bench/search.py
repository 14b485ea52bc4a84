"""Latency of the editors' list at a million speeches: `make bench WHAT=search`.

It starts a PostgreSQL with the small settings of the embedded run and fills it. For every kind of search, it
prints the median and the 95th percentile of the first page and of a deep page, and their ratio. Then half of
the speeches are archived, and everything is measured again. This takes a few minutes and needs an otherwise
idle machine.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable
from typing import Any
from uuid import UUID

from content.queries.speeches import list_speeches
from content.schemas.speeches import SpeechFilter
from content.search import SpeechIdPage
from shared.data.db import Database, create_engine
from shared.data.migrations import upgrade
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.system import run_on_postgres

ROUNDS, WARM_UP, DEEP = 60, 5, 30
BOUND_MS, MAX_DEEP_RATIO = 50.0, 1.2
ATTEMPTS = 3
SPEECHES = 1_000_000
# Occurrences of each word per thousand speeches. The made-up rest are in about fifty speeches each.
SHARES = {"airport": 500, "passport": 200, "station": 40, "sister": 10, "bakery": 3, "museum": 1}
SHARES |= {"the": 600, "look": 20, "after": 100}
TAGS = "INSERT INTO tags (name, category) SELECT 't' || n, 'x' FROM generate_series(1, 100) AS n"
FILL = """
    INSERT INTO speeches (text, level, type, audio_key, duration_ms)
    SELECT concat_ws(' ', {words}, 'w' || (n * 7919::bigint) % {rare}, 'w' || (n * 104729::bigint) % {rare},
                     'w' || (n * 15485863::bigint) % {rare}),
           (ARRAY['A1', 'A2', 'B1', 'B2', 'C1', 'C2'])[1 + (hashint8(n)::bigint + 2147483648) % 6],
           CASE WHEN hashint8(n + 1) & 1 = 0 THEN 'question' ELSE 'answer' END, 'seed/' || n || '.mp3', 2000
    FROM generate_series(1, {speeches}) AS n
"""
TAG = """
    INSERT INTO speech_tags
    SELECT DISTINCT speeches.id, tags.id FROM speeches CROSS JOIN generate_series(1, 3) AS k
    JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM tags) AS tags
    ON place = 1 + (hashint8(number * 3 + k)::bigint + 2147483648) % 100
"""
PLAY = """
    INSERT INTO speech_statistics
    SELECT id, plays, plays * (hashint8(number * 13)::bigint + 2147483648) / 4294967296, 0, 0
    FROM (SELECT *, 1 + (hashint8(number * 11)::bigint + 2147483648) % 2000 AS plays FROM speeches) AS played
    WHERE plays % 10 <> 0
"""
MARK_MISSING_RECORDINGS = "UPDATE speeches SET audio_missing_since = now() WHERE number % 5000 = 0"
ARCHIVE_HALF = "UPDATE speeches SET archived_at = now() WHERE hashint8(number * 77) & 1 = 0"
CASES: dict[str, dict[str, Any]] = {
    "no search": {},
    "level": {"level": "B1"},
    "tag": {"tag_id": True},
    "rare word": {"search": "w77"},
    "word in 0.1 %": {"search": "museum"},
    "word in 1 %": {"search": "sister"},
    "word in 4 %": {"search": "station"},
    "word in 50 %": {"search": "airport"},
    "prefix, rare": {"search": "w123*"},
    "prefix in 0.1 %": {"search": "museu*"},
    "prefix in 1 %": {"search": "siste*"},
    "prefix in 20 %": {"search": "pass*"},
    "incomplete word": {"search": "passpor"},
    "phrase, rare": {"search": '"sister bakery"'},
    "phrase, common": {"search": '"airport passport"'},
    "phrase that never occurs": {"search": '"passport airport"'},
    "function word": {"search": "the"},
    "function words, tag": {"search": "the after", "tag_id": True},
    "phrasal verb": {"search": '"look after"'},
    "word, function word": {"search": "look after"},
    "word in 4 % + level": {"search": "station", "level": "B1"},
    "word in 4 % + level, type": {"search": "station", "level": "B1", "type": "question"},
    "word in 50 % + tag": {"search": "airport", "tag_id": True},
    "word in 4 % + tag": {"search": "station", "tag_id": True},
    "word in 1 % + tag": {"search": "sister", "tag_id": True},
    "word in 50 % + all": {"search": "airport", "tag_id": True, "level": "B1", "type": "question"},
    "missing audio": {"audio_missing": True},
    "missing audio + level": {"audio_missing": True, "level": "B1"},
}
SORTED_BOUND_MS = 250.0
SORT_CASES = {
    f"{sort}{name}": {"sort": sort, **filters}
    for sort in ("text", "most_played", "hardest")
    for name, filters in {
        "": dict[str, Any](),
        ", page 100": {"page": 100},
        " + level": {"level": "B1"},
        " + tag": {"tag_id": True},
        " + tag, page 100": {"tag_id": True, "page": 100},
        " + tag, type, page 100": {"tag_id": True, "type": "question", "page": 100},
        " + all, page 100": {"level": "B1", "type": "question", "tag_id": True, "page": 100},
        " + missing audio": {"audio_missing": True},
        " + archived": {"archived": "true"},
    }.items()
}


async def measure(url: str) -> list[str]:
    """Fill the database, measure every case, and return the broken bounds."""
    await asyncio.to_thread(upgrade, "content", url)
    engine = create_engine(url, name="bench", statement_timeout_ms=0)
    database = Database(engine)
    started = time.monotonic()
    tag_id = await fill(database, SPEECHES)
    await run_alone(engine, "VACUUM ANALYZE")
    print(f"{SPEECHES:,} speeches in {time.monotonic() - started:.0f} s")
    broken = await measure_cases(database, tag_id)
    await run_alone(engine, ARCHIVE_HALF)
    await run_alone(engine, "VACUUM ANALYZE")
    print("half of them are archived")
    broken += await measure_cases(database, tag_id)
    await engine.dispose()
    return broken


async def run_alone(engine: AsyncEngine, statement: str) -> None:
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text(statement))


async def measure_cases(database: Database, tag_id: UUID) -> list[str]:
    print(f"{'':28}{'first page':>16}{'deep page':>16}{'p95 ratio':>11}   (p50 / p95, ms)")
    broken: list[str] = []
    for name, case in (CASES | SORT_CASES).items():
        filters = SpeechFilter(**{**case, **({"tag_id": tag_id} if "tag_id" in case else {})})
        for _ in range(ATTEMPTS):
            if not (comparison := await compare(database, name, filters)):
                break
        broken += comparison
    return broken


async def fill(database: Database, speeches: int) -> UUID:
    """Add speeches with three of a hundred tags each, and return the id of one of the tags."""
    words = ", ".join(
        f"CASE WHEN (hashint8(n * 31 + {salt})::bigint + 2147483648) % 1000 < {share} THEN '{word}' END"
        for salt, (word, share) in enumerate(SHARES.items())
    )
    async with database.transaction(is_long=True) as session:
        await session.execute(text(TAGS))
        await session.execute(
            text(FILL.format(words=words, rare=max(100, speeches // 16), speeches=speeches))
        )
        for statement in (TAG, PLAY, MARK_MISSING_RECORDINGS):
            await session.execute(text(statement))
        tag_id: UUID = (await session.scalars(text("SELECT id FROM tags WHERE name = 't5'"))).one()
    return tag_id


async def compare(database: Database, name: str, filters: SpeechFilter) -> list[str]:
    """Measure the first and a deep page alternately, so that noise affects both. Return the broken bounds."""
    deep = filters
    for _ in range(DEEP):
        if (cursor := (await list_page(database, deep)).next_cursor) is None:
            break
        deep = filters.model_copy(update={"cursor": cursor})
    times: dict[str, list[float]] = {"first": [], "deep": []}
    for number in range(ROUNDS + WARM_UP):
        for page, page_filters in (("first", filters), ("deep", deep)):
            milliseconds = await time_call(list_page(database, page_filters))
            if number >= WARM_UP:
                times[page].append(milliseconds)
    row = {
        page: (statistics.median(times_ms), compute_percentile(times_ms, 95))
        for page, times_ms in times.items()
    }
    columns = "".join(f"{p50:>8.1f}/{p95:>6.1f} " for p50, p95 in row.values())
    first, ratio = row["first"][1], row["deep"][1] / row["first"][1]
    print(f"{name:28}{columns}{ratio:>10.2f}", flush=True)
    bound = BOUND_MS if filters.sort == "newest" else SORTED_BOUND_MS
    slow = [f"{name}: p95 is {first:.0f} ms; the maximum is {bound:.0f}"] if first > bound else []
    return slow + (
        [f"{name}: a deep page takes {ratio:.2f} times the first"] if ratio > MAX_DEEP_RATIO else []
    )


async def list_page(database: Database, filters: SpeechFilter) -> SpeechIdPage:
    """List a page as the API does."""
    async with database.transaction() as session:
        return (await list_speeches(session, filters)).page


async def time_call(call: Awaitable[object]) -> float:
    """Return the duration in milliseconds."""
    started = time.perf_counter()
    await call
    return (time.perf_counter() - started) * 1000


def compute_percentile(times_ms: list[float], percent: int) -> float:
    return statistics.quantiles(times_ms, n=100, method="inclusive")[percent - 1]


if __name__ == "__main__":
    sys.exit(run_on_postgres(measure))
