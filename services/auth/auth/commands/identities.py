from datetime import datetime
from uuid import UUID

from shared.clock import utc_now
from shared.data.db import Database
from shared.data.db_errors import retry_conflicts
from shared.security.current_user import Principal
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.commands import audit_log
from auth.commands.apple_tokens import exchange_apple_code, remove_identities
from auth.commands.emails import notify
from auth.commands.sign_ins import (
    AuthenticatedSession,
    ensure_recent_proof,
    revoke_families_by_method,
    start_session,
)
from auth.commands.users import insert_user, lock_user, release_email
from auth.domain.identities import LinkingDecision, decide_account_linking, ensure_not_last_method
from auth.domain.users import DEFAULT_NAME, to_canonical_email
from auth.errors import (
    EmailNotVerified,
    EmailRequired,
    IdentityLinkRequired,
    IdentityNotFound,
    IdentityTaken,
)
from auth.models import Identity, User
from auth.passwords import PasswordHasher
from auth.queries.users import get_current_user
from auth.social import SocialSignIn, VerifiedIdentity
from auth.types import Provider


async def sign_in_with_provider(
    database: Database,
    social: SocialSignIn,
    *,
    provider: Provider,
    token: str,
    nonce: str | None,
    name: str | None,
    authorization_code: str | None,
) -> AuthenticatedSession:
    """Sign in, creating or linking an account the first time. `name` is for a new account without one."""
    # The provider may take seconds, so no transaction is open during the call.
    async with social.redeem(provider, token, nonce=nonce) as identity:
        signed_in = await _sign_in(database, identity, name=name)
    await exchange_apple_code(database, social.apple, identity, code=authorization_code)
    return signed_in


@retry_conflicts
async def _sign_in(
    database: Database, identity: VerifiedIdentity, *, name: str | None
) -> AuthenticatedSession:
    async with database.transaction() as session:
        now = utc_now()
        user = await _find_by_identity(session, identity)
        if user is None:
            user = await _resolve_account(session, identity, name=name, now=now)
        return await start_session(session, user, method=identity.provider, now=now)


async def link_identity(
    database: Database,
    passwords: PasswordHasher,
    social: SocialSignIn,
    caller: Principal,
    *,
    provider: Provider,
    token: str,
    nonce: str | None,
    password: str | None,
    authorization_code: str | None,
) -> None:
    """Link an identity to the caller's account; linking it again changes nothing."""
    await ensure_recent_proof(database, passwords, caller, password=password)
    async with social.redeem(provider, token, nonce=nonce) as identity:
        await _link_verified(database, caller, identity)
    await exchange_apple_code(database, social.apple, identity, code=authorization_code)


@retry_conflicts
async def _link_verified(database: Database, caller: Principal, identity: VerifiedIdentity) -> None:
    async with database.transaction() as session:
        await get_current_user(session, caller)
        user = await lock_user(session, caller.id)
        if not user.email_verified:
            raise EmailNotVerified("Confirm your e-mail address before you add a way to sign in.")
        existing = await session.get(Identity, (identity.provider, identity.subject))
        if existing is not None and existing.user_id == user.id:
            return
        if existing is not None or await _has_identity_with(session, user, identity.provider):
            raise IdentityTaken(
                "This sign-in belongs to another account, or your account already has one with this provider."
            )
        _link(session, user, identity, actor=user.id)


async def unlink_identity(session: AsyncSession, user_id: UUID, provider: Provider) -> None:
    user = await lock_user(session, user_id)
    if not await _has_identity_with(session, user, provider):
        raise IdentityNotFound("Your account has no sign-in with this provider.")
    owned = select(func.count()).select_from(Identity).where(Identity.user_id == user.id)
    count = (await session.execute(owned)).scalar_one()
    ensure_not_last_method(has_password=user.password_hash is not None, identity_count=count)
    await remove_identities(session, user.id, Identity.provider == provider)
    await revoke_families_by_method(session, user.id, provider, now=utc_now())
    audit_log.record(
        session, "identity_unlinked", subject=user.id, actor=user.id, before={"provider": provider}
    )


