"""Social sign-ins: whose account a proven identity opens."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.commands import audit_log as audit
from auth.commands.emails import request_letter
from auth.commands.sign_ins import SignIn, revoke_families, start_family
from auth.commands.users import locked_user, open_account, tell_of_change
from auth.domain.identities import Joining, join
from auth.domain.users import email_key
from auth.errors import (
    EmailRequired,
    EmailUnverified,
    IdentityNotFound,
    IdentityTaken,
    LastSignIn,
    LinkRequired,
)
from auth.models import Identity, User
from auth.social.identity import ProvenIdentity
from auth.tokens import one_time_tokens
from auth.types import Provider


async def sign_in_with(
    session: AsyncSession, proven: ProvenIdentity, *, name: str | None, now: datetime
) -> SignIn:
    """Sign in by an identity: to its account or, the first time, to the one that `domain.join` says.

    `name` is for an account that is opened, when the provider tells none. Raises LinkRequired, EmailRequired.
    """
    user = await _owner_of(session, proven) or await _join(session, proven, name=name, now=now)
    return await start_family(session, user, now=now)


async def link_identity(
    session: AsyncSession, user_id: UUID, proven: ProvenIdentity, *, now: datetime
) -> None:
    """Add an identity to an account of someone who is signed in. Adding it again changes nothing.

    Raises AccountGone, EmailUnverified, IdentityTaken.
    """
    user = await locked_user(session, user_id)
    if not user.email_verified:
        raise EmailUnverified("Confirm your e-mail address before you add a way to sign in.")
    known = await session.get(Identity, (proven.provider, proven.subject))
    if known is not None and known.user_id == user.id:
        return
    if known is not None or await _has(session, user, proven.provider):
        raise IdentityTaken(
            "This sign-in belongs to another account, or yours has one with this provider already."
        )
    _add(session, user, proven)
    audit.note(
        session, "identity_linked", subject=user.id, actor=user.id, after={"provider": proven.provider}
    )
    request_letter(session, "sign_in_added", user.email_key)


async def unlink_identity(session: AsyncSession, user_id: UUID, provider: Provider) -> None:
    """Remove an identity from an account. Raises AccountGone, IdentityNotFound, LastSignIn."""
    user = await locked_user(session, user_id)
    if not await _has(session, user, provider):
        raise IdentityNotFound("Your account has no sign-in with this provider.")
    owned = select(func.count()).select_from(Identity).where(Identity.user_id == user.id)
    if user.password_hash is None and (await session.scalar(owned)) == 1:
        raise LastSignIn("Set a password first: without this sign-in nobody could open your account.")
    mine = (Identity.user_id == user.id) & (Identity.provider == provider)
    await session.execute(delete(Identity).where(mine))
    audit.note(session, "identity_unlinked", subject=user.id, actor=user.id, before={"provider": provider})


async def _owner_of(session: AsyncSession, proven: ProvenIdentity) -> User | None:
    mine = (Identity.provider == proven.provider) & (Identity.subject == proven.subject)
    owned = select(User).join(Identity, Identity.user_id == User.id).where(mine)
    # Both rows are locked, the account first: a reset that removes the identity at this moment goes before
    # this sign-in, which then finds nothing, or after it, and ends it.
    return await session.scalar(owned.with_for_update(key_share=True))


async def _join(session: AsyncSession, proven: ProvenIdentity, *, name: str | None, now: datetime) -> User:
    if proven.email is None:
        raise EmailRequired(
            "The provider has told no e-mail address; allow the app to see it, and sign in again."
        )
    # A second time for when another request has taken the address since the first.
    user = (
        await _at_address(session, proven.email)
        or await _opened(session, proven, name=name)
        or await _at_address(session, proven.email)
    )
    if user is None:
        raise LinkRequired("The account with this address is being closed; try again in a moment.")
    if await _owner_of(session, proven) is not None:
        return user
    await _enter(session, user, proven, now=now)
    return user


async def _enter(session: AsyncSession, user: User, proven: ProvenIdentity, *, now: datetime) -> None:
    """Let an identity into an account that has its address, if it may."""
    joining = join(
        vouched_for=proven.email_verified,
        account_verified=user.email_verified,
        provider_known=await _has(session, user, proven.provider),
    )
    if joining is Joining.REFUSE:
        raise LinkRequired(
            "There is an account with this e-mail address. Sign in to it as before, and add this one there."
        )
    if joining is Joining.CLAIM:
        await claim(session, user, provider=proven.provider, now=now)
    else:
        audit.note(
            session, "identity_linked", subject=user.id, actor=user.id, after={"provider": proven.provider}
        )
        request_letter(session, "sign_in_added", user.email_key)
    _add(session, user, proven)


async def _opened(session: AsyncSession, proven: ProvenIdentity, *, name: str | None) -> User | None:
    assert proven.email is not None  # noqa: S101 - the caller has made sure
    user = await open_account(
        session,
        email=proven.email,
        name=name or proven.name or "Learner",
        avatar_url=proven.avatar_url,
        auth_provider=proven.provider,
        email_verified=proven.email_verified,
    )
    if user is None:
        return None
    _add(session, user, proven)
    await session.flush()
    if not user.email_verified:
        request_letter(session, "verify_email", user.email_key)
    return user


async def _at_address(session: AsyncSession, email: str) -> User | None:
    found = select(User).where(User.email_key == email_key(email)).with_for_update()
    return await session.scalar(found.execution_options(populate_existing=True))


async def _has(session: AsyncSession, user: User, provider: Provider) -> bool:
    mine = (Identity.user_id == user.id) & (Identity.provider == provider)
    return (await session.scalar(select(Identity.subject).where(mine))) is not None


def _add(session: AsyncSession, user: User, proven: ProvenIdentity) -> None:
    vouched = email_key(proven.email) if proven.email and proven.email_verified else None
    session.add(
        Identity(provider=proven.provider, subject=proven.subject, user_id=user.id, email_key=vouched)
    )


async def claim(session: AsyncSession, user: User, *, provider: str, now: datetime) -> None:
    """Give an account, whose address nobody had proved, to the one who has: nothing older opens it."""
    user.password_hash, user.password_set_at = None, now
    user.email_verified = True
    user.auth_provider = provider
    await session.execute(delete(Identity).where(Identity.user_id == user.id))
    await revoke_families(session, user.id, now=now)
    await one_time_tokens.withdraw_all(session, user.id, now=now)
    audit.note(session, "account_claimed", subject=user.id, actor=None, after={"provider": provider})
    tell_of_change(session, user, now=now)
