"""Views with which the panel's own behaviour is tested. The audit log stands for any table."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID, uuid4

from fastapi import FastAPI
from shared.data.audit_log import AuditEntry, record
from shared.errors import NotFound, PayloadTooLarge, TooManyRequests, Unavailable
from shared.panel import (
    ADMINS,
    Column,
    Filter,
    Listing,
    ListQuery,
    PageView,
    ResourceView,
    create_listing,
    expose,
    get_principal,
    post_action,
)
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response
from wtforms import Form, StringField

CSRF = "known-to-our-pages"
NOTES = "/admin/content/notes"
FORM = {"csrf_token": CSRF, "submission_id": str(uuid4()), "text": "Hello"}
# Of no note. The same in every process: it names tests.
ABSENT = "01a218d8-0000-7000-8000-000000000000"
PAGE = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}


async def count_notes(app: FastAPI) -> int:
    async with app.state.database.transaction() as session:
        return int((await session.execute(select(func.count()).select_from(AuditEntry))).scalar_one())


class NoteForm(Form):
    text = StringField("Text")


class NoteView(ResourceView, model=AuditEntry):
    path = "notes"
    name, name_plural = "Note", "Notes"
    columns = (Column("action", "Action", is_link=True), Column("at", "Time"))
    filters = (Filter("author", "Author"),)
    can_create = can_edit = can_export = can_delete = True
    permissions: ClassVar = {"delete": ADMINS, "purge": ADMINS}
    form_create = form_edit = NoteForm
    messages: ClassVar = {"marked": "{count} notes were marked."}

    async def list_rows(self, session: AsyncSession, query: ListQuery) -> Listing:
        rows = (await session.scalars(select(AuditEntry).limit(query.limit))).all()
        total = (await session.execute(select(func.count()).select_from(AuditEntry))).scalar_one()
        return create_listing(query, rows, total)

    async def get_row(self, session: AsyncSession, row_id: UUID) -> AuditEntry:
        if (row := await session.get(AuditEntry, row_id)) is None:
            raise NotFound("There is no such note.")
        return row

    async def create_row(self, session: AsyncSession, values: Mapping[str, Any], *, actor: UUID) -> UUID:
        entry = AuditEntry(id=uuid4(), action="noted", subject_id=uuid4(), actor_id=actor)
        session.add(entry)
        return entry.id

    @post_action("mark", "Mark")
    async def mark(self, request: Request, ids: Sequence[UUID]) -> Response:
        async with self.transaction(request) as session:
            for row_id in ids:
                record(session, "marked", subject=row_id, actor=get_principal(request).id)
        return self.redirect_done("marked", count=len(ids))

    @post_action("purge", "Purge", permission="purge", is_dangerous=True)
    async def purge(self, request: Request, ids: Sequence[UUID]) -> Response:
        raise AssertionError


class LogView(ResourceView, model=AuditEntry):
    """It has an action but no page to edit."""

    path = "log"
    name, name_plural = "Line", "Lines"
    columns = (Column("action", "Action"),)

    @post_action("read", "Mark as read")
    async def mark_as_read(self, request: Request, ids: Sequence[UUID]) -> Response:
        return self.redirect_done("updated")


class SecretView(ResourceView, model=AuditEntry):
    path = "learners"
    name, name_plural = "Learner", "Learners"
    columns = (Column("action", "Action"),)
    roles = ADMINS

    async def list_rows(self, session: AsyncSession, query: ListQuery) -> Listing:
        return create_listing(query, [], 0)


class StatusView(PageView):
    path, name = "status", "Status"

    @expose("/status/{status}")
    async def show(self, request: Request) -> Response:
        errors = {
            "413": PayloadTooLarge("At most 10 bytes."),
            "429": TooManyRequests("Too fast.", headers={"Retry-After": "7"}),
            "503": Unavailable("It is away."),
        }
        raise errors.get(request.path_params["status"], RuntimeError("a secret detail"))
