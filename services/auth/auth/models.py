"""Tables of the auth service."""

from datetime import datetime
from typing import Any
from uuid import UUID

from shared.data.db import Base
from shared.messaging.inbox import InboxEvent
from shared.messaging.outbox import OutboxEvent
from shared.security.current_user import Role
from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

__all__ = [
    "AuditEntry",
    "Base",
    "EmailRequest",
    "Identity",
    "InboxEvent",
    "OneTimeToken",
    "OutboxEvent",
    "RefreshToken",
    "RefreshTokenFamily",
    "User",
]


class User(Base):
    """An account. `email` is as its owner writes it; `email_key` is what makes it unique.

    Without a password hash it is signed in to through its identities alone.
    """

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, server_default=text("uuidv7()"))
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(String(254), unique=True)
    email_verified: Mapped[bool] = mapped_column(server_default=text("false"))
    name: Mapped[str] = mapped_column(String(100))
    avatar_url: Mapped[str | None] = mapped_column(String(2048))
    auth_provider: Mapped[str] = mapped_column(String(20), server_default="email")
    password_hash: Mapped[str | None] = mapped_column(String(255))
    password_set_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    role: Mapped[Role] = mapped_column(String(20), server_default="learner")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

    __table_args__ = (
        CheckConstraint("role IN ('learner', 'editor', 'admin')", name="role"),
        # The unique index is in the order of the database's language, in which no beginning can be looked up.
        Index("ix_users_email_key_prefix", "email_key", postgresql_ops={"email_key": "varchar_pattern_ops"}),
    )


class Identity(Base):
    """A person at a provider, who signs in to this account; found by the provider's id, never by an address.

    `email_key` is the address that the provider vouched for when the identity was linked.
    """

    __tablename__ = "identities"

    provider: Mapped[str] = mapped_column(String(20), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    email_key: Mapped[str | None] = mapped_column(String(254))
    linked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

    __table_args__ = (UniqueConstraint("user_id", "provider"),)


class RefreshTokenFamily(Base):
    """One sign-in on one device, and all refresh tokens that followed from it."""

    __tablename__ = "refresh_families"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, server_default=text("uuidv7()"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class RefreshToken(Base):
    """A refresh token, by its SHA-256. A spent one holds its successor, which only the token can unseal."""

    __tablename__ = "refresh_tokens"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    family_id: Mapped[UUID] = mapped_column(ForeignKey("refresh_families.id", ondelete="CASCADE"), index=True)
    spent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    sealed_successor: Mapped[str | None] = mapped_column(Text)

    # The database itself sees to it that a family has one usable token at most.
    __table_args__ = (
        Index("uq_refresh_tokens_head", "family_id", unique=True, postgresql_where=text("spent_at IS NULL")),
    )


class OneTimeToken(Base):
    """What a link in an e-mail carries, by its SHA-256. It stays for a while after its use, to tell of it."""

    __tablename__ = "one_time_tokens"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class EmailRequest(Base):
    """A letter to be sent to whoever has this address, if anybody has: the request does not look."""

    __tablename__ = "mail_requests"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, server_default=text("uuidv7()"))
    letter: Mapped[str] = mapped_column(String(40))
    email_key: Mapped[str] = mapped_column(String(254))
    requested_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now(), index=True)
    attempts: Mapped[int] = mapped_column(server_default="0")


class AuditEntry(Base):
    """Who did what to whom, by ids alone. It outlives the accounts that it tells of.

    Without an actor it was done by the system, or by someone at the console.
    """

    __tablename__ = "audit_log"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, server_default=text("uuidv7()"))
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    actor_id: Mapped[UUID | None] = mapped_column(Uuid)
    action: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[UUID] = mapped_column(Uuid, index=True)
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
