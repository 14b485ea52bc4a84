"""The history of a learner: pages of sessions, and one session as it was played."""

import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from shared.cursors import MOST_PAGES, opened, sealed
from shared.errors import invalid
from sqlalchemy import ColumnElement, Row, Select, case, func, lateral, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from game.domain.progress import DAY
from game.errors import NotYourSession, SessionNotFound
from game.models import GameResult, GameSession, SpeechRevision, TagName
from game.schemas.sessions import (
    Pagination,
    PlayedSpeech,
    ResultRead,
    SessionFilter,
    SessionPage,
    SessionRead,
    SessionSummary,
)

SUMMARY_COLUMNS = tuple(getattr(GameSession, name) for name in SessionSummary.model_fields)
"""The columns of a session's summary."""

MOST_SKIPPED = 10_000
"""How far pages go by number; beyond it only the cursor is cheap."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAYOUT = struct.Struct(">qI16s")


@dataclass(frozen=True)
class SessionCursor:
    """The last session of a page, and the number of the page that follows it."""

    completed_at: datetime
    id: UUID
    page: int

    def encode(self, scope: str) -> str:
        """Text for clients; `scope` is the learner and the filters."""
        microseconds = (self.completed_at - EPOCH) // timedelta(microseconds=1)
        return sealed(LAYOUT, microseconds, self.page, self.id.bytes, scope=scope)

    @classmethod
    def decode(cls, text: str, scope: str) -> "SessionCursor":
        """Raises Invalid for what `encode` did not make under the same scope."""
        microseconds, page, session_id = opened(LAYOUT, text, scope=scope)
        try:
            if page > MOST_PAGES:
                raise OverflowError
            return cls(EPOCH + timedelta(microseconds=microseconds), UUID(bytes=session_id), page)
        except OverflowError as error:
            raise invalid("#/query/cursor", "must be the next_cursor of a page") from error


async def list_sessions(session: AsyncSession, learner: UUID, *, wanted: SessionFilter) -> SessionPage:
    """One page of a learner's sessions. Raises Invalid for a cursor or a page that leads nowhere."""
    filters = _filters(learner, wanted)
    scope = f"{learner} {wanted.model_dump_json(exclude={'page', 'limit', 'cursor'})}"
    number, page = _page(wanted, filters, scope)
    rows = (await session.execute(page.limit(wanted.limit + 1))).all()
    counted = await session.execute(select(func.count()).select_from(GameSession).where(*filters))
    total = counted.scalar_one()
    shown = [SessionSummary.model_validate(row) for row in rows[: wanted.limit]]
    following = (
        SessionCursor(shown[-1].completed_at, shown[-1].id, number + 1) if len(rows) > len(shown) else None
    )
    pagination = Pagination(
        page=number,
        limit=wanted.limit,
        total=total,
        total_pages=-(-total // wanted.limit),
        next_cursor=following.encode(scope) if following else None,
    )
    return SessionPage(sessions=shown, pagination=pagination)


def _page(
    wanted: SessionFilter, filters: Sequence[ColumnElement[bool]], scope: str
) -> tuple[int, Select[Any]]:
    """The number of the page, and the query of all sessions from its first one on."""
    newest_first = (GameSession.completed_at.desc(), GameSession.id.desc())
    sessions = select(*SUMMARY_COLUMNS).where(*filters).order_by(*newest_first)
    if wanted.cursor is None:
        return wanted.page, sessions.offset(_skipped(wanted))
    last = SessionCursor.decode(wanted.cursor, scope)
    position = tuple_(GameSession.completed_at, GameSession.id)
    return last.page, sessions.where(position < (last.completed_at, last.id))


def _filters(learner: UUID, wanted: SessionFilter) -> list[ColumnElement[bool]]:
    filters = [GameSession.user_id == learner]
    if wanted.mode:
        filters.append(GameSession.mode == wanted.mode)
    if wanted.level:
        filters.append(GameSession.level == wanted.level)
    if wanted.from_date:
        filters.append(GameSession.completed_at >= datetime.combine(wanted.from_date, time.min, UTC))
    if wanted.to_date:
        if wanted.from_date and wanted.from_date > wanted.to_date:
            raise invalid("#/query/to_date", "must not be before from_date")
        filters.append(GameSession.completed_at < datetime.combine(wanted.to_date + DAY, time.min, UTC))
    return filters


def _skipped(wanted: SessionFilter) -> int:
    skipped = (wanted.page - 1) * wanted.limit
    if skipped > MOST_SKIPPED:
        last = MOST_SKIPPED // wanted.limit + 1
        raise invalid("#/query/page", f"must be at most {last}; follow next_cursor to go further")
    return skipped


async def get_session(
    session: AsyncSession, session_id: UUID, *, learner: UUID, storage: Storage
) -> SessionRead:
    """A session as it was played. Raises SessionNotFound, and NotYourSession for another learner's."""
    found = select(GameSession.user_id, GameSession.selected_tags, *SUMMARY_COLUMNS).where(
        GameSession.id == session_id
    )
    row = (await session.execute(found)).one_or_none()
    if row is None:
        raise SessionNotFound("There is no such session.")
    if row.user_id != learner:
        raise NotYourSession("This session is another learner's.")
    results = (await session.execute(select_results([session_id]))).all()
    return SessionRead.model_validate(
        {
            **SessionSummary.model_validate(row).model_dump(),
            "selected_tags": await _tag_names(session, row.selected_tags),
            "results": [_result(result, storage) for result in results],
        }
    )


def select_results(session_ids: Collection[UUID]) -> Select[Any]:
    """The results, each with the revision of its speech that stood when its session started.

    Without one - the learner's clock was behind - it is the oldest revision. This is decided when it is read,
    so that a revision which arrives after the session is seen as if it had been in time.
    """
    revision = SpeechRevision.revision
    nearest = case((SpeechRevision.since <= GameSession.started_at, revision), else_=-revision).desc()
    of_this_speech = SpeechRevision.speech_id == GameResult.speech_id
    heard = lateral(select(SpeechRevision).where(of_this_speech).order_by(nearest).limit(1)).alias("heard")
    columns = [column for column in heard.c if column.name != "speech_id"]
    return (
        select(GameResult.__table__, *columns)
        .join_from(GameResult, GameSession)
        .join(heard, true())
        .where(GameResult.session_id.in_(session_ids))
        .order_by(GameResult.session_id, GameResult.sequence_number)
    )


def _result(row: Row[Any], storage: Storage) -> ResultRead:
    audio_url, expires_at = storage.presigned(row.audio_key)
    speech = PlayedSpeech(
        id=row.speech_id,
        text=row.text,
        audio_url=audio_url,
        audio_expires_at=expires_at,
        duration_ms=row.duration_ms,
        level=row.level,
        type=row.type,
        tags=row.tags,
    )
    return ResultRead(
        sequence_number=row.sequence_number,
        speech=speech,
        user_response=row.user_response,
        pronunciation_score=row.pronunciation_score,
        verified=row.verified,
        recognized_text=row.recognized_text,
        response_time_ms=row.response_time_ms,
    )


async def _tag_names(session: AsyncSession, selected: Sequence[dict[str, Any]]) -> list[str]:
    """The names of the time, and today's for tags that no speech had told of yet; the others stay unnamed."""
    unnamed = [tag["id"] for tag in selected if tag["name"] is None]
    late: dict[str, str] = {}
    if unnamed:
        rows = await session.execute(select(TagName.tag_id, TagName.name).where(TagName.tag_id.in_(unnamed)))
        late = {str(tag_id): name for tag_id, name in rows}
    names = (tag["name"] or late.get(tag["id"]) for tag in selected)
    return [name for name in names if name is not None]
