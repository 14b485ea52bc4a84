from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from shared.http.fields import DisplayText
from shared.http.pagination import Pagination

from auth.schemas.pages import AdminPageQuery


class AuditLogFilter(AdminPageQuery):
    subject_id: UUID | None = Field(None, examples=["01976f4e-8f5b-7cc2-a1d4-3b5e6f708192"])
    action: Annotated[str, DisplayText(max_length=40)] | None = Field(None, examples=["role_changed"])


class AuditEntryRead(BaseModel):
    """An action on an account. Without an actor, the system or an e-mail link acted."""

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
