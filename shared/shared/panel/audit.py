"""The audit log of a service as a page: `panel.add_views(create_audit_view(get_args(AuditAction)))`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from shared.data.audit_log import AuditEntry
from shared.http.audit_log import AuditEntryRead, AuditLogFilter, get_audit_entry, list_audit_entries
from shared.panel.access import ADMINS
from shared.panel.forms import parse
from shared.panel.lists import Column, Filter, Listing, ListQuery
from shared.panel.navigation import AUDIT_PAGES
from shared.panel.views import ResourceView

ACCOUNTS_PAGE = "/admin/auth/learners"
MAX_SHOWN_CHARACTERS = 120
SERVICES = {"auth": "Accounts", "content": "Speeches and tags", "importer": "Imports", "game": "Sessions"}
SUBJECTS = {
    "account": ACCOUNTS_PAGE,
    "admin": ACCOUNTS_PAGE,
    "import": "/admin/importer/imports",
    "role": ACCOUNTS_PAGE,
    "session": "/admin/game/sessions",
    "sessions": ACCOUNTS_PAGE,
    "speech": "/admin/content/speeches",
    "tag": "/admin/content/tags",
}
"""Pages of an action's subject, by the first word of the action."""


@dataclass(frozen=True)
class Change:
    """A value before and after. A side without the value has None."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class AuditRow:
    entry: AuditEntryRead
    names: Mapping[UUID, str]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.entry, name)

    @property
    def actor_name(self) -> str:
        return self.names.get(self.entry.actor_id, "") if self.entry.actor_id else ""

    @property
    def subject_name(self) -> str:
        return self.names.get(self.entry.subject_id, "")

    @property
    def subject_page(self) -> str:
        """Return the URL of the subject's page. Deleted subjects have none."""
        action = self.entry.action
        page = None if action.endswith("_deleted") else SUBJECTS.get(action.partition("_")[0])
        return f"{page}/{self.entry.subject_id}" if page else ""

    @property
    def changes(self) -> Sequence[Change]:
        return list_changes(self.entry.before or {}, self.entry.after or {})


def list_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Return the values that differ, and those that exist on one side only."""
    names = [*before, *(name for name in after if name not in before)]
    differing = [name for name in names if before.get(name) != after.get(name)]
    return [Change(name, _show(before, name), _show(after, name)) for name in differing]


def _show(values: Mapping[str, Any], name: str) -> str | None:
    if name not in values or values[name] is None:
        return None
    value = values[name]
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[: MAX_SHOWN_CHARACTERS - 1]}…"


def to_label(action: str) -> str:
    return action.replace("_", " ").capitalize()


class AuditView(ResourceView, model=AuditEntry):
    path = "audit"
    name, name_plural = "Audit entry", "Audit entries"
    roles = ADMINS
    columns = (
        Column("at", "Time", is_link=True),
        Column("actor_id", "User", template="audit_actor.html"),
        Column("action", "Action", read=lambda row: to_label(row.action)),
        Column("subject_id", "Subject", template="audit_subject.html"),
        Column("changes", "Changes", template="audit_changes.html"),
    )
    details = (*columns, Column("id", "Entry ID"))
    empty_text = "Nothing has been changed yet. Changes appear here with their author."
    list_template, details_template = "audit_list.html", "audit_details.html"
    tabs: ClassVar = [(title, AUDIT_PAGES[service]) for service, title in SERVICES.items()]

    async def list_rows(self, session: AsyncSession, query: ListQuery) -> Listing:
        parameters = {"page": query.page, "limit": query.limit, "cursor": query.cursor}
        filters = {**query.filters}
        for name in {"actor_id", "subject_id"} & filters.keys():
            filters[name] = await self.find_person(session, filters[name])
        page = await list_audit_entries(session, parse(AuditLogFilter, parameters | filters))
        ids = {id for entry in page.entries for id in (entry.actor_id, entry.subject_id) if id}
        names = await self.list_names(session, ids)
        return Listing([AuditRow(entry, names) for entry in page.entries], page.pagination)

    async def get_row(self, session: AsyncSession, row_id: UUID) -> AuditRow:
        entry = await get_audit_entry(session, row_id)
        ids = {id for id in (entry.actor_id, entry.subject_id) if id}
        return AuditRow(entry, await self.list_names(session, ids))

    async def find_person(self, session: AsyncSession, text: str) -> str:
        """Return the id of the user whose id or name was entered, in a service that stores users."""
        return text

    async def list_names(self, session: AsyncSession, ids: Collection[UUID]) -> Mapping[UUID, str]:
        """Return users' names, in a service that stores them."""
        return {}

    def describe(self, row: AuditRow) -> str:
        return to_label(row.entry.action)

    def is_shown(self, request: Request, address: str) -> bool:
        return str(request.scope["path"]).startswith(address)


def create_filters(actions: Sequence[str], *, person_placeholder: str = "id") -> tuple[Filter, ...]:
    return (
        Filter("action", "Action", tuple((action, to_label(action)) for action in sorted(actions))),
        Filter("actor_id", f"User ({person_placeholder})"),
        Filter("subject_id", f"Subject ({person_placeholder})"),
        Filter("from_date", "From", input_type="date"),
        Filter("to_date", "To", input_type="date"),
    )


def create_audit_view(actions: Sequence[str]) -> type[AuditView]:
    class ServiceAuditView(AuditView):
        filters = create_filters(actions)

    return ServiceAuditView
