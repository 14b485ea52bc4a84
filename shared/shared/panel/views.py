"""Base classes for the services' views. Every change goes through a command of the service."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from uuid import UUID

from sqladmin import BaseView, ModelView
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from wtforms import Form

from shared.errors import NotFound
from shared.messaging.inbox import claim
from shared.panel.access import EDITORS, Roles, get_principal
from shared.panel.form_data import VERSION_FIELD, get_form, get_submission_id
from shared.panel.forms import AlreadySubmitted, ChangedByOther, create_version
from shared.panel.lists import DEFAULT_LIMIT, Choice, Column, Filter, Listing, ListQuery

if TYPE_CHECKING:
    from shared.panel.panel import Panel


class Blocker(NamedTuple):
    """Why a row cannot be deleted, and a link to resolve it."""

    reason: str
    address: str
    link_text: str


MESSAGES = {
    "created": "Created.",
    "updated": "Saved.",
    "unchanged": "Nothing was changed.",
    "deleted": "Deleted.",
    "already_deleted": "It had already been deleted.",
    "repeated": "This form has already been sent. It was saved once.",
}
"""Messages after a change, by the code in the URL. A URL cannot inject its own text."""
REFUSALS = {
    "none_chosen": "Choose at least one row first.",
    "gone": "Nothing was changed, because something that you selected no longer exists.",
    "no_value": "Fill in the field next to this button first.",
}
"""Messages after an action that did nothing."""


class PanelPage:
    """Common base of all views."""

    path: ClassVar[str] = ""
    """The pages are at `/admin/<service>/<path>`."""
    roles: ClassVar[Roles] = EDITORS
    permissions: ClassVar[Mapping[str, Roles]] = {}
    """Actions, such as delete, restricted to fewer roles."""
    messages: ClassVar[Mapping[str, str]] = {}
    refusals: ClassVar[Mapping[str, str]] = {}
    panel: ClassVar["Panel"]

    async def render(self, request: Request, template: str, *, status: int = 200, **context: Any) -> Response:
        return await self.panel.render(request, template, context | {"view": self}, status=status)

    @asynccontextmanager
    async def transaction(self, request: Request) -> AsyncIterator[AsyncSession]:
        """Open the transaction of a submitted form. Raises AlreadySubmitted if it was submitted before."""
        submission_id, user_id = get_submission_id(request), get_principal(request).id
        async with self.panel.transaction() as session:
            if not await claim(session, f"panel.{user_id}", submission_id):
                raise AlreadySubmitted
            yield session

    def build_address(self, *parts: object, **query: object) -> str:
        """Return the URL of a page of this view."""
        path = "/".join((self.panel.prefix, self.path, *map(str, parts)))
        return str(URL(path).include_query_params(**query)) if query else path

    def redirect_done(self, code: str, *parts: object, **query: object) -> Response:
        """Redirect to a page that shows the message with this code, formatted with `count`."""
        return RedirectResponse(self.build_address(*parts, **{**query, "done": code}), 303)

    def find_message(self, request: Request) -> str:
        parameters = request.query_params
        texts = {**MESSAGES, **self.messages, **self.list_refusals()}
        text = texts.get(parameters.get("done", ""), "")
        count = parameters.get("count", "")
        return text.replace("{count}", f"{int(count):,}" if count.isdecimal() and len(count) < 10 else "")

    def list_refusals(self) -> dict[str, str]:
        return {**REFUSALS, **self.refusals}


class PageView(PanelPage, BaseView):
    """Standalone pages: methods with `@expose`, whose paths begin with `path`."""


class ResourceView(PanelPage, ModelView):
    """A list, and pages to view, create, edit and delete its rows. Subclasses call their queries and commands
    in the methods that end in `_row`.
    """

    columns: ClassVar[Sequence[Column]] = ()
    details: ClassVar[Sequence[Column]] = ()
    """Lines of a row's page; by default the columns."""
    filters: ClassVar[Sequence[Filter]] = ()
    default_sort: ClassVar[str] = ""
    search_label: ClassVar[str] = ""
    """Without it, the list has no search."""
    empty_text: ClassVar[str] = "There is nothing here yet."
    delete_text: ClassVar[str] = "This cannot be undone."
    limit: ClassVar[int] = DEFAULT_LIMIT

    form_create: ClassVar[type[Form]]
    form_edit: ClassVar[type[Form]]
    can_create = can_edit = can_delete = can_export = can_import = False

    # SQLAdmin itself never reads or writes rows.
    form_include_pk = save_as = False

    list_template = "list.html"
    details_template = "details.html"
    create_template = "create.html"
    edit_template = "edit.html"

    async def list_rows(self, session: AsyncSession, query: ListQuery) -> Listing:
        raise NotImplementedError

    async def get_row(self, session: AsyncSession, row_id: UUID) -> Any:
        """Return the row to show. Raises NotFound."""
        raise NotImplementedError

    async def create_row(self, session: AsyncSession, values: Mapping[str, Any], *, actor: UUID) -> UUID:
        raise NotImplementedError

    async def update_row(
        self, session: AsyncSession, row_id: UUID, values: Mapping[str, Any], *, actor: UUID
    ) -> None:
        raise NotImplementedError

    async def delete_row(self, session: AsyncSession, row_id: UUID, *, actor: UUID) -> None:
        raise NotImplementedError

    async def look_up(self, session: AsyncSession, term: str) -> Sequence[Choice]:
        """Return at most 20 choices for the text that was typed."""
        raise NotFound("This page has no lookup.")

    async def list_labels(self, session: AsyncSession, name: str, values: Sequence[str]) -> Mapping[str, str]:
        """Return the labels of values that were chosen in a field or filter with a look-up."""
        return {}

    async def list_filter_labels(self, session: AsyncSession, query: ListQuery) -> dict[str, str]:
        labels: dict[str, str] = {}
        for list_filter in self.filters:
            if list_filter.lookup and list_filter.name in query.filters:
                labels |= await self.list_labels(session, list_filter.name, [query.filters[list_filter.name]])
        return labels

    async def find_blocker(self, session: AsyncSession, row: Any) -> Blocker | None:
        """Return why the row cannot be deleted now. The command checks it again."""
        return None

    def describe(self, row: Any) -> str:
        """Return the heading of a row's page."""
        return str(self.columns[0].get(row))

    def get_row_id(self, row: Any) -> Any:
        return row.id

    def get_form_values(self, row: Any) -> dict[str, Any]:
        """Return the initial values of the edit form."""
        return {name: getattr(row, name) for name in self.form_edit()._fields}

    def get_version(self, row: Any) -> str:
        """Return a version that changes with every change of the row."""
        return create_version(self.get_form_values(row))

    def can_create_again(self, request: Request) -> bool:
        """Return whether the input of the edit form can become a new row."""
        is_same = getattr(self, "form_create", None) is getattr(self, "form_edit", None)
        return is_same and self.can_use(request, "create")

    def can_use(self, request: Request, action: str) -> bool:
        """Return whether the view has the action and the user is allowed to use it."""
        flags = {"details": "can_view_details"}
        is_offered = getattr(self, flags.get(action, f"can_{action}"), True)
        return bool(is_offered) and self.has_permission(request, action)

    # The next three methods have SQLAdmin's names.

    async def insert_model(self, request: Request, data: dict[str, Any]) -> Any:
        async with self.transaction(request) as session:
            return await self.create_row(session, data, actor=get_principal(request).id)

    async def update_model(self, request: Request, pk: Any, data: dict[str, Any]) -> Any:
        async with self.transaction(request) as session:
            row = await self.lock_row(session, pk)
            if get_form(request).get(VERSION_FIELD) != self.get_version(row):
                raise ChangedByOther(row)
            await self.update_row(session, pk, data, actor=get_principal(request).id)

    async def delete_model(self, request: Request, pk: Any) -> None:
        async with self.transaction(request) as session:
            await self.delete_row(session, pk, actor=get_principal(request).id)

    async def lock_row(self, session: AsyncSession, row_id: UUID) -> Any:
        """Return the stored row, locked until the transaction ends."""
        column = self.pk_columns[0]
        await session.execute(select(column).where(column == row_id).with_for_update(key_share=True))
        return await self.get_row(session, row_id)
