"""Sessions of the admin panel: families without refresh tokens, so that whatever ends sign-ins ends them."""

from dataclasses import dataclass
from datetime import datetime

from shared.clock import utc_now
from shared.data.db import Database
from shared.data.db_errors import retry_conflicts
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.commands.sign_ins import revoke_families, start_family
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


@retry_conflicts
async def sign_on(
    database: Database, passwords: PasswordHasher, *, email: str, password: str, earlier_cookie: str | None
) -> PanelSignOn:
    """Open a session, and end that of the earlier cookie. Raises InvalidCredentials or NotForLearners."""
    async with database.transaction() as session:
        credential = await find_credential_by_email(session, email)
    # Hashing may have to wait, and no database connection should wait with it.
    is_correct, new_hash = await passwords.verify(password, credential.password_hash if credential else None)
    if credential is None or not is_correct:
        raise InvalidCredentials
    async with database.transaction() as session:
        now = utc_now()
        signed_on = await _open_session(session, credential, new_hash=new_hash, now=now)
        if earlier_cookie is not None:
            await sign_off(session, earlier_cookie, now=now)
        return signed_on


async def _open_session(
    session: AsyncSession, verified: Credential, *, new_hash: str | None, now: datetime
) -> PanelSignOn:
    user = await session.get(User, verified.user_id, with_for_update={"key_share": True})
    if user is None or user.password_set_at != verified.password_set_at:
        raise InvalidCredentials
    ensure_may_use_panel(user.role)
    if new_hash is not None:
        user.password_hash = new_hash
    family = await start_family(session, user, method="password", now=now, ttl=PANEL_SESSION_TTL)
    cookie = opaque_tokens.generate_token()
    session.add(
        PanelSession(
            digest=opaque_tokens.digest(cookie),
            family_id=family.id,
            csrf_token=opaque_tokens.generate_token(),
        )
    )
    return PanelSignOn(user, cookie)


async def sign_off(session: AsyncSession, cookie: str, *, now: datetime | None = None) -> None:
    """End the session of a cookie. Unknown cookies are ignored."""
    family_id = select(PanelSession.family_id).where(PanelSession.digest == opaque_tokens.digest(cookie))
    is_family = RefreshTokenFamily.id == family_id.scalar_subquery()
    await revoke_families(session, is_family, now=now or utc_now())
