"""Tables of the auth service."""

from datetime import datetime
from uuid import UUID

from shared.db import Base
from shared.inbox import InboxEvent
from shared.outbox import OutboxEvent
from shared.tokens import Role
from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

__all__ = ["Base", "InboxEvent", "OutboxEvent", "RefreshFamily", "RefreshToken", "User"]


class User(Base):
    """An account. `email` is as its owner writes it; `email_key` is what makes it unique."""

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, server_default=text("uuidv7()"))
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(String(254), unique=True)
    email_verified: Mapped[bool] = mapped_column(server_default=text("false"))
    name: Mapped[str] = mapped_column(String(100))
    avatar_url: Mapped[str | None] = mapped_column(String(2048))
    auth_provider: Mapped[str] = mapped_column(String(20), server_default="email")
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[Role] = mapped_column(String(20), server_default="learner")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

    __table_args__ = (CheckConstraint("role IN ('learner', 'editor', 'admin')", name="role"),)


class RefreshFamily(Base):
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
