"""Read a learner's sessions: pages of them, and one with its results."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from shared.data.storage import Storage
from shared.errors import field_error
from shared.http.pages import MAX_COUNTED, count_items
from shared.http.pagination import MAX_CURSOR_PAGE, Pagination, decode_cursor, encode_cursor
from sqlalchemy import ColumnElement, FromClause, Select, case, func, lateral, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from game.domain.progress import DAY
from game.domain.time_zones import parse_time_zone
from game.errors import NotYourSession, SessionNotFound
from game.models import GameResult, GameSession, SpeechRevision
from game.queries.speeches import list_tag_names
from game.queries.time_zones import select_day
from game.schemas.sessions import (
    AllSessionsFilter,
    AllSessionsPage,
    AnySessionRead,
    ListedSession,
    ResultRead,
    SessionFilter,
    SessionPage,
    SessionRead,
    SessionSummary,
)

SUMMARY_COLUMNS = tuple(getattr(GameSession, name) for name in SessionSummary.model_fields)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
type Row = Mapping[Any, Any]
CURSOR_LAYOUT = struct.Struct(">qI16s")


@dataclass(frozen=True)
class SessionCursor:
    """The last session of a page, and the number of the page that follows it."""

    completed_at: datetime
    id: UUID
    page: int

    def encode(self, scope: str) -> str:
        """Return opaque text that decodes only under the same scope: the learner and the filters."""
        microseconds = (self.completed_at - EPOCH) // timedelta(microseconds=1)
        return encode_cursor(CURSOR_LAYOUT, microseconds, self.page, self.id.bytes, scope=scope)

    @classmethod
    def decode(cls, text: str, scope: str) -> "SessionCursor":
        """Raise Invalid unless `encode` returned the text under the same scope."""
        microseconds, page, session_id = decode_cursor(CURSOR_LAYOUT, text, scope=scope)
        try:
            if page > MAX_CURSOR_PAGE:
                raise OverflowError
            return cls(EPOCH + timedelta(microseconds=microseconds), UUID(bytes=session_id), page)
        except OverflowError as error:
            raise field_error("#/query/cursor", "must be the next_cursor of a page") from error


async def list_sessions(session: AsyncSession, user_id: UUID, *, filters: SessionFilter) -> SessionPage:
    conditions = [GameSession.user_id == user_id, *_build_conditions(filters)]
    scope = filters.build_scope(user_id)
    number, following = _select_from_page(filters, conditions, scope)
    rows = (await session.execute(following.limit(filters.limit + 1))).all()
    counted = await session.execute(select(func.count()).select_from(GameSession).where(*conditions))
    sessions = [SessionSummary.model_validate(row) for row in rows[: filters.limit]]
    has_more = len(rows) > len(sessions)
    cursor = _create_cursor(sessions[-1], number).encode(scope) if has_more else None
    pagination = Pagination.from_query(filters, page=number, total=counted.scalar_one(), next_cursor=cursor)
    return SessionPage(sessions=sessions, pagination=pagination)


async def list_all_sessions(session: AsyncSession, *, filters: AllSessionsFilter) -> AllSessionsPage:
    """List the sessions of all learners, newest first, and count those up to MAX_COUNTED."""
    conditions = _build_conditions(filters)
    if filters.user_id:
        conditions.append(GameSession.user_id == filters.user_id)
    scope = filters.build_scope("all_sessions")
    number, following = _select_from_page(filters, conditions, scope)
    with_learner = following.add_columns(GameSession.user_id).limit(filters.limit + 1)
    rows = (await session.execute(with_learner)).all()
    total = await count_items(session, select(GameSession).where(*conditions), GameSession.id, filters, rows)
    sessions = [ListedSession.model_validate(row) for row in rows[: filters.limit]]
    has_more = len(rows) > len(sessions)
    pagination = Pagination.from_query(
        filters,
        page=number,
        total=min(total, MAX_COUNTED),
        total_is_exact=total <= MAX_COUNTED,
        next_cursor=_create_cursor(sessions[-1], number).encode(scope) if has_more else None,
    )
    return AllSessionsPage(sessions=sessions, pagination=pagination)


def _create_cursor(last: SessionSummary, page: int) -> SessionCursor:
    return SessionCursor(last.completed_at, last.id, page + 1)


def _select_from_page(
    filters: SessionFilter, conditions: Sequence[ColumnElement[bool]], scope: str
) -> tuple[int, Select[Any]]:
    """Return the page's number, and the query of all sessions from its first one on."""
    newest_first = (GameSession.completed_at.desc(), GameSession.id.desc())
    sessions = select(*SUMMARY_COLUMNS).where(*conditions).order_by(*newest_first)
    if filters.cursor is None:
        return filters.page, sessions.offset(filters.get_offset())
    last = SessionCursor.decode(filters.cursor, scope)
    position = tuple_(GameSession.completed_at, GameSession.id)
    return last.page, sessions.where(position < (last.completed_at, last.id))


