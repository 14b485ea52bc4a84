from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import ClassVar
from uuid import UUID

from shared.clock import utc_now
from shared.panel import Column, Filter, Listing, ListQuery, ResourceView, expose, get_principal, post_action
from shared.security.current_user import Principal
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from importer.commands import imports as commands
from importer.errors import UploadSessionNotFound
from importer.models import ImportJob
from importer.panel.problems import ProblemRow, group_by_row
from importer.queries import imports as queries
from importer.queries import uploads
from importer.schemas.imports import ImportFilter, ImportRead, ImportSummary
from importer.schemas.uploads import UploadedFilePageQuery, UploadSessionFilter, UploadSessionRead
from importer.table.columns import COLUMNS
from importer.types import JobState

STATE_NAMES: Mapping[JobState, str] = {
    "queued": "Queued",
    "validating": "Checking rows",
    "applying": "Adding speeches",
    "completed": "Completed",
    "rejected": "Has errors",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "undoing": "Being undone",
    "undone": "Undone",
}
STATE_TONES: Mapping[str, str] = defaultdict(
    str, completed="good", rejected="bad", failed="bad", cancelled="warn", undone="warn"
)
STATE_TEXTS: Mapping[JobState, str] = {
    "queued": "It starts in a moment, or when the earlier imports of its editor have ended.",
    "completed": "All rows are now speeches.",
    "rejected": "Nothing was added. Correct the rows below in your table, and import it again.",
    "cancelled": "Nothing was added.",
    "undone": "Its speeches were removed from the catalogue; those that learners had played are archived.",
}
CHECKED = "The table has no errors. Nothing was added, because it was only checked."
LIVE_STATES: frozenset[JobState] = frozenset({"queued", "validating", "applying", "undoing"})
REPEATABLE: frozenset[JobState] = frozenset({"rejected", "failed", "cancelled"})
FIGURES = {
    "rows_total": "Rows",
    "rows_checked": "Checked",
    "success_count": "Without errors",
    "error_count": "Errors",
    "warning_count": "Warnings",
}
UNDO_FIGURES = {"deleted_count": "Deleted", "archived_count": "Archived"}
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
MAX_SHOWN_SESSIONS = 5


def describe_format(row: ImportRead) -> str | None:
    if row.rows_total is None:
        return None
    if row.encoding is None:
        return "Spreadsheet"
    between = DELIMITERS.get(row.delimiter or "", "another delimiter")
    return f"CSV in {row.encoding.upper()}, with {between}"


def count_speeches(row: ImportSummary) -> int:
    """Return how many speeches of the import are in the catalogue, except those that were deleted singly."""
    if row.dry_run or row.state not in {"completed", "undone"}:
        return 0
    return row.success_count if row.state == "completed" else row.archived_count or 0


