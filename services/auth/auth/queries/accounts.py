"""Accounts, for admins."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from shared.http.pages import fetch_page
from shared.http.pagination import Pagination
from sqlalchemy import Select, exists, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from auth.domain.users import to_canonical_email
from auth.errors import UserNotFound
from auth.models import Identity, PanelSession, RefreshTokenFamily, User
from auth.schemas.users import AccountRead, AccountSearch

MAX_SESSIONS = 50
_COLUMNS = [getattr(User, field) for field in AccountRead.model_fields]


class SessionRow(NamedTuple):
    """A sign-in, without any credentials."""

    id: UUID
    method: str | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    is_panel: bool
    is_over: bool


class IdentityRow(NamedTuple):
    provider: str
    linked_at: datetime


class AccountDetails(NamedTuple):
    account: AccountRead
    has_password: bool
    sessions: Sequence[SessionRow]
    identities: Sequence[IdentityRow]


async def search_accounts(
    session: AsyncSession, search: AccountSearch
) -> tuple[Sequence[AccountRead], Pagination]:
    """Return one page of accounts whose address or name begins with the text, newest first."""
    statement = _apply_filters(select(*_COLUMNS), search)
    scope = search.build_scope("accounts")
    rows, pagination = await fetch_page(session, statement, User.id, search, scope=scope)
    return [AccountRead.model_validate(row) for row in rows], pagination


def _apply_filters(statement: Select[Any], search: AccountSearch) -> Select[Any]:
    if search.search:
        # Both columns have an index for prefix searches.
        by_email = User.email_key.startswith(to_canonical_email(search.search), autoescape=True)
        by_name = func.lower(User.name).startswith(search.search.lower(), autoescape=True)
        statement = statement.where(or_(by_email, by_name))
    if search.role:
        statement = statement.where(User.role == search.role)
    if search.role in {"editor", "admin"}:
        # Repeats the condition of the partial index, which the planner cannot infer from a parameter.
        statement = statement.where(text("users.role <> 'learner'"))
    if search.state == "locked":
        statement = statement.where(User.locked_at.is_not(None))
    if search.state == "open":
        statement = statement.where(User.locked_at.is_(None))
    return statement


async def get_account_details(session: AsyncSession, user_id: UUID) -> AccountDetails:
    """Raises UserNotFound."""
    columns = select(*_COLUMNS, User.password_hash.is_not(None).label("has_password"))
    row = (await session.execute(columns.where(User.id == user_id))).one_or_none()
    if row is None:
        raise UserNotFound(f"There is no user {user_id}.")
    linked = select(Identity.provider, Identity.linked_at).where(Identity.user_id == user_id)
    identities = await session.execute(linked.order_by(Identity.linked_at))
    return AccountDetails(
        AccountRead.model_validate(row),
        row.has_password,
        await _list_sessions(session, user_id),
        [IdentityRow(*identity) for identity in identities],
    )


async def _list_sessions(session: AsyncSession, user_id: UUID) -> Sequence[SessionRow]:
    family = RefreshTokenFamily
    is_panel = exists().where(PanelSession.family_id == family.id)
    is_over = (family.expires_at <= func.now()) | family.revoked_at.is_not(None)
    columns = select(
        family.id, family.method, family.created_at, family.expires_at, family.revoked_at, is_panel, is_over
    )
    newest = columns.where(family.user_id == user_id).order_by(family.id.desc()).limit(MAX_SESSIONS)
    return [SessionRow(*row) for row in await session.execute(newest)]


async def list_account_names(session: AsyncSession, ids: Collection[UUID]) -> Mapping[UUID, str]:
    """Return the address, or else the name, of each existing account."""
    rows = await session.execute(select(User.id, User.email, User.name).where(User.id.in_(ids)))
    return {id_: email or name for id_, email, name in rows}


async def find_account_id(session: AsyncSession, email: str) -> UUID | None:
    return await session.scalar(select(User.id).where(User.email_key == to_canonical_email(email)))