def _build_conditions(filters: SessionFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.mode:
        conditions.append(GameSession.mode == filters.mode)
    if filters.level:
        conditions.append(GameSession.level == filters.level)
    if filters.tag_id:
        conditions.append(GameSession.selected_tags.contains([{"id": str(filters.tag_id)}]))
    return conditions + _build_period(filters)


def _build_period(filters: SessionFilter) -> list[ColumnElement[bool]]:
    day = select_day(parse_time_zone(filters.tz))
    conditions: list[ColumnElement[bool]] = []
    if filters.from_date:
        # The index finds the time range, and the expression checks the days at its edges: no local time is a
        # whole day away from UTC.
        earliest = datetime.combine(filters.from_date - DAY, time.min, UTC)
        conditions += [GameSession.completed_at >= earliest, day >= filters.from_date]
    if filters.to_date:
        if filters.from_date and filters.from_date > filters.to_date:
            raise field_error("#/query/to_date", "must not be before from_date")
        latest = datetime.combine(filters.to_date + 2 * DAY, time.min, UTC)
        conditions += [GameSession.completed_at < latest, day <= filters.to_date]
    return conditions


async def get_session(
    session: AsyncSession, session_id: UUID, *, user_id: UUID, storage: Storage
) -> SessionRead:
    """Raise SessionNotFound, or NotYourSession for another learner's."""
    row = await _get_row(session, session_id)
    if row["user_id"] != user_id:
        raise NotYourSession("This session belongs to another learner.")
    return SessionRead.model_validate(await _add_results(session, row, storage))


async def get_any_session(session: AsyncSession, session_id: UUID, *, storage: Storage) -> AnySessionRead:
    """Return a session of any learner. Raises SessionNotFound."""
    row = await _get_row(session, session_id)
    return AnySessionRead.model_validate(await _add_results(session, row, storage))


async def _get_row(session: AsyncSession, session_id: UUID) -> Row:
    statement = select(GameSession.user_id, GameSession.selected_tags, *SUMMARY_COLUMNS)
    row = (await session.execute(statement.where(GameSession.id == session_id))).mappings().one_or_none()
    if row is None:
        raise SessionNotFound("There is no such session.")
    return row


async def _add_results(session: AsyncSession, row: Row, storage: Storage) -> dict[Any, Any]:
    of_session = select_results().where(GameResult.session_id == row["id"])
    results = (await session.execute(of_session.order_by(GameResult.sequence_number))).mappings()
    return {
        **row,
        "selected_tags": await _list_tag_names(session, row["selected_tags"]),
        "results": [_to_result(result, storage) for result in results],
    }


def select_played_revision(
    speech_id: InstrumentedAttribute[UUID], started_at: InstrumentedAttribute[datetime]
) -> FromClause:
    """Select the revision of the speech that was current when the session started."""
    # The oldest revision if none was current because the learner's clock was behind. Resolved when read,
    # because events may be late.
    revision = SpeechRevision.revision
    nearest = case((SpeechRevision.since <= started_at, revision), else_=-revision).desc()
    of_this_speech = SpeechRevision.speech_id == speech_id
    return lateral(select(SpeechRevision).where(of_this_speech).order_by(nearest).limit(1)).alias("played")


def select_results() -> Select[Any]:
    """Select results with the revision of each speech that was current when the session started."""
    played = select_played_revision(GameResult.speech_id, GameSession.started_at)
    columns = [column for column in played.c if column.name != "speech_id"]
    return select(GameResult.__table__, *columns).join_from(GameResult, GameSession).join(played, true())


def _to_result(row: Row, storage: Storage) -> ResultRead:
    signed = storage.presign(row["audio_key"])
    audio = {"audio_url": signed.url, "audio_expires_at": signed.expires_at}
    return ResultRead.model_validate({**row, "speech": {**row, **audio, "id": row["speech_id"]}})


async def _list_tag_names(session: AsyncSession, selected: Sequence[dict[str, Any]]) -> list[str]:
    """Return the names at that time, or current names for tags unknown then."""
    unnamed = [UUID(tag["id"]) for tag in selected if tag["name"] is None]
    current = await list_tag_names(session, unnamed)
    names = (tag["name"] or current.get(UUID(tag["id"])) for tag in selected)
    return [name for name in names if name is not None]