class ImportsView(ResourceView, model=ImportJob):
    path = "imports"
    name, name_plural = "Import", "Imports"
    count_speeches = staticmethod(count_speeches)
    state_names, state_tones, followed_states, table_columns = STATE_NAMES, STATE_TONES, LIVE_STATES, COLUMNS
    columns = (
        Column("filename", "Table", is_link=True),
        Column("state", "State", template="imports/state.html"),
        Column("rows_total", "Rows"),
        Column("error_count", "Errors"),
        Column("speeches", "Speeches", read=count_speeches, template="imports/speeches.html"),
        Column("created_at", "Started"),
        Column("owner_id", "Started by", template="imports/owner.html"),
    )
    filters = (Filter("state", "State", choices=tuple(STATE_NAMES.items())),)
    empty_text = "There are no imports yet. Upload recordings and a table to add many speeches at once."
    messages: ClassVar[Mapping[str, str]] = {
        "cancelled": "The import was cancelled. Its recordings are kept for another import.",
        "undoing": "The import is being undone.",
    }
    can_create = True
    details = (
        Column("created_at", "Started"),
        Column("finished_at", "Ended"),
        Column("owner_id", "Started by", template="imports/owner.html"),
        Column("speeches", "Speeches", read=count_speeches, template="imports/speeches.html"),
        Column("format", "Read as", describe_format),
    )
    details_template = "imports/details.html"

    async def list_rows(self, session: AsyncSession, query: ListQuery) -> Listing:
        parameters = {"page": query.page, "limit": query.limit, "cursor": query.cursor, **query.filters}
        import_page = await queries.list_imports(session, ImportFilter.model_validate(parameters))
        return Listing(import_page.jobs, import_page.pagination)

    async def get_row(self, session: AsyncSession, row_id: UUID) -> ImportRead:
        return await queries.get_import(session, row_id)

    def describe(self, row: ImportSummary) -> str:
        return row.filename

    def group_problems(self, row: ImportRead) -> list[ProblemRow]:
        return group_by_row(row.errors)

    def describe_state(self, row: ImportRead) -> str:
        if row.failure:
            location = f" (row {row.failure.row})" if row.failure.row else ""
            return f"{row.failure.detail}{location}"
        return CHECKED if row.dry_run and row.state == "completed" else STATE_TEXTS.get(row.state, "")

    def list_figures(self, row: ImportRead) -> list[tuple[str, str]]:
        return list((FIGURES | (UNDO_FIGURES if row.state == "undone" else {})).items())

    def is_repeatable(self, row: ImportRead, principal: Principal) -> bool:
        """Return whether the recordings can be used with another table."""
        is_free = row.state in REPEATABLE or (row.dry_run and row.state == "completed")
        return is_free and row.owner_id == principal.id

    def is_allowed(self, action: str, row: ImportRead, principal: Principal) -> bool:
        """Return whether to offer a button for the action."""
        is_possible = {
            "cancel": row.state in {"queued", "validating"},
            "undo": row.state == "completed" and not row.dry_run,
        }
        return is_possible[action] and (row.owner_id == principal.id or principal.role == "admin")

    @expose("/create", methods=["GET"])
    async def show_form(self, request: Request) -> Response:
        owner_id, now = get_principal(request).id, utc_now()
        async with self.panel.transaction() as session:
            session_filter = UploadSessionFilter(owner_id=owner_id, limit=MAX_SHOWN_SESSIONS)
            session_page = await uploads.list_upload_sessions(session, session_filter)
            selected = await _find_session(session, request, owner_id)
        return await self.render(
            request,
            "imports/create.html",
            chosen=selected if selected and selected.expires_at > now else None,
            others=[
                upload_session
                for upload_session in session_page.upload_sessions
                if upload_session.expires_at > now
            ],
        )

    @post_action(
        "cancel",
        "Cancel",
        confirmation="Nothing of this table will be added. Its recordings are kept for another import.",
        is_for_many=False,
    )
    async def cancel(self, request: Request, ids: Sequence[UUID]) -> Response:
        async with self.transaction(request) as session:
            for job_id in ids:
                await commands.cancel_import(session, job_id, actor=get_principal(request))
        return self.redirect_done("cancelled", ids[0])

    @post_action(
        "undo",
        "Undo",
        confirmation="Speeches that were never played are deleted. Played ones are archived.",
        is_for_many=False,
        is_dangerous=True,
    )
    async def undo(self, request: Request, ids: Sequence[UUID]) -> Response:
        async with self.transaction(request) as session:
            for job_id in ids:
                await commands.undo_import(session, job_id, actor=get_principal(request))
        return self.redirect_done("undoing", ids[0])


async def _find_session(session: AsyncSession, request: Request, owner_id: UUID) -> UploadSessionRead | None:
    """Return the upload session named in the URL, if it is the editor's own."""
    try:
        session_id = UUID(request.query_params.get("session", ""))
        upload_session = await uploads.get_upload_session(session, session_id, UploadedFilePageQuery())
    except (ValueError, UploadSessionNotFound):
        return None
    return upload_session if upload_session.owner_id == owner_id else None
