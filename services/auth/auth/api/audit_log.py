"""The audit log."""

from typing import Annotated

from fastapi import Query
from shared.http.dependencies import Session

from auth.api.dependencies import CurrentAdmin, admin_router
from auth.queries import audit_log as queries
from auth.schemas.audit_log import AuditLogFilter, AuditLogPage

admin = admin_router()


@admin.get("/audit")
async def list_audit_entries(
    wanted: Annotated[AuditLogFilter, Query()], session: Session, _: CurrentAdmin
) -> AuditLogPage:
    """The audit log, newest first. It names people by id alone, and keeps the ids of those who have left."""
    return await queries.list_audit_entries(session, wanted)
