from typing import Any, ClassVar, get_args
from uuid import UUID

from contracts.vocabulary import Level, SessionMode
from shared.panel import ADMINS, Column, Filter, Listing, ListQuery, ResourceView, parse
from sqlalchemy.ext.asyncio import AsyncSession

from game.commands import sessions as commands
from game.models import GameSession
from game.queries import sessions as queries
from game.schemas.sessions import AllSessionsFilter, AnySessionRead

MODES = {"listen_only": "Listen", "listen_and_repeat": "Listen and repeat"}


class SessionView(ResourceView, model=GameSession):
    """Sessions of all learners, which admins may delete."""

    path = "sessions"
    name, name_plural = "Session", "Sessions"
    columns = (
        Column("completed_at", "Completed", is_link=True),
        Column("user_id", "Learner", template="learner_link.html"),
        Column("level", "Level"),
        Column("mode", "Mode", read=lambda row: MODES[row.mode]),
        Column("total_sentences", "Sentences"),
        Column("correct_count", "Correct"),
        Column("avg_pronunciation_score", "Average score"),
        Column("duration_seconds", "Seconds"),
    )
    details = (
        *columns,
        Column("started_at", "Started"),
        Column("skipped_count", "Skipped"),
        Column("max_streak", "Longest streak"),
        Column("selected_tags", "Tags"),
        Column("clock_adjusted", "Device clock corrected"),
    )
    filters = (
        Filter("level", "Level", [(level, level) for level in get_args(Level)]),
        Filter("mode", "Mode", [(mode, MODES[mode]) for mode in get_args(SessionMode)]),
        Filter("user_id", "Learner's id"),
        Filter("from_date", "From", input_type="date"),
        Filter("to_date", "To", input_type="date"),
    )
    empty_text = "No session has been saved yet."
    delete_text = (
        "It is removed from the learner's history, progress and all statistics. Its receipts stay used. This "
        "cannot be undone."
    )
    can_delete = can_export = True
    permissions: ClassVar = {"delete": ADMINS}
    details_template = "session_details.html"
    messages: ClassVar = {"deleted": "The session was deleted."}

    async def list_rows(self, session: AsyncSession, query: ListQuery) -> Listing:
        page = {"page": query.page, "limit": query.limit, "cursor": query.cursor}
        filters = parse(AllSessionsFilter, {**query.filters, **page})
        page_of_sessions = await queries.list_all_sessions(session, filters=filters)
        return Listing(page_of_sessions.sessions, page_of_sessions.pagination)

    async def get_row(self, session: AsyncSession, row_id: UUID) -> AnySessionRead:
        return await queries.get_any_session(session, row_id, storage=self.panel.outer.state.storage)

    async def delete_row(self, session: AsyncSession, row_id: UUID, *, actor: UUID) -> None:
        await commands.delete_session(session, row_id, actor=actor)

    def describe(self, row: Any) -> str:
        return f"Session of {row.completed_at:%-d %b %Y, %H:%M} UTC"
