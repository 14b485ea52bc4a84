from typing import Annotated

from fastapi import Query
from shared.http.dependencies import SessionDep

from auth.api.dependencies import create_admin_router
from auth.queries import audit_log as queries
from auth.schemas.audit_log import AuditLogFilter, AuditLogPage

admin = create_admin_router()


@admin.get("/audit", response_description="One page of the audit log.")
async def list_audit_entries(
    filters: Annotated[AuditLogFilter, Query()], session: SessionDep
) -> AuditLogPage:
    """List the audit log, newest first. Entries name people by id only, and outlive deleted accounts."""
    return await queries.list_audit_entries(session, filters)
