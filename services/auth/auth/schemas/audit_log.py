"""The audit log."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from shared.http.fields import Text

from auth.schemas.pages import Page, Pagination


class AuditLogFilter(Page):
    """Which entries of the audit log."""

    subject_id: UUID | None = None
    action: Annotated[Text, Field(max_length=40)] | None = None


class AuditEntryRead(BaseModel):
    """Who did what to whom. Without an actor it was done by the system, or by a link in an e-mail."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    at: datetime
    actor_id: UUID | None
    action: str
    subject_id: UUID
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditLogPage(BaseModel):
    """The audit log, newest first."""

    entries: list[AuditEntryRead]
    pagination: Pagination
