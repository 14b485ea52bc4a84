"""Everything that is held on a learner, for the learner to take along."""

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
from game.schemas.export import ExportedDay, ExportedResult, ExportedSession, ExportedSpeech

BATCH_SIZE = 25
"""Sessions in memory at once. Each came in a request of 1 MiB at most."""

RESULT_COLUMNS = (
    "session_id",
    "speech_id",
    *(name for name in ExportedResult.model_fields if name != "speech"),
    *(name for name in ExportedSpeech.model_fields if name != "id"),
)
DAYS = TypeAdapter(list[ExportedDay])
START_CURSOR = (datetime.min.replace(tzinfo=UTC), UUID(int=0))


async def export_game_data(database: Database, learner: UUID) -> AsyncIterator[bytes]:
    """One JSON document in pieces, its sessions oldest first: however many they are, memory holds few.

    Each piece is read in a transaction of its own: a reader who is slow keeps no connection. They fit
    together, because a saved session never changes. Raises DatabaseDown at any piece; what came before it is
    no complete document.
    """
    async with database.transaction() as session:
        days, receipts = await _days(session, learner), await _used_receipts(session, learner)
    yield b'{"daily_activity":%b,"used_receipts":%d,"sessions":[' % (days, receipts)
    separator, last = b"", START_CURSOR
    while True:
        async with database.transaction() as session:
            batch = await _sessions(session, learner, after=last)
        if not batch:
            break
        yield separator + b",".join(each.model_dump_json().encode() for each in batch)
        separator, last = b",", (batch[-1].completed_at, batch[-1].id)
    yield b"]}"


async def _days(session: AsyncSession, learner: UUID) -> bytes:
    kept = select(DailyActivity).where(DailyActivity.user_id == learner).order_by(DailyActivity.day)
    days = DAYS.validate_python((await session.scalars(kept)).all(), from_attributes=True)
    return DAYS.dump_json(days)


async def _used_receipts(session: AsyncSession, learner: UUID) -> int:
    """How many: a receipt's id is a random number."""
    kept = select(func.count()).select_from(UsedReceipt).where(UsedReceipt.user_id == learner)
    return (await session.execute(kept)).scalar_one()


async def _sessions(
    session: AsyncSession, learner: UUID, *, after: tuple[datetime, UUID]
) -> list[ExportedSession]:
    position = (GameSession.completed_at, GameSession.id)
    columns = (*SUMMARY_COLUMNS, GameSession.selected_tags, GameSession.idempotency_key, GameSession.saved_at)
    following = select(*columns).where(GameSession.user_id == learner, tuple_(*position) > after)
    rows = (await session.execute(following.order_by(*position).limit(BATCH_SIZE))).all()
    results = await _results(session, [row.id for row in rows])
    return [ExportedSession.model_validate({**row._mapping, "results": results[row.id]}) for row in rows]


async def _results(session: AsyncSession, session_ids: Sequence[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    every = select_results(session_ids)
    told = every.with_only_columns(*(every.selected_columns[name] for name in RESULT_COLUMNS))
    results: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in (await session.execute(told)).mappings():
        speech = {"id": row["speech_id"], "text": row["text"], "level": row["level"], "type": row["type"]}
        results[row["session_id"]].append({**row, "speech": speech})
    return results
