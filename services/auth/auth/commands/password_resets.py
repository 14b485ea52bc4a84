"""Passwords and addresses: what proves an account to be one's own."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth.commands import audit_log as audit
from auth.commands.emails import request_letter
from auth.commands.sign_ins import revoke_families
from auth.commands.users import locked_user, tell_of_change
from auth.domain import Credential, InvalidCredentials, LinkUnknown, ensure_good
from auth.models import Identity, OneTimeToken, User
from auth.tokens.one_time_tokens import Purpose
from auth.tokens.refresh_tokens import digest


async def verify_email(session: AsyncSession, token: str, *, now: datetime) -> None:
    """Confirm an address by the link that was sent there. Raises LinkUnknown, LinkUsed, LinkExpired."""
    user = await _redeem(session, token, "verify_email", now=now)
    if not user.email_verified:
        user.email_verified = True
        tell_of_change(session, user, now=now)


async def change_password(
    session: AsyncSession, checked: Credential, *, new_hash: str, family_id: UUID, now: datetime
) -> None:
    """Replace a password that was right, and end all other sign-ins than the one with this family.

    Raises AccountGone, and InvalidCredentials when it was replaced while it was checked.
    """
    user = await locked_user(session, checked.user_id)
    if user.password_set_at != checked.password_set_at:
        raise InvalidCredentials
    user.password_hash, user.password_set_at = new_hash, now
    await revoke_families(session, user.id, now=now, but=family_id)
    await _withdraw_links(session, user.id, now=now)
    audit.note(session, "password_changed", subject=user.id, actor=user.id)
    tell_of_change(session, user, now=now)
    request_letter(session, "password_changed", user.email_key)


async def reset_password(session: AsyncSession, token: str, *, new_hash: str, now: datetime) -> None:
    """Set a password by the link that was sent to the account's address, and end all sign-ins.

    Whoever reads that mailbox has proved the address. What opened the account without such a proof opens it
    no more, whoever had put it there (see docs/adr/0013). Raises LinkUnknown, LinkUsed, LinkExpired.
    """
    user = await _redeem(session, token, "reset_password", now=now)
    user.password_hash, user.password_set_at = new_hash, now
    user.email_verified = True
    unproved = Identity.email_key.is_distinct_from(user.email_key)
    await session.execute(delete(Identity).where(Identity.user_id == user.id, unproved))
    await revoke_families(session, user.id, now=now)
    await _withdraw_links(session, user.id, now=now)
    audit.note(session, "password_reset", subject=user.id, actor=None)
    tell_of_change(session, user, now=now)
    request_letter(session, "password_changed", user.email_key)


async def claim(session: AsyncSession, user: User, *, provider: str, now: datetime) -> None:
    """Give an account, whose address nobody had proved, to the one who has: nothing older opens it."""
    user.password_hash, user.password_set_at = None, now
    user.email_verified = True
    user.auth_provider = provider
    await session.execute(delete(Identity).where(Identity.user_id == user.id))
    await revoke_families(session, user.id, now=now)
    await _withdraw_links(session, user.id, now=now)
    audit.note(session, "account_claimed", subject=user.id, actor=None, after={"provider": provider})
    tell_of_change(session, user, now=now)


async def check_link(session: AsyncSession, token: str, purpose: Purpose, *, now: datetime) -> None:
    """Raise LinkUnknown, LinkUsed or LinkExpired unless the link could be used now."""
    found = await session.get(OneTimeToken, digest(token))
    if found is None or found.purpose != purpose:
        raise LinkUnknown("This link is not valid; ask for a new one.")
    ensure_good(now, used_at=found.used_at, expires_at=found.expires_at)


async def _redeem(session: AsyncSession, token: str, purpose: Purpose, *, now: datetime) -> User:
    """The account that a link was sent for; the link is used up."""
    sent = select(OneTimeToken.user_id).where(
        OneTimeToken.digest == digest(token), OneTimeToken.purpose == purpose
    )
    # The account is locked first, as everywhere: of two uses at once the second sees the first.
    owner = select(User).where(User.id == sent.scalar_subquery()).with_for_update()
    user = await session.scalar(owner)
    if user is None:
        raise LinkUnknown("This link is not valid; ask for a new one.")
    link = await session.get_one(OneTimeToken, digest(token), populate_existing=True)
    ensure_good(now, used_at=link.used_at, expires_at=link.expires_at)
    link.used_at = now
    return user


async def _withdraw_links(session: AsyncSession, user_id: UUID, *, now: datetime) -> None:
    """Make the links that were sent so far good for nothing."""
    open_links = (OneTimeToken.user_id == user_id) & OneTimeToken.used_at.is_(None)
    await session.execute(update(OneTimeToken).where(open_links).values(used_at=now))
