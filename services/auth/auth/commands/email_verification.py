from collections.abc import Awaitable, Callable
from datetime import datetime

from shared.clock import utc_now
from shared.data.db import Database
from shared.data.db_errors import retry_conflicts
from shared.security.current_user import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from auth.commands.email_changes import apply_email_change
from auth.commands.emails import request_email
from auth.commands.users import delete_user, lock_admins_if_admin, record_user_updated
from auth.domain.users import to_canonical_email
from auth.errors import AccountProofRequired, PasswordNotSet, TokenUsed, WrongPassword
from auth.models import OneTimeToken, User
from auth.passwords import PasswordHasher
from auth.queries.sign_ins import Credential
from auth.queries.users import get_current_user
from auth.schemas.users import UserRead
from auth.tokens import one_time_tokens
from auth.types import TokenPurpose

PURPOSES: tuple[TokenPurpose, ...] = ("verify_email", "change_email")

# Checked only after the link, whose state takes precedence over the sender's session.
type FindCaller = Callable[[], Awaitable[Principal | None]]


@retry_conflicts
async def verify_email(
    database: Database,
    passwords: PasswordHasher,
    *,
    token: str,
    find_caller: FindCaller,
    password: str | None,
) -> None:
    """Confirm the address for the account's holder, who sends its access token or its password."""
    async with database.transaction() as session:
        one_time_token, user = await one_time_tokens.get_with_owner(session, token, *PURPOSES)
        if _is_confirmed(user, one_time_token):
            return
        one_time_tokens.ensure_usable_by(user, one_time_token, now=utc_now())
        is_own = await _is_signed_in(session, user, await find_caller())
    credential = Credential(user.id, user.password_hash, user.password_set_at)
    if not is_own:
        await _ensure_password(passwords, credential, password)
    async with database.transaction() as session:
        await redeem_verification(session, token, None if is_own else credential, now=utc_now())


async def redeem_verification(
    session: AsyncSession, token: str, verified: Credential | None, *, now: datetime
) -> None:
    """Raises WrongPassword if the password was replaced while it was being verified."""
    one_time_token, user = await one_time_tokens.get_with_owner(session, token, *PURPOSES, lock=True)
    if _is_confirmed(user, one_time_token):
        return
    one_time_tokens.ensure_usable_by(user, one_time_token, now=now)
    if verified is not None and user.password_set_at != verified.password_set_at:
        raise WrongPassword
    one_time_token.used_at = now
    if one_time_token.purpose == "change_email":
        await apply_email_change(session, user, now=now)
        return
    user.email_verified = True
    record_user_updated(session, user, now=now)


async def reject_email(session: AsyncSession, token: str, *, now: datetime | None = None) -> None:
    """Cancel a change to the address, or delete an unconfirmed account created with it."""
    _, user = await one_time_tokens.get_with_owner(session, token, *PURPOSES)
    await lock_admins_if_admin(session, user.id)
    one_time_token, user = await one_time_tokens.get_with_owner(session, token, *PURPOSES, lock=True)
    now = now or utc_now()
    if _is_confirmed(user, one_time_token):
        raise TokenUsed
    one_time_tokens.ensure_usable_by(user, one_time_token, now=now)
    if one_time_token.purpose == "change_email":
        await one_time_tokens.revoke_all(session, user, "change_email", now=now)
    else:
        await delete_user(session, user.id, actor=None)


def request_email_verification(session: AsyncSession, user: UserRead) -> None:
    if user.email is not None and not user.email_verified:
        request_email(session, "verify_email", to_canonical_email(user.email))


def _is_confirmed(user: User, one_time_token: OneTimeToken) -> bool:
    return user.email_verified and one_time_token.email_key in {None, user.email_key}


async def _is_signed_in(session: AsyncSession, user: User, caller: Principal | None) -> bool:
    """Raises SignedOut if the caller's session at this account has ended."""
    if caller is None or caller.id != user.id:
        return False
    await get_current_user(session, caller)
    return True


async def _ensure_password(passwords: PasswordHasher, credential: Credential, password: str | None) -> None:
    if password is None:
        raise AccountProofRequired
    if credential.password_hash is None:
        raise PasswordNotSet(
            "This account has no password: open the link in the app, where you are signed in."
        )
    is_correct, _ = await passwords.verify(password, credential.password_hash)
    if not is_correct:
        raise WrongPassword
