"""The audit log."""

from typing import Annotated

from fastapi import Query
from shared.http.dependencies import Session

from auth.api.dependencies import Admin, admin_router
from auth.queries import audit_log as queries
from auth.schemas.audit_log import AuditFilter, AuditPage

admin = admin_router()


@admin.get("/audit")
async def read_audit_log(wanted: Annotated[AuditFilter, Query()], session: Session, _: Admin) -> AuditPage:
    """The audit log, newest first. It names people by id alone, and keeps the ids of those who have left."""
    return await queries.audit_entries(session, wanted)
