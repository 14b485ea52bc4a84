from uuid import uuid4

import pytest
from shared.data import audit_log
from shared.errors import Invalid
from shared.http.audit_log import AuditLogFilter, list_audit_entries
from shared.http.pages import CURSOR_LAYOUT
from shared.http.pagination import MAX_CURSOR_PAGE, encode_cursor
from sqlalchemy.ext.asyncio import AsyncSession


async def test_an_entry_says_who_changed_what(session: AsyncSession) -> None:
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


async def test_a_cursor_with_an_impossible_page_is_refused(session: AsyncSession) -> None:
    filters = AuditLogFilter()
    scope = filters.scope("audit_log")
    made_up = encode_cursor(CURSOR_LAYOUT, MAX_CURSOR_PAGE + 1, uuid4().bytes, scope=scope)
    with pytest.raises(Invalid, match="next_cursor"):
        await list_audit_entries(session, filters.model_copy(update={"cursor": made_up}))
