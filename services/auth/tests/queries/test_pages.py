import pytest
from auth.commands import audit_log
from auth.models import User
from auth.queries.audit_log import list_audit_entries
from auth.queries.pages import CURSOR_LAYOUT
from auth.schemas.audit_log import AuditLogFilter
from shared.errors import Invalid
from shared.http.pagination import MAX_CURSOR_PAGE, encode_cursor
from sqlalchemy.ext.asyncio import AsyncSession


async def test_long_lists_are_counted_to_a_limit(
    session: AsyncSession, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        audit_log.record(session, "role_changed", subject=user.id, actor=None)
    await session.flush()
    totals = []
    for limit in (3, 4):
        monkeypatch.setattr("auth.queries.pages.MAX_COUNTED", limit)
        position = (await list_audit_entries(session, AuditLogFilter(limit=3))).pagination
        totals.append((position.total, position.total_is_exact))
    assert totals == [(3, False), (4, True)]


async def test_a_cursor_with_an_impossible_page_is_refused(session: AsyncSession, user: User) -> None:
    filters = AuditLogFilter()
    scope = filters.scope("audit_log")
    made_up = encode_cursor(CURSOR_LAYOUT, MAX_CURSOR_PAGE + 1, user.id.bytes, scope=scope)
    with pytest.raises(Invalid, match="next_cursor"):
        await list_audit_entries(session, filters.model_copy(update={"cursor": made_up}))
