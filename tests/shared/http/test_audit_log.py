from uuid import uuid4

import pytest
from shared.data import audit_log
from shared.data.audit_log import AuditEntry
from shared.errors import Invalid
from shared.http.audit_log import AuditLogFilter, list_audit_entries, select_entries
from shared.http.pages import CURSOR_LAYOUT
from shared.http.pagination import MAX_CURSOR_PAGE, encode_cursor
from shared.testing import count_read_rows
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


async def test_an_entry_names_the_actor_and_the_change(session: AsyncSession) -> None:
    subject, actor = uuid4(), uuid4()
    audit_log.record(
        session, "renamed", subject=subject, actor=actor, before={"name": "a"}, after={"name": "b"}
    )
    audit_log.record(session, "removed", subject=subject, actor=None)
    await session.flush()
    removed, renamed = (await list_audit_entries(session, AuditLogFilter())).entries
    assert (renamed.action, renamed.subject_id, renamed.actor_id) == ("renamed", subject, actor)
    assert (renamed.before, renamed.after) == ({"name": "a"}, {"name": "b"})
    assert (removed.action, removed.actor_id, removed.before, removed.after) == ("removed", None, None, None)


async def test_long_lists_are_counted_to_a_limit(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        audit_log.record(session, "renamed", subject=uuid4(), actor=None)
    await session.flush()
    totals = []
    for limit in (3, 4):
        monkeypatch.setattr("shared.http.pages.MAX_COUNTED", limit)
        position = (await list_audit_entries(session, AuditLogFilter(limit=3))).pagination
        totals.append((position.total, position.total_is_exact))
    assert totals == [(3, False), (4, True)]


async def test_a_page_that_has_all_entries_is_not_counted_again(session: AsyncSession) -> None:
    for _ in range(4):
        audit_log.record(session, "renamed", subject=uuid4(), actor=None)
    await session.flush()
    reads = []
    for limit in (3, 4):
        before = await count_read_rows(session, "audit_log")
        assert (await list_audit_entries(session, AuditLogFilter(limit=limit))).pagination.total == 4
        reads.append(await count_read_rows(session, "audit_log") - before)
    assert reads == [8, 4]


async def test_a_cursor_with_an_impossible_page_is_refused(session: AsyncSession) -> None:
    filters = AuditLogFilter()
    scope = filters.build_scope("audit_log")
    forged_cursor = encode_cursor(CURSOR_LAYOUT, MAX_CURSOR_PAGE + 1, uuid4().bytes, scope=scope)
    with pytest.raises(Invalid, match="next_cursor"):
        await list_audit_entries(session, filters.model_copy(update={"cursor": forged_cursor}))


async def test_entries_are_found_by_their_day_although_their_ids_are_younger(session: AsyncSession) -> None:
    timestamp, subject = "timestamptz '2026-03-10 23:59:59.999Z'", uuid4()
    for late in ("0 seconds", "59 minutes"):
        # An id is made when the entry is written, after the transaction has begun.
        id = f"uuidv7({timestamp} - now() + interval '{late}')"
        columns = "INSERT INTO audit_log (id, at, action, subject_id)"
        await session.execute(text(f"{columns} VALUES ({id}, {timestamp}, 'x', '{subject}')"))
    day, next_day = "2026-03-10", "2026-03-11"
    days = [("0001-01-01", "9999-12-31"), (day, day), (None, day), (day, None)]
    other = [(next_day, None), (None, "2026-03-09"), (next_day, next_day), (None, "0001-01-01")]
    for first, last in days + other:
        params = {"from_date": first, "to_date": last, "subject_id": subject}
        filters = AuditLogFilter.model_validate(params)
        page = await list_audit_entries(session, filters)
        assert len(page.entries) == page.pagination.total == (2 if (first, last) in days else 0)


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({"actor_id": str(uuid4())}, "ix_audit_log_actor_id_id"),
        ({"action": "renamed"}, "ix_audit_log_action_id"),
        ({"from_date": "2026-03-10", "to_date": "2026-03-10"}, "pk_audit_log"),
    ],
)
async def test_filters_read_an_index_in_the_order_of_the_list(
    session: AsyncSession, filters: dict[str, str], index: str
) -> None:
    for setting in ("enable_seqscan", "enable_sort", "enable_bitmapscan"):
        await session.execute(text(f"SET LOCAL {setting} = off"))
    entries = select_entries(AuditLogFilter.model_validate(filters))
    statement = entries.order_by(AuditEntry.id.desc()).limit(51)
    dialect = (await session.connection()).dialect
    compiled = statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    plan = "\n".join(await session.scalars(text(f"EXPLAIN {compiled}")))
    assert f"Index Scan Backward using {index}" in plan
    assert "Sort" not in plan
