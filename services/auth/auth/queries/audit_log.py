from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.models import AuditEntry
from auth.queries.pages import fetch_page
from auth.schemas.audit_log import AuditEntryRead, AuditLogFilter, AuditLogPage

_COLUMNS = [getattr(AuditEntry, field) for field in AuditEntryRead.model_fields]


async def list_audit_entries(session: AsyncSession, filters: AuditLogFilter) -> AuditLogPage:
    statement = select(*_COLUMNS)
    if filters.subject_id:
        statement = statement.where(AuditEntry.subject_id == filters.subject_id)
    if filters.action:
        statement = statement.where(AuditEntry.action == filters.action)
    scope = filters.scope("audit_log")
    rows, pagination = await fetch_page(session, statement, AuditEntry.id, filters, scope=scope)
    return AuditLogPage(entries=[AuditEntryRead.model_validate(row) for row in rows], pagination=pagination)
