from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from contracts.auth import UserDeleted, UserRef, UserRegistered, UserUpdated
from shared.clock import utc_now
from shared.data.db import Database
from shared.data.db_errors import retry_conflicts
from shared.messaging.outbox import record
from shared.security.current_user import Principal, Role
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from auth.commands import audit_log
from auth.commands.apple_tokens import remove_identities
from auth.commands.emails import notify
from auth.commands.revocations import revoke_deleted_user
from auth.commands.sign_ins import AuthenticatedSession, revoke_user_families, start_session
from auth.domain.operators import OPERATOR_ID
from auth.domain.roles import ensure_not_last_admin
from auth.domain.users import DEFAULT_NAME, to_canonical_email
from auth.errors import EmailTaken, PasswordNotSet, SignedOut, WrongPassword
from auth.models import EmailRequest, User
from auth.passwords import PasswordHasher, ensure_strong_password
from auth.queries.sign_ins import Credential, find_credential_by_user_id
from auth.queries.users import get_current_user
from auth.tokens import one_time_tokens

# Lock order: accounts (by id), their dependent rows, e-mail requests, audit log.
ADMINS_LOCK = 7275628
"""The key of an advisory lock, which precedes all rows."""


@retry_conflicts
async def register_user(
    database: Database, passwords: PasswordHasher, *, email: str, name: str, password: str
) -> AuthenticatedSession:
    """Create an account, sign in to it and request a confirmation e-mail."""
    ensure_strong_password(password)
    password_hash = await passwords.hash(password)
    async with database.transaction() as session:
        user = await create_user(session, email=email, name=name, password_hash=password_hash)
        notify(session, user, "verify_email")
        return await start_session(session, user, method="password", now=utc_now())


async def create_user(
    session: AsyncSession,
    *,
    email: str,
    name: str,
    password_hash: str,
    role: Role = "learner",
    email_verified: bool = False,
) -> User:
    """Create an account with a password. Raises EmailTaken."""
    user = await insert_user(
        session, email=email, name=name, password_hash=password_hash, role=role, email_verified=email_verified
    )
    if user is None:
        raise EmailTaken("An account with this e-mail address already exists.")
    return user


async def insert_user(session: AsyncSession, *, email: str, **values: str | bool | None) -> User | None:
    """Create an account, or return None if the address is taken, even by a concurrent request."""
    statement = insert(User).values(email=email, email_key=to_canonical_email(email), **values)
    # The database waits for a conflicting insert and returns no row; an error would end the transaction.
    statement = statement.on_conflict_do_nothing(index_elements=[User.email_key])
    user: User | None = await session.scalar(statement.returning(User))
    if user is not None:
        record(session, UserRegistered, subject=str(user.id), data=UserRef(user_id=user.id))
    return user


async def update_user(
    session: AsyncSession, user_id: UUID, changes: Mapping[str, str | None], *, now: datetime | None = None
) -> User:
    user = await lock_user(session, user_id)
    changed = {field: value for field, value in changes.items() if getattr(user, field) != value}
    if not changed:
        return user
    for field, value in changed.items():
        setattr(user, field, value)
    record_user_updated(session, user, now=now or utc_now())
    return user


@retry_conflicts
async def change_password(
    database: Database,
    passwords: PasswordHasher,
    caller: Principal,
    *,
    current_password: str,
    new_password: str,
) -> None:
    """Replace the caller's password, and end all other sessions."""
    ensure_strong_password(new_password, pointer="#/new_password")
    async with database.transaction() as session:
        await get_current_user(session, caller)
        credential = await find_credential_by_user_id(session, caller.id)
    if credential is None or caller.session_id is None:
        raise SignedOut
    if credential.password_hash is None:
        raise PasswordNotSet("This account has no password yet: request a link to set one (forgot password).")
    # Hashing may have to wait, and should not hold a database connection.
    is_correct, _ = await passwords.verify(current_password, credential.password_hash)
    if not is_correct:
        raise WrongPassword("The current password is wrong.")
    new_hash = await passwords.hash(new_password)
    async with database.transaction() as session:
        await _replace_password(session, credential, new_hash=new_hash, family_id=caller.session_id)


