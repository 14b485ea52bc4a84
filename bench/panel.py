"""Latency of the admin panel's lists at a million rows: `make bench WHAT=panel`.

It starts a PostgreSQL with the small settings of the embedded run, makes the tags of a million speeches and a
million entries of the audit log, and prints the median and the 95th percentile of each list. The lists of
speeches and of sessions are those of the API: see the benches `search` and `analytics`.
"""

import asyncio
import hashlib
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import date
from uuid import UUID

from content.queries.tags import list_tag_page
from shared.data.db import Database, create_engine
from shared.data.migrations import upgrade
from shared.http.audit_log import AuditLogFilter, list_audit_entries
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from bench.search import compute_percentile, run_alone, time_call
from bench.system import run_on_postgres

SPEECHES = ENTRIES = 1_000_000
ROUNDS, BOUND_MS = 20, 1000.0
# Three of a hundred tags on each speech.
TAG = f"""
    INSERT INTO speech_tags
    SELECT lpad(to_hex(n), 32, '0')::uuid, md5('t' || (n * k) % 100)::uuid
    FROM generate_series(1, {SPEECHES}) AS n, unnest(ARRAY[1, 7, 31]) AS k
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - made of constants
TAGS = """
    INSERT INTO tags (id, name, category)
    SELECT md5('t' || n)::uuid, 'tag ' || n, 'category ' || n % 7 FROM generate_series(0, 99) AS n
"""
# Twenty entries a minute until today, by twelve people. One of them made one entry in a hundred thousand.
ENTRY = f"""
    INSERT INTO audit_log (id, at, actor_id, action, subject_id, before, after)
    SELECT uuidv7(ago), now() + ago, md5('a' || CASE WHEN n % 100000 = 0 THEN 99 ELSE n % 11 END)::uuid,
           CASE WHEN n % 200000 = 7 THEN 'tag_merged' ELSE 'speech_updated' END, md5('s' || n % 200000)::uuid,
           '{{"text": "Where is it?"}}', '{{"text": "Where is the bakery?"}}'
    FROM generate_series(1, {ENTRIES}) AS n, LATERAL (SELECT (n - {ENTRIES}) * interval '3 seconds' AS ago)
"""  # noqa: S608 - made of constants
FIRST, LAST = "SELECT min(at) FROM audit_log", "SELECT max(at) FROM audit_log"

type Query = Callable[[AsyncSession], Awaitable[object]]


async def measure(url: str) -> list[str]:
    """Fill the database, measure every list, and return the broken bounds."""
    await asyncio.to_thread(upgrade, "content", url)
    engine = create_engine(url, name="bench", statement_timeout_ms=0)
    database, started = Database(engine), time.monotonic()
    async with database.transaction(is_long=True) as session:
        # The speeches themselves are not needed.
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in (TAGS, TAG, ENTRY):
            await session.execute(text(statement))
    await run_alone(engine, "VACUUM ANALYZE")
    print(f"{SPEECHES:,} speeches, {ENTRIES:,} entries in {time.monotonic() - started:.0f} s", flush=True)
    async with database.transaction() as session:
        first, last = [(await session.execute(text(query))).scalar_one().date() for query in (FIRST, LAST)]
    cases = {**list_audit_cases(first, last), **list_tag_cases()}
    broken = [slow for name, case in cases.items() if (slow := await measure_case(database, name, case))]
    await engine.dispose()
    return broken


def list_audit_cases(first: date, last: date) -> dict[str, Query]:
    busy, rare, absent = (UUID(bytes=_hash(name)) for name in ("a1", "a99", "a100"))
    filters = {
        "all": AuditLogFilter(),
        "page 200": AuditLogFilter(page=200),
        "who: busy": AuditLogFilter(actor_id=busy),
        "who: rare": AuditLogFilter(actor_id=rare),
        "who: absent": AuditLogFilter(actor_id=absent),
        "who: busy, what: rare": AuditLogFilter(actor_id=busy, action="tag_merged"),
        "what: usual": AuditLogFilter(action="speech_updated"),
        "what: rare": AuditLogFilter(action="tag_merged"),
        "what: absent": AuditLogFilter(action="tag_deleted"),
        "of what": AuditLogFilter(subject_id=UUID(bytes=_hash("s7"))),
        "first day": AuditLogFilter(from_date=first, to_date=first),
        "last day": AuditLogFilter(from_date=last, to_date=last),
        "no such day": AuditLogFilter(from_date=date(2020, 1, 1), to_date=date(2020, 1, 1)),
        "until before the first": AuditLogFilter(to_date=date(2020, 1, 1)),
        "first day, who: rare": AuditLogFilter(from_date=first, to_date=first, actor_id=rare),
        "first day, what: rare": AuditLogFilter(from_date=first, to_date=first, action="tag_merged"),
    }
    return {f"audit, {name}": _to_audit_case(parameters) for name, parameters in filters.items()}


def _hash(text: str) -> bytes:
    return hashlib.md5(text.encode(), usedforsecurity=False).digest()


def _to_audit_case(filters: AuditLogFilter) -> Query:
    return lambda session: list_audit_entries(session, filters)


def list_tag_cases() -> dict[str, Query]:
    parameters = {
        "category": ("", 0),
        "name": ("", 0),
        "name, page 2": ("", 50),
        "name, search": ("tag 5", 0),
    }
    return {
        f"tags, {name}": _to_tag_case(name.partition(",")[0], search, offset)
        for name, (search, offset) in parameters.items()
    }


def _to_tag_case(order: str, search: str, offset: int) -> Query:
    return lambda session: list_tag_page(
        session, search=search, order=order, is_descending=False, limit=50, offset=offset
    )


async def measure_case(database: Database, name: str, query: Query) -> str | None:
    async def run_query() -> None:
        async with database.transaction() as session:
            await query(session)

    await run_query()
    times_ms = [await time_call(run_query()) for _ in range(ROUNDS)]
    slowest = compute_percentile(times_ms, 95)
    print(f"{name:32}{statistics.median(times_ms):>8.1f}/{slowest:>7.1f} ms", flush=True)
    return f"{name}: p95 is {slowest:.0f} ms" if slowest > BOUND_MS else None


if __name__ == "__main__":
    sys.exit(run_on_postgres(measure))
