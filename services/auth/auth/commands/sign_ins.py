"""Sign-ins: families of refresh tokens, which rotate and are revoked together."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from shared.clock import utc_now
from shared.data.db import Database
from shared.data.db_errors import retry_conflicts
from shared.security.current_user import Principal
from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth.commands import audit_log
from auth.commands.revocations import revoke_sessions
from auth.domain.accounts import ensure_not_locked
from auth.domain.panel_sessions import may_have_panel_access
from auth.domain.sign_ins import (
    MAX_SESSIONS_PER_ACCOUNT,
    REFRESH_TOKEN_TTL,
    RefreshDecision,
    ensure_proof,
    evaluate_refresh_token,
    may_have_access,
)
from auth.errors import InvalidCredentials, InvalidRefreshToken
from auth.models import PanelSession, RefreshToken, RefreshTokenFamily, User
from auth.passwords import PasswordHasher
from auth.queries.sign_ins import Credential, find_credential_by_email, get_session_proof
from auth.tokens import opaque_tokens
from auth.types import SignInMethod

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class AuthenticatedSession:
    """A user who has signed in, and the refresh token that continues the session."""

    user: User
    family_id: UUID
    refresh_token: str


@retry_conflicts
async def log_in(
    database: Database, passwords: PasswordHasher, *, email: str, password: str
) -> AuthenticatedSession:
    async with database.transaction() as session:
        credential = await find_credential_by_email(session, email)
    # Hashing may have to wait, and should not hold a database connection.
    is_correct, new_hash = await passwords.verify(password, credential.password_hash if credential else None)
    if credential is None or not is_correct:
        raise InvalidCredentials
    async with database.transaction() as session:
        return await complete_log_in(session, credential, new_hash=new_hash, now=utc_now())


async def complete_log_in(
    session: AsyncSession, verified: Credential, *, new_hash: str | None, now: datetime
) -> AuthenticatedSession:
    """Sign in, unless the account was deleted or its password replaced while it was verified."""
    user = await session.get(User, verified.user_id, with_for_update={"key_share": True})
    if user is None or user.password_set_at != verified.password_set_at:
        raise InvalidCredentials
    if new_hash is not None:
        user.password_hash = new_hash
    return await start_session(session, user, method="password", now=now)


@retry_conflicts
async def ensure_recent_proof(
    database: Database, passwords: PasswordHasher, caller: Principal, *, password: str | None
) -> None:
    """Raise WrongPassword or RecentProofRequired unless the caller has just proved to own the account."""
    # Replacing the password after this check ends the session, which every command checks again.
    async with database.transaction() as session:
        proof = await get_session_proof(session, caller)
    is_correct = None
    if password is not None:
        is_correct, _ = await passwords.verify(password, proof.password_hash)
    ensure_proof(utc_now(), signed_in_at=proof.signed_in_at, is_password_correct=is_correct)


@retry_conflicts
async def refresh_tokens(database: Database, token: str) -> AuthenticatedSession:
    async with database.transaction() as session:
        refreshed = await exchange_refresh_token(session, token, now=utc_now())
    # Raised after the commit, because the transaction may have revoked the family.
    if refreshed is None:
        raise InvalidRefreshToken
    return refreshed


async def exchange_refresh_token(
    session: AsyncSession, token: str, *, now: datetime
) -> AuthenticatedSession | None:
    """Return None for an invalid token: an exception would roll back the revocation of its family.

    Raises AccountLocked.
    """
    # The family is locked before the token is read: of parallel uses, the second sees the token as used.
    family_id = select(RefreshToken.family_id).where(
        RefreshToken.digest == opaque_tokens.compute_digest(token)
    )
    locked = select(RefreshTokenFamily).where(RefreshTokenFamily.id == family_id.scalar_subquery())
    family = await session.scalar(locked.with_for_update())
    if family is None:
        return None
    user = await session.get_one(User, family.user_id)
    ensure_not_locked(user.locked_at)
    sent = await session.get_one(RefreshToken, opaque_tokens.compute_digest(token), populate_existing=True)
    successor = await _find_successor(session, family, sent, token=token, now=now)
    if successor is None:
        return None
    return AuthenticatedSession(user, family.id, successor)


async def log_out(session: AsyncSession, token: str, *, now: datetime | None = None) -> None:
    """Revoke the family of a refresh token. Unknown tokens are ignored."""
    family_id = select(RefreshToken.family_id).where(
        RefreshToken.digest == opaque_tokens.compute_digest(token)
    )
    is_family = RefreshTokenFamily.id == family_id.scalar_subquery()
    await revoke_families(session, is_family, now=now or utc_now())


async def start_session(
    session: AsyncSession, user: User, *, method: SignInMethod, now: datetime
) -> AuthenticatedSession:
    family = await start_family(session, user, method=method, now=now, ttl=REFRESH_TOKEN_TTL)
    token = opaque_tokens.generate_token()
    session.add(RefreshToken(digest=opaque_tokens.compute_digest(token), family_id=family.id))
    return AuthenticatedSession(user, family.id, token)


async def start_family(
    session: AsyncSession, user: User, *, method: SignInMethod, now: datetime, ttl: timedelta
) -> RefreshTokenFamily:
    """Start a family without a token, and delete the user's expired and excess families.

    Raises AccountLocked.
    """
    ensure_not_locked(user.locked_at)
    expired = (RefreshTokenFamily.user_id == user.id) & (RefreshTokenFamily.expires_at <= now)
    await session.execute(delete(RefreshTokenFamily).where(expired))
    await _delete_excess_families(session, user.id, now=now)
    family = RefreshTokenFamily(user_id=user.id, method=method, created_at=now, expires_at=now + ttl)
    session.add(family)
    await session.flush()
    return family


async def _delete_excess_families(session: AsyncSession, user_id: UUID, *, now: datetime) -> None:
    """Make room for another sign-in: end those that were refreshed longest ago, ended ones first."""
    family = RefreshTokenFamily
    by_use = select(family.id).where(family.user_id == user_id)
    by_use = by_use.order_by(family.revoked_at.is_(None).desc(), family.expires_at.desc(), family.id.desc())
    excess = family.id.in_(by_use.offset(MAX_SESSIONS_PER_ACCOUNT - 1))
    await revoke_families(session, excess, now=now)
    await session.execute(delete(family).where(excess))


async def revoke_user_families(
    session: AsyncSession, user_id: UUID, *, now: datetime, except_family: UUID | None = None
) -> None:
    is_users_family = RefreshTokenFamily.user_id == user_id
    ending = (
        is_users_family
        if except_family is None
        else is_users_family & (RefreshTokenFamily.id != except_family)
    )
    await revoke_families(session, ending, now=now)


async def revoke_families(session: AsyncSession, ending: ColumnElement[bool], *, now: datetime) -> None:
    live = update(RefreshTokenFamily).where(ending, RefreshTokenFamily.revoked_at.is_(None))
    is_panel = exists().where(PanelSession.family_id == RefreshTokenFamily.id)
    columns = (RefreshTokenFamily.id, RefreshTokenFamily.expires_at, is_panel)
    families = (await session.execute(live.values(revoked_at=now).returning(*columns))).all()
    alive = [id_ for id_, expires_at, panel in families if _has_access(now, expires_at, is_panel=panel)]
    revoke_sessions(session, alive)


def _has_access(now: datetime, expires_at: datetime, *, is_panel: bool) -> bool:
    return may_have_panel_access(now, expires_at) if is_panel else may_have_access(now, expires_at)


async def revoke_families_by_method(
    session: AsyncSession, user_id: UUID, method: SignInMethod, *, now: datetime
) -> None:
    """End the sign-ins made with this method, and those whose method is unknown."""
    by_method = (RefreshTokenFamily.method == method) | RefreshTokenFamily.method.is_(None)
    await revoke_families(session, (RefreshTokenFamily.user_id == user_id) & by_method, now=now)


async def _find_successor(
    session: AsyncSession, family: RefreshTokenFamily, sent: RefreshToken, *, token: str, now: datetime
) -> str | None:
    successor = await _find_unused_successor(session, family, sent, token=token)
    decision = evaluate_refresh_token(
        now,
        used_at=sent.used_at,
        is_successor_unused=successor is not None,
        expires_at=family.expires_at,
        revoked_at=family.revoked_at,
    )
    if decision is RefreshDecision.REVOKE:
        family.revoked_at = now
        revoke_sessions(session, [family.id])
        audit_log.record(session, "refresh_token_reused", subject=family.user_id, actor=None)
        log.warning("refresh_token_reused", family_id=str(family.id), user_id=str(family.user_id))
    if decision in {RefreshDecision.REVOKE, RefreshDecision.REFUSE}:
        return None
    family.expires_at = now + REFRESH_TOKEN_TTL
    return successor or await _rotate(session, family, sent, token=token, now=now)


async def _find_unused_successor(
    session: AsyncSession, family: RefreshTokenFamily, sent: RefreshToken, *, token: str
) -> str | None:
    """Return the family's active token if it follows this one."""
    if sent.used_at is None or family.successor_salt is None:
        return None
    successor = opaque_tokens.derive_successor(token, family.successor_salt)
    stored_token = await session.get(
        RefreshToken, opaque_tokens.compute_digest(successor), populate_existing=True
    )
    return successor if stored_token is not None and stored_token.used_at is None else None


async def _rotate(
    session: AsyncSession, family: RefreshTokenFamily, sent: RefreshToken, *, token: str, now: datetime
) -> str:
    sent.used_at = now
    # Flushed first: a unique index allows one active token per family at any moment.
    await session.flush()
    family.successor_salt = opaque_tokens.generate_salt()
    successor = opaque_tokens.derive_successor(token, family.successor_salt)
    session.add(RefreshToken(digest=opaque_tokens.compute_digest(successor), family_id=family.id))
    # Used tokens older than this count as unknown.
    expired = (RefreshToken.family_id == family.id) & (RefreshToken.used_at < now - REFRESH_TOKEN_TTL)
    await session.execute(delete(RefreshToken).where(expired))
    return successor
