"""Read everything that is stored on a learner."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from shared.data.db import Database
from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from game.models import DailyActivity, GameSession, UsedReceipt
from game.queries.sessions import SUMMARY_COLUMNS, select_results
from game.queries.users import ensure_not_erased
from game.schemas.export import ExportedDay, ExportedResult, ExportedSession, ExportedSpeech

BATCH_SIZE = 25
"""Sessions in memory at once. Each came in a request of at most 1 MiB."""

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
START_CURSOR = (datetime.min.replace(tzinfo=UTC), UUID(int=0))


async def export_game_data(database: Database, user_id: UUID) -> AsyncIterator[bytes]:
    """Return one JSON document in pieces, sessions oldest first. Raises AccountErased."""
    # The first piece is read at once, so a database that is down becomes a 503. Each piece has its own
    # transaction, so that a slow client holds no connection; saved sessions never change in between.
    async with database.transaction() as session:
        await ensure_not_erased(session, user_id)
        days = await _dump_days(session, user_id)
        receipts = await _count_used_receipts(session, user_id)
    start = b'{"daily_activity":%b,"used_receipts":%d,"sessions":[' % (days, receipts)
    return _stream(database, user_id, start=start)


async def _stream(database: Database, user_id: UUID, *, start: bytes) -> AsyncIterator[bytes]:
    yield start
    separator, cursor = b"", START_CURSOR
    while batch := await _list_batch(database, user_id, after=cursor):
        yield separator + b",".join(each.model_dump_json().encode() for each in batch)
        separator, cursor = b",", (batch[-1].completed_at, batch[-1].id)
    yield b"]}"


async def _dump_days(session: AsyncSession, user_id: UUID) -> bytes:
    stored = select(DailyActivity).where(DailyActivity.user_id == user_id).order_by(DailyActivity.day)
    days = DAYS.validate_python((await session.scalars(stored)).all(), from_attributes=True)
    return DAYS.dump_json(days)


async def _count_used_receipts(session: AsyncSession, user_id: UUID) -> int:
    stored = select(func.count()).select_from(UsedReceipt).where(UsedReceipt.user_id == user_id)
    return (await session.execute(stored)).scalar_one()


async def _list_batch(
    database: Database, user_id: UUID, *, after: tuple[datetime, UUID]
) -> list[ExportedSession]:
    position = (GameSession.completed_at, GameSession.id)
    following = select(*SESSION_COLUMNS).where(GameSession.user_id == user_id, tuple_(*position) > after)
    async with database.transaction() as session:
        batch = await session.execute(following.order_by(*position).limit(BATCH_SIZE))
        rows = batch.mappings().all()
        results = await _list_results(session, [row["id"] for row in rows])
    return [ExportedSession.model_validate({**row, "results": results[row["id"]]}) for row in rows]


async def _list_results(
    session: AsyncSession, session_ids: Sequence[UUID]
) -> dict[UUID, list[dict[str, Any]]]:
    selected = select_results(session_ids)
    columns = (selected.selected_columns[name] for name in RESULT_COLUMNS)
    results: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in (await session.execute(selected.with_only_columns(*columns))).mappings():
        speech = {**row, "id": row["speech_id"]}
        results[row["session_id"]].append({**row, "speech": speech})
    return results
