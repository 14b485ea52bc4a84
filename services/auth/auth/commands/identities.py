"""Social sign-ins: whose account a proven identity opens."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.commands import audit_log
from auth.commands.emails import request_email
from auth.commands.sign_ins import AuthenticatedSession, revoke_sign_ins, start_sign_in
from auth.commands.users import insert_user, lock_user, record_user_updated
from auth.domain.identities import LinkingDecision, decide_account_linking
from auth.domain.users import canonical_email
from auth.errors import (
    EmailNotVerified,
    EmailRequired,
    IdentityLinkRequired,
    IdentityNotFound,
    IdentityTaken,
    LastSignInMethod,
)
from auth.models import Identity, User
from auth.social.identity import VerifiedIdentity
from auth.tokens import one_time_tokens
from auth.types import Provider


async def sign_in_with_identity(
    session: AsyncSession, proven: VerifiedIdentity, *, name: str | None, now: datetime
) -> AuthenticatedSession:
    """Sign in by an identity: to its account or, the first time, to the one that `domain.identities.decide_account_linking` says.

    `name` is for an account that is opened, when the provider tells none. Raises IdentityLinkRequired, EmailRequired.
    """
    user = await _find_by_identity(session, proven) or await _resolve_account(
        session, proven, name=name, now=now
    )
    return await start_sign_in(session, user, now=now)


async def link_identity(
    session: AsyncSession, user_id: UUID, proven: VerifiedIdentity, *, now: datetime
) -> None:
    """Add an identity to an account of someone who is signed in. Adding it again changes nothing.

    Raises SignedOut, EmailNotVerified, IdentityTaken.
    """
    user = await lock_user(session, user_id)
    if not user.email_verified:
        raise EmailNotVerified("Confirm your e-mail address before you add a way to sign in.")
    known = await session.get(Identity, (proven.provider, proven.subject))
    if known is not None and known.user_id == user.id:
        return
    if known is not None or await _has_identity_with(session, user, proven.provider):
        raise IdentityTaken(
            "This sign-in belongs to another account, or yours has one with this provider already."
        )
    _add(session, user, proven)
    audit_log.record(
        session, "identity_linked", subject=user.id, actor=user.id, after={"provider": proven.provider}
    )
    request_email(session, "sign_in_added", user.email_key)


async def unlink_identity(session: AsyncSession, user_id: UUID, provider: Provider) -> None:
    """Remove an identity from an account. Raises SignedOut, IdentityNotFound, LastSignInMethod."""
    user = await lock_user(session, user_id)
    if not await _has_identity_with(session, user, provider):
        raise IdentityNotFound("Your account has no sign-in with this provider.")
    owned = select(func.count()).select_from(Identity).where(Identity.user_id == user.id)
    if user.password_hash is None and (await session.scalar(owned)) == 1:
        raise LastSignInMethod("Set a password first: without this sign-in nobody could open your account.")
    mine = (Identity.user_id == user.id) & (Identity.provider == provider)
    await session.execute(delete(Identity).where(mine))
    audit_log.record(
        session, "identity_unlinked", subject=user.id, actor=user.id, before={"provider": provider}
    )


async def _find_by_identity(session: AsyncSession, proven: VerifiedIdentity) -> User | None:
    mine = (Identity.provider == proven.provider) & (Identity.subject == proven.subject)
    owned = select(User).join(Identity, Identity.user_id == User.id).where(mine)
    # Both rows are locked, the account first: a reset that removes the identity at this moment goes before
    # this sign-in, which then finds nothing, or after it, and ends it.
    return await session.scalar(owned.with_for_update(key_share=True))


async def _resolve_account(
    session: AsyncSession, proven: VerifiedIdentity, *, name: str | None, now: datetime
) -> User:
    if proven.email is None:
        raise EmailRequired(
            "The provider has told no e-mail address; allow the app to see it, and sign in again."
        )
    # A second time for when another request has taken the address since the first.
    user = (
        await _find_by_email(session, proven.email)
        or await _open_account(session, proven, name=name)
        or await _find_by_email(session, proven.email)
    )
    if user is None:
        raise IdentityLinkRequired("The account with this address is being closed; try again in a moment.")
    if await _find_by_identity(session, proven) is not None:
        return user
    await _apply_linking(session, user, proven, now=now)
    return user


async def _apply_linking(
    session: AsyncSession, user: User, proven: VerifiedIdentity, *, now: datetime
) -> None:
    """Let an identity into an account that has its address, if it may."""
    joining = decide_account_linking(
        vouched_for=proven.email_verified,
        account_verified=user.email_verified,
        provider_known=await _has_identity_with(session, user, proven.provider),
    )
    if joining is LinkingDecision.REFUSE:
        raise IdentityLinkRequired(
            "There is an account with this e-mail address. Sign in to it as before, and add this one there."
        )
    if joining is LinkingDecision.CLAIM:
        await take_over_account(session, user, provider=proven.provider, now=now)
    else:
        audit_log.record(
            session, "identity_linked", subject=user.id, actor=user.id, after={"provider": proven.provider}
        )
        request_email(session, "sign_in_added", user.email_key)
    _add(session, user, proven)


async def _open_account(session: AsyncSession, proven: VerifiedIdentity, *, name: str | None) -> User | None:
    assert proven.email is not None  # noqa: S101 - the caller has made sure
    user = await insert_user(
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
        request_email(session, "verify_email", user.email_key)
    return user


async def _find_by_email(session: AsyncSession, email: str) -> User | None:
    found = select(User).where(User.email_key == canonical_email(email)).with_for_update()
    return await session.scalar(found.execution_options(populate_existing=True))


async def _has_identity_with(session: AsyncSession, user: User, provider: Provider) -> bool:
    mine = (Identity.user_id == user.id) & (Identity.provider == provider)
    return (await session.scalar(select(Identity.subject).where(mine))) is not None


def _add(session: AsyncSession, user: User, proven: VerifiedIdentity) -> None:
    vouched = canonical_email(proven.email) if proven.email and proven.email_verified else None
    session.add(
        Identity(provider=proven.provider, subject=proven.subject, user_id=user.id, email_key=vouched)
    )


async def take_over_account(session: AsyncSession, user: User, *, provider: str, now: datetime) -> None:
    """Give an account, whose address nobody had proved, to the one who has: nothing older opens it."""
    user.password_hash, user.password_set_at = None, now
    user.email_verified = True
    user.auth_provider = provider
    await session.execute(delete(Identity).where(Identity.user_id == user.id))
    await revoke_sign_ins(session, user.id, now=now)
    await one_time_tokens.withdraw_all(session, user.id, now=now)
    audit_log.record(session, "account_claimed", subject=user.id, actor=None, after={"provider": provider})
    record_user_updated(session, user, now=now)