async def _replace_password(
    session: AsyncSession, verified: Credential, *, new_hash: str, family_id: UUID
) -> None:
    """Raises WrongPassword if the password was replaced while it was being verified."""
    user, now = await lock_user(session, verified.user_id), utc_now()
    if user.password_set_at != verified.password_set_at:
        raise WrongPassword("The password has just been changed.")
    user.password_hash, user.password_set_at = new_hash, now
    await revoke_user_families(session, user.id, now=now, except_family=family_id)
    await one_time_tokens.revoke_all(session, user, now=now)
    audit_log.record(session, "password_changed", subject=user.id, actor=user.id)
    record_user_updated(session, user, now=now)
    if user.email_verified:
        # The owner of an unconfirmed address may be a stranger, whose mailbox this could flood.
        notify(session, user, "password_changed")


async def delete_user(session: AsyncSession, user_id: UUID, *, actor: UUID | None) -> None:
    """Delete an account with all its data; only an audit entry with its id remains."""
    await lock_admins_if_admin(session, user_id)
    user = await lock_user(session, user_id)
    await ensure_other_admin(session, user)
    await remove_identities(session, user_id)
    await session.execute(delete(User).where(User.id == user_id))
    is_users_request = (EmailRequest.email_key == user.email_key) | (EmailRequest.user_id == user_id)
    await session.execute(delete(EmailRequest).where(is_users_request))
    revoke_deleted_user(session, user_id)
    audit_log.record(session, "account_deleted", subject=user_id, actor=actor)
    record(session, UserDeleted, subject=str(user_id), data=UserRef(user_id=user_id))


async def lock_user(session: AsyncSession, user_id: UUID) -> User:
    """Return the account, locked until the transaction ends. Raises SignedOut if it was deleted."""
    user = await session.get(User, user_id, with_for_update=True, populate_existing=True)
    if user is None:
        raise SignedOut
    return user


async def lock_admins(session: AsyncSession) -> None:
    """Serialise transactions that make or remove admins, before any row is locked."""
    await session.execute(select(func.pg_advisory_xact_lock(ADMINS_LOCK)))


async def lock_admins_if_admin(session: AsyncSession, user_id: UUID) -> None:
    # Only the removal of an admin waits for changes of other admins.
    if await session.scalar(select(User.role).where(User.id == user_id)) == "admin":
        await lock_admins(session)


async def ensure_other_admin(session: AsyncSession, user: User) -> None:
    """Raises LastAdmin."""
    if user.role == "admin":
        # An admin appointed concurrently has not taken the lock.
        await lock_admins(session)
        # The next deployment may remove the operator.
        others = (User.role == "admin") & User.id.not_in([user.id, OPERATOR_ID]) & User.locked_at.is_(None)
        admins = select(func.count()).select_from(User).where(others)
        ensure_not_last_admin(user.role, other_admins=(await session.execute(admins)).scalar_one())


async def hand_over_to_email_owner(session: AsyncSession, user: User, *, now: datetime) -> None:
    """Hand the account over to the verified owner of its address: end its sessions, revoke its tokens."""
    # A stranger may have set the name and picture of an account whose address was never confirmed.
    if not user.email_verified:
        user.name, user.avatar_url, user.email_verified = DEFAULT_NAME, None, True
    await revoke_user_families(session, user.id, now=now)
    await one_time_tokens.revoke_all(session, user, now=now)
    record_user_updated(session, user, now=now)


async def release_email(session: AsyncSession, user: User, *, now: datetime) -> None:
    # Someone else has proved ownership of the address. The account keeps its sign-ins.
    user.email = user.email_key = None
    await one_time_tokens.revoke_all(session, user, now=now)
    audit_log.record(session, "address_released", subject=user.id, actor=None)
    record_user_updated(session, user, now=now)
    # The address must be released before another row uses it.
    await session.flush()


def record_user_updated(session: AsyncSession, user: User, *, now: datetime) -> None:
    user.updated_at = now
    record(session, UserUpdated, subject=str(user.id), data=UserRef(user_id=user.id))
