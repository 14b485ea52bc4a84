"""What the auth service reads."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from shared.security.current_user import Caller, Role
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from auth import schemas
from auth.domain import AccountGone, Credential, email_key
from auth.models import AuditEntry, Identity, RefreshFamily, User

_USER = [getattr(User, field) for field in schemas.User.model_fields]
_ACCOUNT = [getattr(User, field) for field in schemas.Account.model_fields]


async def credential_of(session: AsyncSession, email: str) -> Credential | None:
    """What is to be checked when someone signs in with this address."""
    return await _credential(session, User.email_key == email_key(email))


async def credential_of_user(session: AsyncSession, user_id: UUID) -> Credential | None:
    """What is to be checked when a user states the password again."""
    return await _credential(session, User.id == user_id)


async def _credential(session: AsyncSession, condition: Any) -> Credential | None:
    columns = select(User.id, User.password_hash, User.password_set_at)
    row = (await session.execute(columns.where(condition))).one_or_none()
    return Credential(*row) if row else None


async def user_of(session: AsyncSession, caller: Caller) -> schemas.User:
    """The account of a caller whose sign-in goes on. Raises AccountGone when it has ended, or the account."""
    live = (RefreshFamily.user_id == User.id) & RefreshFamily.revoked_at.is_(None)
    signed_in = live & (RefreshFamily.id == caller.session_id)
    found = select(*_USER).join(RefreshFamily, signed_in).where(User.id == caller.id)
    row = (await session.execute(found)).one_or_none()
    if row is None:
        raise AccountGone
    return schemas.User.model_validate(row)


async def role_of(session: AsyncSession, caller: Caller) -> Role | None:
    """The role that a caller has now, whatever the token says; None when the sign-in has ended."""
    live = (RefreshFamily.user_id == User.id) & RefreshFamily.revoked_at.is_(None)
    signed_in = live & (RefreshFamily.id == caller.session_id)
    return await session.scalar(select(User.role).join(RefreshFamily, signed_in).where(User.id == caller.id))


async def identities_of(session: AsyncSession, user_id: UUID) -> list[schemas.LinkedIdentity]:
    """The social sign-ins of an account, oldest first."""
    owned = select(Identity).where(Identity.user_id == user_id).order_by(Identity.linked_at)
    return [schemas.LinkedIdentity.model_validate(each) for each in await session.scalars(owned)]


async def account_data_of(session: AsyncSession, user_id: UUID) -> schemas.AccountData:
    """Everything this service holds on a user, but for what only proves who they are. Raises AccountGone."""
    user = await session.get(User, user_id)
    if user is None:
        raise AccountGone
    identities = await session.scalars(select(Identity).where(Identity.user_id == user_id))
    families = await session.scalars(
        select(RefreshFamily).where(RefreshFamily.user_id == user_id).order_by(RefreshFamily.created_at)
    )
    about = (AuditEntry.subject_id == user_id) | (AuditEntry.actor_id == user_id)
    entries = await session.scalars(select(AuditEntry).where(about).order_by(AuditEntry.id))
    return schemas.AccountData.model_validate(
        {
            "profile": user,
            "has_password": user.password_hash is not None,
            "password_set_at": user.password_set_at,
            "identities": identities.all(),
            "sign_ins": families.all(),
            "audit_log": entries.all(),
        },
    )


async def accounts(session: AsyncSession, wanted: schemas.AccountFilter) -> schemas.AccountPage:
    """Accounts, newest first."""
    found = select(*_ACCOUNT)
    if wanted.email:
        found = found.where(User.email_key.startswith(email_key(wanted.email), autoescape=True))
    if wanted.role:
        found = found.where(User.role == wanted.role)
    rows, cursor = await _page(session, found, User.id, wanted)
    return schemas.AccountPage(
        users=[schemas.Account.model_validate(row) for row in rows],
        pagination=schemas.Pagination(limit=wanted.limit, next_cursor=cursor),
    )


async def audit_entries(session: AsyncSession, wanted: schemas.AuditFilter) -> schemas.AuditPage:
    """The audit log, newest first."""
    found = select(*(getattr(AuditEntry, field) for field in schemas.AuditLogEntry.model_fields))
    if wanted.subject_id:
        found = found.where(AuditEntry.subject_id == wanted.subject_id)
    if wanted.action:
        found = found.where(AuditEntry.action == wanted.action)
    rows, cursor = await _page(session, found, AuditEntry.id, wanted)
    return schemas.AuditPage(
        entries=[schemas.AuditLogEntry.model_validate(row) for row in rows],
        pagination=schemas.Pagination(limit=wanted.limit, next_cursor=cursor),
    )


async def _page(
    session: AsyncSession, found: Select[Any], key: Any, wanted: schemas.Page
) -> tuple[Sequence[Any], UUID | None]:
    """Rows after the cursor. Keys are UUIDv7: their order is that of time."""
    if wanted.cursor:
        found = found.where(key < wanted.cursor)
    rows = (await session.execute(found.order_by(key.desc()).limit(wanted.limit + 1))).all()
    shown = rows[: wanted.limit]
    return shown, shown[-1].id if len(rows) > len(shown) else None
