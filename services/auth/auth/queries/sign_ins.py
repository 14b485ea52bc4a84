"""Stored credentials, for verifying sign-ins."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from shared.security.current_user import Principal
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.domain.users import to_canonical_email
from auth.errors import SignedOut
from auth.models import RefreshToken, RefreshTokenFamily, User
from auth.tokens.opaque_tokens import compute_digest


class Credential(NamedTuple):
    """An account's password hash. Without a hash, no password is accepted."""

    user_id: UUID
    password_hash: str | None
    password_set_at: datetime


async def find_credential_by_email(session: AsyncSession, email: str) -> Credential | None:
    return await _find_credential(session, User.email_key == to_canonical_email(email))


async def find_address_key(session: AsyncSession, email: str) -> UUID | None:
    return await session.scalar(select(User.address_key).where(User.email_key == to_canonical_email(email)))


async def find_family_id(session: AsyncSession, refresh_token: str) -> UUID | None:
    same = RefreshToken.digest == compute_digest(refresh_token)
    return await session.scalar(select(RefreshToken.family_id).where(same))


async def find_credential_by_user_id(session: AsyncSession, user_id: UUID) -> Credential | None:
    return await _find_credential(session, User.id == user_id)


class SessionProof(NamedTuple):
    """The ways in which the user of a session can prove to be the account's owner."""

    signed_in_at: datetime
    password_hash: str | None


async def get_session_proof(session: AsyncSession, caller: Principal) -> SessionProof:
    """Raises SignedOut if the session has ended or the account was deleted."""
    columns = select(RefreshTokenFamily.created_at, User.password_hash)
    statement = columns.join(User, User.id == RefreshTokenFamily.user_id).where(
        User.id == caller.id,
        RefreshTokenFamily.id == caller.session_id,
        RefreshTokenFamily.revoked_at.is_(None),
    )
    row = (await session.execute(statement)).one_or_none()
    if row is None:
        raise SignedOut
    return SessionProof(*row)


async def _find_credential(session: AsyncSession, condition: Any) -> Credential | None:
    columns = select(User.id, User.password_hash, User.password_set_at)
    row = (await session.execute(columns.where(condition))).one_or_none()
    return Credential(*row) if row else None
