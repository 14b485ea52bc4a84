"""The audit log of a service, as its admins read it.

admin = create_admin_router()    # lets only admins in
add_audit_route(admin, "/content/audit", name="list_content_audit_entries")
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.data.audit_log import MAX_ACTION_LENGTH, AuditEntry
from shared.errors import NotFound
from shared.http.dependencies import SessionDep
from shared.http.fields import DisplayText
from shared.http.pages import fetch_page
from shared.http.pagination import AdminPageQuery, Pagination

ID_MARGIN_MS = 3_600_000
"""An entry's id is generated at the insert, but its time is the start of the transaction: a filter by day
selects the ids of an additional hour, and then compares times."""


class AuditLogFilter(AdminPageQuery):
    subject_id: UUID | None = Field(None, examples=["01976f4e-8f5b-7cc2-a1d4-3b5e6f708192"])
    actor_id: UUID | None = Field(None, examples=["01976f4d-1c2d-7e3f-8a4b-5c6d7e8f9a0b"])
    action: Annotated[str, DisplayText(max_length=MAX_ACTION_LENGTH)] | None = Field(
        None, examples=["role_changed"]
    )
    from_date: date | None = Field(None, description="First day, in UTC.", examples=["2026-05-01"])
    to_date: date | None = Field(None, description="Last day, in UTC, inclusive.", examples=["2026-05-31"])


class AuditEntryRead(BaseModel):
    """A change and its actor. Without an actor, the system or an e-mail link made the change."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(examples=["01976f50-2a6b-7d11-9c3e-5f6a7b8c9d0e"])
    at: datetime = Field(examples=["2026-05-01T12:00:00Z"])
    actor_id: UUID | None = Field(examples=["01976f4d-1c2d-7e3f-8a4b-5c6d7e8f9a0b"])
    action: str = Field(examples=["role_changed"])
    subject_id: UUID = Field(examples=["01976f4e-8f5b-7cc2-a1d4-3b5e6f708192"])
    before: dict[str, Any] | None = Field(examples=[{"role": "learner"}])
    after: dict[str, Any] | None = Field(examples=[{"role": "editor"}])


class AuditLogPage(BaseModel):
    entries: list[AuditEntryRead]
    pagination: Pagination


_COLUMNS = [getattr(AuditEntry, field) for field in AuditEntryRead.model_fields]


async def list_audit_entries(session: AsyncSession, filters: AuditLogFilter) -> AuditLogPage:
    scope = filters.build_scope("audit_log")
    rows, pagination = await fetch_page(session, select_entries(filters), AuditEntry.id, filters, scope=scope)
    return AuditLogPage(entries=[AuditEntryRead.model_validate(row) for row in rows], pagination=pagination)


def select_entries(filters: AuditLogFilter) -> Select[Any]:
    statement = _filter_by_days(select(*_COLUMNS), filters)
    if filters.actor_id:
        statement = statement.where(AuditEntry.actor_id == filters.actor_id)
    if filters.subject_id:
        statement = statement.where(AuditEntry.subject_id == filters.subject_id)
    if filters.action:
        statement = statement.where(AuditEntry.action == filters.action)
    return statement


def _filter_by_days(statement: Select[Any], filters: AuditLogFilter) -> Select[Any]:
    if filters.from_date:
        start = _to_midnight(filters.from_date)
        lowest_id = _to_lowest_id(start, -ID_MARGIN_MS)
        statement = statement.where(AuditEntry.at >= start, AuditEntry.id >= lowest_id)
    # The last representable day has no successor.
    if filters.to_date and filters.to_date < date.max:
        end = _to_midnight(filters.to_date) + timedelta(days=1)
        statement = statement.where(AuditEntry.at < end, AuditEntry.id < _to_lowest_id(end, ID_MARGIN_MS))
    return statement


def _to_midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _to_lowest_id(moment: datetime, margin_ms: int) -> UUID:
    """Return the smallest UUIDv7 of a time."""
    milliseconds = int(moment.timestamp() * 1000) + margin_ms
    return UUID(int=max(0, milliseconds) << 80)


async def get_audit_entry(session: AsyncSession, entry_id: UUID) -> AuditEntryRead:
    """Raises NotFound."""
    row = (await session.execute(select(*_COLUMNS).where(AuditEntry.id == entry_id))).one_or_none()
    if row is None:
        raise NotFound(f"There is no entry {entry_id}.")
    return AuditEntryRead.model_validate(row)


def add_audit_route(router: APIRouter, path: str, *, name: str) -> None:
    """Add the list to a router for admins only. `name` is unique in all services."""

    @router.get(path, name=name, response_description="One page of the audit log.")
    async def list_entries(filters: Annotated[AuditLogFilter, Query()], session: SessionDep) -> AuditLogPage:
        """List the audit log, newest first. Entries identify people by id, and outlive their subjects."""
        return await list_audit_entries(session, filters)
