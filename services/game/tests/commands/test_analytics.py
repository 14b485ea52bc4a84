"""Analytics figures after deletions of accounts and repeated requests."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from contracts.content import SpeechSnapshot
from contracts.game import SessionCompleted
from fastapi import FastAPI
from game.commands.activity import add_daily_activity
from game.commands.analytics import count_waiting_sessions, subtract_session
from game.commands.users import erase_user
from game.models import DailyLevel, DailyTag, SpeechFigures, UncountedSession
from shared.data.db import Database
from shared.testing import TokenFor, api_client, outbox_events
from sqlalchemy import select

type NewBody = Callable[..., dict[str, Any]]
type Read = Callable[..., Awaitable[dict[str, Any]]]
type Save = Callable[..., Awaitable[str]]

API = "/api/v1/admin/analytics"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
PERIOD = {"from": "2026-03-02", "to": "2026-03-15"}


@pytest.fixture
async def editor(app: FastAPI, token_for: TokenFor) -> AsyncIterator[httpx.AsyncClient]:
    async with api_client(app, token=token_for(uuid4(), role="editor")) as client:
        yield client


async def count(database: Database) -> None:
    async with database.transaction() as session:
        assert await count_waiting_sessions(session) is False


async def read_sums(database: Database) -> tuple[int, int]:
    """Return the counted sessions, and the plays of speeches."""
    async with database.transaction() as session:
        sessions = sum(await session.scalars(select(DailyLevel.sessions)))
        return sessions, sum(await session.scalars(select(SpeechFigures.plays)))


async def test_erasing_a_user_keeps_figures_and_removes_cohorts(
    save: Save, database: Database, learner: UUID, editor: httpx.AsyncClient, read: Read
) -> None:
    await save(NOON)
    await count(database)
    async with database.transaction() as session:
        [event] = await outbox_events(session, SessionCompleted)
        await add_daily_activity(session, event.data)
    assert (await read(f"{API}/retention", by=editor, **PERIOD))["cohorts"][0]["learners"] == 1
    async with database.transaction() as session:
        await erase_user(session, learner)
    await count(database)
    overview = await read(f"{API}/overview", by=editor, **PERIOD)
    assert overview["levels"][0]["sessions"] == 1
    assert overview["active_learners"] == {"daily": 0, "weekly": 0, "monthly": 0}
    assert (await read(f"{API}/retention", by=editor, **PERIOD))["cohorts"] == []
    assert await read_sums(database) == (1, 2)


async def test_tags_that_a_client_makes_up_are_not_counted(
    save: Save, database: Database, speeches: list[SpeechSnapshot]
) -> None:
    known = speeches[0].tags[0].id
    session_id = await save(NOON, selected_tags=[str(known), str(uuid4())])
    await count(database)
    for sessions in (1, 0):
        async with database.transaction() as session:
            rows = (await session.execute(select(DailyTag.tag_id, DailyTag.sessions))).all()
            assert rows == [(known, sessions)]
            await subtract_session(session, UUID(session_id))


async def test_a_session_erased_before_it_is_counted_adds_nothing(
    save: Save, database: Database, learner: UUID
) -> None:
    await save(NOON)
    async with database.transaction() as session:
        await erase_user(session, learner)
    await count(database)
    assert await read_sums(database) == (0, 0)


async def test_a_session_sent_twice_is_counted_once(
    client: httpx.AsyncClient, database: Database, speeches: list[SpeechSnapshot], new_body: NewBody
) -> None:
    body, key = new_body(), {"Idempotency-Key": "k"}
    for _ in range(2):
        saved = await client.post("/api/v1/game/sessions", json=body, headers=key)
        assert saved.status_code == 201, saved.text
        await count(database)
    assert await read_sums(database) == (1, 2)


async def test_sessions_saved_before_the_upgrade_are_counted(save: Save, database: Database) -> None:
    session_id = UUID(await save(NOON))
    async with database.transaction() as session:
        # Like sessions saved before the migration, which the trigger has not recorded.
        await session.delete(await session.get_one(UncountedSession, session_id))
    await count(database)
    assert await read_sums(database) == (0, 0)
    async with database.transaction() as session:
        session.add(UncountedSession(session_id=session_id))
    await count(database)
    assert await read_sums(database) == (1, 2)


@pytest.mark.parametrize("path", ["overview", "retention"])
async def test_the_time_zone_determines_the_current_day(
    editor: httpx.AsyncClient, read: Read, path: str
) -> None:
    zones = {"Pacific/Kiritimati": timedelta(hours=14), "Etc/GMT+12": timedelta(hours=-12)}
    days = {}
    for zone, offset in zones.items():
        before = (datetime.now(UTC) + offset).date()
        days[zone] = date.fromisoformat((await read(f"{API}/{path}", by=editor, tz=zone))["to"])
        assert before <= days[zone] <= (datetime.now(UTC) + offset).date()
    assert days["Pacific/Kiritimati"] > days["Etc/GMT+12"]


async def test_weeks_that_have_not_started_are_omitted(
    save: Save, database: Database, editor: httpx.AsyncClient, read: Read
) -> None:
    await save(datetime.now(UTC))
    async with database.transaction() as session:
        [event] = await outbox_events(session, SessionCompleted)
        await add_daily_activity(session, event.data)
    [cohort] = (await read(f"{API}/retention", by=editor))["cohorts"]
    assert (cohort["learners"], cohort["returned"]) == (1, [])
