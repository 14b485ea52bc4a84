"""Read all data stored on a learner."""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from shared.data.db import Database
from sqlalchemy import ColumnElement, Select, Text, case, cast, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from game.models import DailyActivity, GameResult, GameSession, UsedReceipt
from game.queries.export_rows import stream_rows
from game.queries.goals import find_sentences_per_day
from game.queries.sessions import SUMMARY_COLUMNS, select_results
from game.queries.users import ensure_not_erased
from game.schemas.export import ExportedDay, ExportedResult, ExportedSession, ExportedSpeech

MAX_PAGE_RESULTS = 200
MAX_PAGE_BYTES = 256 * 1024
"""Size of one page's stored texts: rows and JSON take several times as much memory."""

SESSION_COLUMNS = (
    *SUMMARY_COLUMNS,
    GameSession.selected_tags,
    GameSession.idempotency_key,
    GameSession.saved_at,
)
RESULT_COLUMNS = (
    "session_id",
    "speech_id",
    *(name for name in ExportedResult.model_fields if name != "speech"),
    *(name for name in ExportedSpeech.model_fields if name != "id"),
)
DAYS = TypeAdapter(list[ExportedDay])
type Row = Mapping[Any, Any]


@dataclass(frozen=True)
class Position:
    """The last result that was written."""

    completed_at: datetime
    session_id: UUID
    sequence_number: int


START = Position(datetime.min.replace(tzinfo=UTC), UUID(int=0), 0)


@dataclass(frozen=True)
class Page:
    """Results in order of play, and the sessions that start among them."""

    results: Sequence[Row]
    sessions: Mapping[UUID, ExportedSession]


async def export_game_data(database: Database, user_id: UUID) -> AsyncGenerator[bytes]:
    """Return one JSON document in pieces, sessions oldest first. Raises AccountErased."""
    # The first piece is read before responding, so that a database outage becomes a 503. Each piece has its
    # own transaction, so that a slow client holds no connection; saved sessions never change in between.
    async with database.transaction() as session:
        await ensure_not_erased(session, user_id)
        days = await _dump_days(session, user_id)
        receipts = await _count_used_receipts(session, user_id)
        goal = json.dumps(await find_sentences_per_day(session, user_id)).encode()
    start = b'{"daily_activity":%b,"sentences_per_day":%b,' % (days, goal)
    start += b'"used_receipts":%d,"sessions":[' % receipts
    return _stream(database, user_id, start=start)


async def _stream(database: Database, user_id: UUID, *, start: bytes) -> AsyncGenerator[bytes]:
    yield start
    position = START
    while (page := await _get_page(database, user_id, after=position)).results:
        chunk = _dump_page(page, after=position)
        last = page.results[-1]
        position = Position(last["completed_at"], last["session_id"], last["sequence_number"])
        # A slow reader keeps the bytes in memory, but not the rows.
        del page, last
        yield chunk
    yield b"]" if position == START else b"]}]"
    async for chunk in stream_rows(database, user_id):
        yield chunk
    yield b"}"


async def _dump_days(session: AsyncSession, user_id: UUID) -> bytes:
    stored = select(DailyActivity).where(DailyActivity.user_id == user_id).order_by(DailyActivity.day)
    days = DAYS.validate_python((await session.scalars(stored)).all(), from_attributes=True)
    return DAYS.dump_json(days)


async def _count_used_receipts(session: AsyncSession, user_id: UUID) -> int:
    stored = select(func.count()).select_from(UsedReceipt).where(UsedReceipt.user_id == user_id)
    return (await session.execute(stored)).scalar_one()


async def _get_page(database: Database, user_id: UUID, *, after: Position) -> Page:
    async with database.transaction() as session:
        rows = (await session.execute(_select_page(user_id, after=after))).mappings().all()
        beginning = [row["session_id"] for row in rows if row["sequence_number"] == 1]
        page_rows = await session.execute(select(*SESSION_COLUMNS).where(GameSession.id.in_(beginning)))
        sessions = [ExportedSession.model_validate({**row, "results": []}) for row in page_rows.mappings()]
    return Page(results=rows, sessions={session.id: session for session in sessions})


def _select_page(user_id: UUID, *, after: Position) -> Select[Any]:
    """Select as many of the next results as fit into a page, and at least one."""
    order = (GameSession.completed_at, GameSession.id, GameResult.sequence_number)
    following = (
        select(GameResult.session_id, GameResult.sequence_number)
        .join_from(GameResult, GameSession)
        .where(
            GameSession.user_id == user_id,
            # The index finds the session; only within it the numbers are compared.
            tuple_(GameSession.completed_at, GameSession.id) >= (after.completed_at, after.session_id),
            tuple_(*order) > (after.completed_at, after.session_id, after.sequence_number),
        )
        .order_by(*order)
        .limit(MAX_PAGE_RESULTS)
    )
    key = tuple_(GameResult.session_id, GameResult.sequence_number)
    selected = select_results().where(key.in_(following))
    columns = [selected.selected_columns[name] for name in RESULT_COLUMNS]
    size = _measure(selected)
    before = func.sum(size).over(order_by=order) - size
    sized = selected.with_only_columns(*columns, GameSession.completed_at, before.label("before")).subquery()
    visible_columns = select(*(column for column in sized.c if column.name != "before"))
    return visible_columns.where(sized.c.before < MAX_PAGE_BYTES).order_by(
        sized.c.completed_at, sized.c.session_id, sized.c.sequence_number
    )


def _measure(results: Select[Any]) -> ColumnElement[int]:
    """Return the bytes of a result's texts, those of its session included where it begins."""
    tags = func.octet_length(cast(GameSession.selected_tags, Text))
    begins = GameResult.sequence_number == 1
    recognized = func.coalesce(func.octet_length(GameResult.recognized_text), 0)
    return func.octet_length(results.selected_columns["text"]) + recognized + case((begins, tags), else_=0)


def _dump_page(page: Page, *, after: Position) -> bytes:
    """Dump the results, with the end of the previous session and the start of the next in between."""
    pieces: list[bytes] = []
    open_session = after.session_id
    for row in page.results:
        if row["session_id"] != open_session:
            pieces += [b"" if open_session == START.session_id else b"]},", _dump_start(page, row)]
            open_session = row["session_id"]
        else:
            pieces.append(b",")
        speech = {**row, "id": row["speech_id"]}
        pieces.append(ExportedResult.model_validate({**row, "speech": speech}).model_dump_json().encode())
    return b"".join(pieces)


def _dump_start(page: Page, row: Row) -> bytes:
    session = page.sessions[row["session_id"]].model_dump_json(exclude={"results"})
    return b'%b,"results":[' % session.removesuffix("}").encode()
