"""The audit log."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.models import AuditEntry
from auth.queries.pages import page
from auth.schemas.audit_log import AuditEntryRead, AuditLogFilter, AuditLogPage
from auth.schemas.pages import Pagination


async def list_audit_entries(session: AsyncSession, wanted: AuditLogFilter) -> AuditLogPage:
    """The audit log, newest first."""
    found = select(*(getattr(AuditEntry, field) for field in AuditEntryRead.model_fields))
    if wanted.subject_id:
        found = found.where(AuditEntry.subject_id == wanted.subject_id)
    if wanted.action:
        found = found.where(AuditEntry.action == wanted.action)
    rows, cursor = await page(session, found, AuditEntry.id, wanted)
    return AuditLogPage(
        entries=[AuditEntryRead.model_validate(row) for row in rows],
        pagination=Pagination(limit=wanted.limit, next_cursor=cursor),
    )
