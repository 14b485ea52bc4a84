from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from shared.panel import (
    ADMINS,
    Column,
    Filter,
    Listing,
    ListQuery,
    ResourceView,
    get_principal,
    parse,
    post_action,
)
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response
from wtforms import Form, SelectField
from wtforms.validators import InputRequired

from auth.commands import accounts as commands
from auth.commands import roles
from auth.commands.users import lock_admins
from auth.models import User
from auth.queries import accounts as queries
from auth.queries.accounts import AccountDetails
from auth.schemas.roles import RoleUpdate
from auth.schemas.users import AccountRead, AccountSearch

ROLES = [("learner", "Learner"), ("editor", "Editor"), ("admin", "Admin")]
STATES = [("open", "Not locked"), ("locked", "Locked")]
UNKNOWN = "(no address)"


class RoleForm(Form):
    role = SelectField(
        "Role",
        [InputRequired("Choose a role.")],
        choices=ROLES,
        description="Editors manage speeches, tags, imports. Admins also manage accounts and read the logs.",
    )


def _read_account(row: AccountRead | AccountDetails) -> AccountRead:
    return row if isinstance(row, AccountRead) else row.account


def _create_column(name: str, label: str, **options: Any) -> Column:
    return Column(name, label, read=lambda row: getattr(_read_account(row), name), **options)


class LearnerView(ResourceView, model=User):
    path = "learners"
    name, name_plural = "Account", "Learners"
    roles = ADMINS
    columns = (
        Column("email", "E-mail", read=lambda row: _read_account(row).email or UNKNOWN, is_link=True),
        _create_column("name", "Name"),
        _create_column("role", "Role", template="learner_role.html"),
        _create_column("locked_at", "State", template="learner_state.html"),
        _create_column("created_at", "Registered"),
    )
    details = (
        *columns,
        _create_column("email_verified", "Address confirmed"),
        _create_column("auth_provider", "Registered with"),
        Column("has_password", "Has a password", read=lambda row: row.has_password),
        _create_column("updated_at", "Last change"),
        _create_column("id", "Id"),
    )
    filters = (Filter("role", "Role", ROLES), Filter("state", "State", STATES))
    search_label = "Search by the beginning of an e-mail address or name"
    empty_text = "There are no accounts yet."
    can_edit = can_delete = True
    form_edit = RoleForm
    edit_template, details_template = "learner_edit.html", "learner_details.html"
    delete_text = (
        "All sessions end immediately, and all of this person's data is erased. This cannot be undone."
    )
    messages: ClassVar = {
        "updated": "The role was changed. It applies from the next page on.",
        "locked": "Locked: {count}. All their sessions have ended.",
        "unlocked": "Unlocked: {count}.",
        "signed_out": "Signed out everywhere: {count}.",
        "deleted": "The account was deleted.",
    }

    async def list_rows(self, session: AsyncSession, query: ListQuery) -> Listing:
        position = {"page": query.page, "limit": query.limit, "cursor": query.cursor}
        search = parse(AccountSearch, {**position, "search": query.search or None, **query.filters})
        return Listing(*await queries.search_accounts(session, search))

    async def get_row(self, session: AsyncSession, row_id: UUID) -> AccountDetails:
        return await queries.get_account_details(session, row_id)

    async def lock_row(self, session: AsyncSession, row_id: UUID) -> AccountDetails:
        # Locked before any row, as in all transactions that make or remove admins.
        await lock_admins(session)
        return await super().lock_row(session, row_id)  # type: ignore[no-any-return] # as `get_row`

    async def update_row(
        self, session: AsyncSession, row_id: UUID, values: Mapping[str, Any], *, actor: UUID
    ) -> None:
        await roles.change_role(session, row_id, parse(RoleUpdate, values).role, actor=actor)

    async def delete_row(self, session: AsyncSession, row_id: UUID, *, actor: UUID) -> None:
        await commands.delete_account(session, row_id, actor=actor)

    @post_action(
        "lock", "Lock", confirmation="They are signed out everywhere, and cannot sign in.", is_dangerous=True
    )
    async def lock(self, request: Request, ids: Sequence[UUID]) -> Response:
        return await self._change(request, ids, commands.lock_account, "locked")

    @post_action("unlock", "Unlock")
    async def unlock(self, request: Request, ids: Sequence[UUID]) -> Response:
        return await self._change(request, ids, commands.unlock_account, "unlocked")

    @post_action("sign-out", "Sign out everywhere", confirmation="All their sessions end, on all devices.")
    async def sign_out(self, request: Request, ids: Sequence[UUID]) -> Response:
        return await self._change(request, ids, commands.end_sessions, "signed_out")

    async def _change(self, request: Request, ids: Sequence[UUID], command: Any, code: str) -> Response:
        async with self.transaction(request) as session:
            await lock_admins(session)
            # Locked in one order, so that two admins do not deadlock.
            for user_id in sorted(ids):
                await command(session, user_id, actor=get_principal(request).id)
        row_ids = ids if len(ids) == 1 else ()
        return self.redirect_done(code, *row_ids, count=len(ids))

    def describe(self, row: AccountRead | AccountDetails) -> str:
        account = _read_account(row)
        return account.email or account.name

    def get_row_id(self, row: AccountRead | AccountDetails) -> UUID:
        return _read_account(row).id

    def get_form_values(self, row: AccountDetails) -> dict[str, Any]:
        return {"role": row.account.role}
