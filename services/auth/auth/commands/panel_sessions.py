"""Sessions of the admin panel: token families without refresh tokens, so that they end like any other
sign-in.
"""

from dataclasses import dataclass
from datetime import datetime

from shared.clock import utc_now
from shared.data.db import Database
from shared.data.db_errors import retry_conflicts
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.commands.operators import ensure_operator
from auth.commands.sign_ins import revoke_families, start_family
from auth.domain.operators import Operator
from auth.domain.panel_sessions import PANEL_SESSION_TTL, ensure_may_use_panel
from auth.errors import InvalidCredentials
from auth.models import PanelSession, RefreshTokenFamily, User
from auth.passwords import PasswordHasher
from auth.queries.sign_ins import Credential, find_credential_by_email
from auth.tokens import opaque_tokens


@dataclass(frozen=True)
class PanelSignOn:
    """A user who has signed on to the panel, and the cookie of the session."""

    user: User
    cookie: str


@dataclass(frozen=True)
class SubmittedCredentials:
    """The form's input, and the browser's previous cookie."""

    name: str
    password: str
    cookie: str | None


@retry_conflicts
async def sign_on(
    database: Database, passwords: PasswordHasher, operator: Operator | None, sent: SubmittedCredentials
) -> PanelSignOn:
    """Open a session, and end the browser's earlier one.

    Raises InvalidCredentials, NotForLearners or AccountLocked.
    """
    async with database.transaction() as session:
        credential = await find_credential_by_email(session, sent.name)
    # Hashing may have to wait, and should not hold a database connection.
    known_hash = credential.password_hash if credential else None
    is_correct, new_hash = await passwords.verify(sent.password, known_hash)
    if operator is not None:
        # Verified for every name, so that timing does not reveal the operator's name.
        is_operator, _ = await passwords.verify(sent.password, operator.password_hash)
        if operator.has_name(sent.name):
            is_correct, credential = is_operator, None
    async with database.transaction() as session:
        if not is_correct:
            raise InvalidCredentials
        if credential is None:
            return await _open_operator_session(session, operator, sent)
        user = await _get_verified(session, credential)
        user.password_hash = new_hash or user.password_hash
        return await _open_session(session, user, sent)


async def _get_verified(session: AsyncSession, verified: Credential) -> User:
    """Return the user. Raises InvalidCredentials if the password was replaced while it was verified."""
    user = await session.get(User, verified.user_id, with_for_update={"key_share": True})
    if user is None or user.password_set_at != verified.password_set_at:
        raise InvalidCredentials
    return user


async def _open_operator_session(
    session: AsyncSession, operator: Operator | None, sent: SubmittedCredentials
) -> PanelSignOn:
    if operator is None:
        raise InvalidCredentials
    return await _open_session(session, await ensure_operator(session, operator), sent, operator.digest)


async def _open_session(
    session: AsyncSession, user: User, sent: SubmittedCredentials, operator_digest: bytes | None = None
) -> PanelSignOn:
    ensure_may_use_panel(user.role)
    now = utc_now()
    family = await start_family(session, user, method="password", now=now, ttl=PANEL_SESSION_TTL)
    cookie = opaque_tokens.generate_token()
    session.add(
        PanelSession(
            digest=opaque_tokens.compute_digest(cookie),
            family_id=family.id,
            operator_digest=operator_digest,
            csrf_token=opaque_tokens.generate_token(),
        )
    )
    if sent.cookie is not None:
        await sign_off(session, sent.cookie, now=now)
    return PanelSignOn(user, cookie)


async def sign_off(session: AsyncSession, cookie: str, *, now: datetime | None = None) -> None:
    """End the session of a cookie. Unknown cookies are ignored."""
    family_id = select(PanelSession.family_id).where(
        PanelSession.digest == opaque_tokens.compute_digest(cookie)
    )
    is_family = RefreshTokenFamily.id == family_id.scalar_subquery()
    await revoke_families(session, is_family, now=now or utc_now())
