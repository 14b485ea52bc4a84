from datetime import datetime
from uuid import UUID

from shared.data.audit_log import AuditEntry
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
    false,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from auth.types import EmailKind, Provider, SignInMethod

__all__ = [
    "AuditEntry",
    "Base",
    "EmailRequest",
    "Identity",
    "InboxEvent",
    "OneTimeToken",
    "OutboxEvent",
    "PanelSession",
    "RefreshToken",
    "RefreshTokenFamily",
    "User",
]


class User(Base):
    """An account. `email_key` is the canonical address. Without a password hash, only identities sign in."""

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, server_default=text("uuidv7()"))
    # None if someone else has proved ownership of the address.
    email: Mapped[str | None] = mapped_column(String(254))
    email_key: Mapped[str | None] = mapped_column(String(254), unique=True)
    # The new address of a pending change, until it is confirmed or expires.
    new_email: Mapped[str | None] = mapped_column(String(254))
    new_email_expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    email_verified: Mapped[bool] = mapped_column(server_default=text("false"))
    name: Mapped[str] = mapped_column(String(100))
    avatar_url: Mapped[str | None] = mapped_column(String(2048))
    auth_provider: Mapped[str] = mapped_column(String(20), server_default="email")
    password_hash: Mapped[str | None] = mapped_column(String(255))
    password_set_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    # Key for hashes of the account's known addresses (see docs/adr/0025).
    address_key: Mapped[UUID] = mapped_column(Uuid, server_default=func.gen_random_uuid())
    role: Mapped[Role] = mapped_column(String(20), server_default="learner")
    # Access tokens carry it; a role change increments it, which revokes them (see docs/adr/0030).
    token_version: Mapped[int] = mapped_column(server_default="0")
    # Set by an admin. A locked account can neither sign in nor refresh.
    locked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

    __table_args__ = (
        CheckConstraint("role IN ('learner', 'editor', 'admin')", name="role"),
        # Prefix searches need an index in byte order; the unique index uses the database's collation.
        Index("ix_users_locked", "id", postgresql_where=locked_at.is_not(None)),
        Index("ix_users_role", "role", "id", postgresql_where=text("role <> 'learner'")),
        Index(
            "ix_users_name_prefix",
            func.lower(text("name")).label("lower_name"),
            postgresql_ops={"lower_name": "text_pattern_ops"},
        ),
        Index("ix_users_email_key_prefix", "email_key", postgresql_ops={"email_key": "varchar_pattern_ops"}),
    )


class Identity(Base):
    """A user's identity at a provider. `email_key` is the address verified by the provider at linking."""

    __tablename__ = "identities"

    provider: Mapped[Provider] = mapped_column(String(20), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    email_key: Mapped[str | None] = mapped_column(String(254))
    # Apple's refresh token, encrypted, and the client that it was issued to (see docs/adr/0029).
    client_id: Mapped[str | None] = mapped_column(String(255))
    sealed_refresh_token: Mapped[str | None] = mapped_column(Text)
    linked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

    __table_args__ = (UniqueConstraint("user_id", "provider"),)


class RefreshTokenFamily(Base):
    """A sign-in on one device, with all refresh tokens that descend from it."""

    __tablename__ = "refresh_families"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, server_default=text("uuidv7()"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    # None for sign-ins from before this was recorded.
    method: Mapped[SignInMethod | None] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # The active token is derived from its predecessor and this salt.
    successor_salt: Mapped[bytes | None] = mapped_column(LargeBinary)


class RefreshToken(Base):
    """A refresh token, stored as SHA-256. Used tokens are kept to detect reuse."""

    __tablename__ = "refresh_tokens"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    family_id: Mapped[UUID] = mapped_column(ForeignKey("refresh_families.id", ondelete="CASCADE"))
    used_at: Mapped[datetime | None] = mapped_column("spent_at", DateTime(timezone=True))
    # Unused. It remains because the previous release, which may run at the same time, still writes it.
    sealed_successor: Mapped[str | None] = mapped_column(Text)

    # The database itself guarantees that a family has at most one active token.
    __table_args__ = (
        Index("uq_refresh_tokens_head", "family_id", unique=True, postgresql_where=text("spent_at IS NULL")),
        Index(None, "family_id", "spent_at"),
    )


class PanelSession(Base):
    """A sign-on to the admin panel: a family without refresh tokens, opened by a cookie."""

    __tablename__ = "panel_sessions"

    # SHA-256 of the cookie.
    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    family_id: Mapped[UUID] = mapped_column(
        ForeignKey("refresh_families.id", ondelete="CASCADE"), unique=True
    )
    # SHA-256 of the operator's credentials.
    operator_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    # The CSRF value that forms send.
    csrf_token: Mapped[str] = mapped_column(String(64))


class OneTimeToken(Base):
    """An e-mail token, stored as SHA-256. It is kept after use to detect reuse."""

    __tablename__ = "one_time_tokens"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(String(20))
    # The address it was sent to and is valid for; None for tokens from before this was recorded.
    email_key: Mapped[str | None] = mapped_column(String(254))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class EmailRequest(Base):
    """An e-mail to be sent to the account with this address, or to one of its other addresses."""

    __tablename__ = "mail_requests"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, server_default=text("uuidv7()"))
    kind: Mapped[EmailKind] = mapped_column("letter", String(40))
    # Set if the address is not the account's, or may soon no longer be.
    user_id: Mapped[UUID | None] = mapped_column(Uuid)
    email_key: Mapped[str] = mapped_column(String(254))
    from_known_address: Mapped[bool] = mapped_column(server_default=false())
    requested_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now(), index=True)
    attempts: Mapped[int] = mapped_column(server_default="0")
    # The token in the last attempt's link.
    token_digest: Mapped[bytes | None] = mapped_column(LargeBinary)


class SentEmail(Base):
    """A sent e-mail of a limited kind, kept for a day. The address is stored only as SHA-256."""

    __tablename__ = "sent_emails"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, server_default=text("uuidv7()"))
    address_digest: Mapped[bytes] = mapped_column(LargeBinary)
    purpose: Mapped[str] = mapped_column(String(20))
    sent_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)

    __table_args__ = (Index(None, "address_digest", "purpose"),)
