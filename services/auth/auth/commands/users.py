"""Accounts: opening, changing and leaving them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from contracts.auth import UserDeleted, UserRef, UserRegistered, UserUpdated
from shared.messaging.outbox import record
from shared.security.current_user import Role
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from auth.commands import audit_log
from auth.commands.emails import request_email
from auth.commands.sign_ins import AuthenticatedSession, revoke_sign_ins, start_sign_in
from auth.domain.users import canonical_email
from auth.errors import EmailTaken, InvalidCredentials, LastAdmin, SignedOut
from auth.models import EmailRequest, User
from auth.queries.sign_ins import Credential
from auth.tokens import one_time_tokens


async def insert_user(session: AsyncSession, *, email: str, **values: str | bool | None) -> User | None:
    """A new account, or None if the address has one: also when another request takes it at the same time."""
    created = insert(User).values(email=email, email_key=canonical_email(email), **values)
    # A conflict is awaited by the database and reported as no row, where an error would end the transaction.
    created = created.on_conflict_do_nothing(index_elements=[User.email_key])
    user: User | None = await session.scalar(created.returning(User))
    if user is not None:
        record(session, UserRegistered, subject=str(user.id), data=UserRef(user_id=user.id))
    return user


async def create_user(
    session: AsyncSession,
    *,
    email: str,
    name: str,
    password_hash: str,
    role: Role = "learner",
    email_verified: bool = False,
) -> User:
    """Open an account with a password. Raises EmailTaken."""
    user = await insert_user(
        session, email=email, name=name, password_hash=password_hash, role=role, email_verified=email_verified
    )
    if user is None:
        raise EmailTaken("There is an account with this e-mail address already.")
    return user


async def register_user(
    session: AsyncSession, *, email: str, name: str, password_hash: str, now: datetime
) -> AuthenticatedSession:
    """Open an account, sign its owner in, and ask them to confirm the address. Raises EmailTaken."""
    user = await create_user(session, email=email, name=name, password_hash=password_hash)
    request_email(session, "verify_email", user.email_key)
    return await start_sign_in(session, user, now=now)


async def update_user(
    session: AsyncSession, user_id: UUID, changes: Mapping[str, str | None], *, now: datetime
) -> User:
    """Change a name or a picture. Raises SignedOut."""
    user = await lock_user(session, user_id)
    changed = {field: value for field, value in changes.items() if getattr(user, field) != value}
    if not changed:
        return user
    for field, value in changed.items():
        setattr(user, field, value)
    record_user_updated(session, user, now=now)
    return user


async def delete_user(session: AsyncSession, user_id: UUID) -> None:
    """Close an account: all that it holds here goes at once, and the others are told.

    What stays is that it was closed, and when, under an id that leads to nobody. Raises SignedOut, and
    LastAdmin when nobody would be left to give roles.
    """
    admins = await lock_with_admins(session, user_id)
    user = admins.get(user_id)
    if user is None:
        raise SignedOut
    ensure_not_last_admin(user, admins.values())
    await session.execute(delete(EmailRequest).where(EmailRequest.email_key == user.email_key))
    await session.execute(delete(User).where(User.id == user_id))
    audit_log.record(session, "account_deleted", subject=user_id, actor=user_id)
    record(session, UserDeleted, subject=str(user_id), data=UserRef(user_id=user_id))


async def change_password(
    session: AsyncSession, checked: Credential, *, new_hash: str, family_id: UUID, now: datetime
) -> None:
    """Replace a password that was right, and end all other sign-ins than the one with this family.

    Raises SignedOut, and InvalidCredentials when it was replaced while it was checked.
    """
    user = await lock_user(session, checked.user_id)
    if user.password_set_at != checked.password_set_at:
        raise InvalidCredentials
    user.password_hash, user.password_set_at = new_hash, now
    await revoke_sign_ins(session, user.id, now=now, except_family=family_id)
    await one_time_tokens.withdraw_all(session, user.id, now=now)
    audit_log.record(session, "password_changed", subject=user.id, actor=user.id)
    record_user_updated(session, user, now=now)
    request_email(session, "password_changed", user.email_key)


async def lock_with_admins(session: AsyncSession, user_id: UUID) -> dict[UUID, User]:
    """An account, if it is there, and all admins, locked in one order.

    So two who dismiss each other at once, or leave, do not both succeed.
    """
    either = (User.role == "admin") | (User.id == user_id)
    locked = await session.scalars(select(User).where(either).order_by(User.id).with_for_update())
    return {user.id: user for user in locked}


def ensure_not_last_admin(user: User, locked: Iterable[User]) -> None:
    """Raise LastAdmin unless there is another admin, or the user is none."""
    if user.role == "admin" and sum(each.role == "admin" for each in locked) == 1:
        raise LastAdmin("This is the last admin; make somebody else an admin first.")


async def lock_user(session: AsyncSession, user_id: UUID) -> User:
    """The account, which nothing else changes until this transaction ends. Raises SignedOut."""
    user = await session.get(User, user_id, with_for_update=True, populate_existing=True)
    if user is None:
        raise SignedOut
    return user


def record_user_updated(session: AsyncSession, user: User, *, now: datetime) -> None:
    """Note that an account has changed, and tell the others."""
    user.updated_at = now
    record(session, UserUpdated, subject=str(user.id), data=UserRef(user_id=user.id))