async def _resolve_account(
    session: AsyncSession, identity: VerifiedIdentity, *, name: str | None, now: datetime
) -> User:
    """Return the account for an unknown identity: a new one or an existing one."""
    if identity.email is None:
        raise EmailRequired("The provider did not share your e-mail address; allow it, and sign in again.")
    # The second search finds the account of a request that took the address after the first search.
    user = (
        await _find_by_email(session, identity.email)
        or await _open_account(session, identity, email=identity.email, name=name)
        or await _find_by_email(session, identity.email)
    )
    if user is not None and await _find_by_identity(session, identity) is None:
        if await _is_linkable(session, user, identity):
            _link(session, user, identity, actor=user.id)
            return user
        await release_email(session, user, now=now)
        user = await _open_account(session, identity, email=identity.email, name=name)
    if user is None:
        raise IdentityLinkRequired("The account with this address is being deleted; try again in a moment.")
    return user


async def _is_linkable(session: AsyncSession, user: User, identity: VerifiedIdentity) -> bool:
    """Return False if the identity needs a new account. Raises IdentityLinkRequired."""
    decision = decide_account_linking(
        identity_verified=identity.email_verified,
        account_verified=user.email_verified,
        provider_known=await _has_identity_with(session, user, identity.provider),
    )
    if decision is LinkingDecision.REFUSE:
        raise IdentityLinkRequired(
            "This e-mail address has an account. Sign in to it as before, and link this provider there."
        )
    return decision is LinkingDecision.LINK


async def _open_account(
    session: AsyncSession, identity: VerifiedIdentity, *, email: str, name: str | None
) -> User | None:
    user = await insert_user(
        session,
        email=email,
        name=name or identity.name or DEFAULT_NAME,
        avatar_url=identity.avatar_url,
        auth_provider=identity.provider,
        email_verified=identity.email_verified,
    )
    if user is None:
        return None
    _add(session, user, identity)
    await session.flush()
    if not user.email_verified:
        notify(session, user, "verify_email")
    return user


async def _find_by_identity(session: AsyncSession, identity: VerifiedIdentity) -> User | None:
    same = (Identity.provider == identity.provider) & (Identity.subject == identity.subject)
    owner = select(User).join(Identity, Identity.user_id == User.id).where(same)
    # Both rows are locked, the account first. A concurrent reset that removes the identity runs either before
    # this sign-in, which then finds nothing, or after it, and ends it.
    return await session.scalar(owner.with_for_update(key_share=True))


async def _find_by_email(session: AsyncSession, email: str) -> User | None:
    statement = select(User).where(User.email_key == to_canonical_email(email)).with_for_update()
    return await session.scalar(statement.execution_options(populate_existing=True))


async def _has_identity_with(session: AsyncSession, user: User, provider: Provider) -> bool:
    is_users_identity = (Identity.user_id == user.id) & (Identity.provider == provider)
    return (await session.scalar(select(Identity.subject).where(is_users_identity))) is not None


def _link(session: AsyncSession, user: User, identity: VerifiedIdentity, *, actor: UUID) -> None:
    """Add the identity, and notify the owner by e-mail."""
    _add(session, user, identity)
    provider = {"provider": identity.provider}
    audit_log.record(session, "identity_linked", subject=user.id, actor=actor, after=provider)
    notify(session, user, "sign_in_added")


def _add(session: AsyncSession, user: User, identity: VerifiedIdentity) -> None:
    verified_email_key = (
        to_canonical_email(identity.email) if identity.email and identity.email_verified else None
    )
    session.add(
        Identity(
            provider=identity.provider,
            subject=identity.subject,
            user_id=user.id,
            email_key=verified_email_key,
        )
    )
