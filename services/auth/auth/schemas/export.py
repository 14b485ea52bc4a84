from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
from shared.http.audit_log import AuditEntryRead

from auth.schemas.identities import IdentityRead
from auth.schemas.users import AccountRead


class ExportedIdentity(IdentityRead):
    subject: str
    email: str | None = Field(validation_alias="email_key")


class ExportedSignIn(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    method: str | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class AccountExport(BaseModel):
    """All data that this service holds on a user, except hashes of passwords and tokens."""

    model_config = ConfigDict(from_attributes=True)

    profile: AccountRead
    new_email: str | None
    has_password: bool
    password_set_at: datetime
    identities: list[ExportedIdentity]
    sign_ins: list[ExportedSignIn]
    audit_log: list[AuditEntryRead]
