import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

from content.commands.speeches import delete_speech
from content.consumers import on_session_completed, on_session_deleted, subscriptions
from content.domain.plays import PlayStatistics
from content.queries.speeches import get_speech_with_stats
from contracts import EVENTS
from contracts.game import CompletedSession, DeletedSession, SessionCompleted, SessionDeleted
from shared.data.db import Database
from shared.messaging.inbox import apply_once
from uuid_utils.compat import uuid7

QUEUE = SessionCompleted.build_queue_name("content")

type Add = Callable[..., Awaitable[UUID]]


def create_session(*results: tuple[UUID, str, float | None]) -> SessionCompleted:
    listed = [
        {
            "speech_id": speech_id,
            "user_response": response,
            "response_time_ms": 900,
            "pronunciation_score": score,
            "verified": score is not None,
        }
        for speech_id, response, score in results
    ]
    defaults = {
        "mode": "listen_and_repeat",
        "level": "A1",
        "duration_seconds": 60,
        "completed_at": datetime.now(UTC),
    }
    data = CompletedSession.model_validate(
        {"session_id": uuid4(), "user_id": uuid4(), "results": listed, **defaults}
    )
    return SessionCompleted(id=uuid7(), subject="s", time=datetime.now(UTC), data=data)


async def get_plays(database: Database, speech_id: UUID) -> PlayStatistics:
    async with database.transaction() as session:
        _, stats = await get_speech_with_stats(session, speech_id)
        return stats.statistics


async def commit_speech(database: Database, add: Add) -> UUID:
    async with database.transaction() as session:
        return await add(session)


def test_every_event_with_a_queue_has_a_handler() -> None:
    expected = {event for event in EVENTS if "content" in event.consumers}
    assert set(subscriptions) == expected


async def test_a_session_delivered_twice_counts_once(database: Database, add: Add) -> None:
    played, skipped = await commit_speech(database, add), await commit_speech(database, add)
    event = create_session(
        (played, "correct", 80),
        (played, "incorrect", None),
        (skipped, "skipped", None),
        (uuid4(), "correct", 1),
    )
    assert await apply_once(database, QUEUE, event, on_session_completed) == "applied"
    assert await apply_once(database, QUEUE, event, on_session_completed) == "repeated"
    assert await get_plays(database, played) == PlayStatistics(plays=2, correct=1, scored=1, score_sum=80)
    assert await get_plays(database, skipped) == PlayStatistics()


async def test_plays_of_several_sessions_are_added(database: Database, add: Add) -> None:
    speech_id = await commit_speech(database, add)
    for score in (80.5, 60, None):
        await apply_once(database, QUEUE, create_session((speech_id, "correct", score)), on_session_completed)
    assert await get_plays(database, speech_id) == PlayStatistics(
        plays=3, correct=3, scored=2, score_sum=140.5
    )


async def test_a_deleted_speech_loses_its_statistics(database: Database, add: Add) -> None:
    speech_id = await commit_speech(database, add)
    event = create_session((speech_id, "correct", 80))
    await apply_once(database, QUEUE, event, on_session_completed)
    async with database.transaction() as session:
        await delete_speech(session, speech_id, actor=None)
    later = create_session((speech_id, "correct", 80))
    assert await apply_once(database, QUEUE, later, on_session_completed) == "applied"


async def test_a_speech_can_be_deleted_while_its_plays_are_counted(
    committed_database: Database, add: Add
) -> None:
    deleted, remaining = [await commit_speech(committed_database, add) for _ in range(2)]
    event = create_session((deleted, "correct", 80), (remaining, "correct", 80))
    async with committed_database.transaction() as deleting:
        await delete_speech(deleting, deleted, actor=None)
        counting = asyncio.create_task(apply_once(committed_database, QUEUE, event, on_session_completed))
        done, _ = await asyncio.wait({counting}, timeout=0.2)
        assert not done
    assert await counting == "applied"
    assert (await get_plays(committed_database, remaining)).plays == 1


async def test_sessions_with_the_same_speeches_do_not_deadlock(
    committed_database: Database, add: Add
) -> None:
    ids = [await commit_speech(committed_database, add) for _ in range(20)]
    orders = [ids if number % 2 else ids[::-1] for number in range(16)]
    events = [create_session(*((speech_id, "correct", 50.0) for speech_id in order)) for order in orders]
    await asyncio.gather(
        *(apply_once(committed_database, QUEUE, event, on_session_completed) for event in events)
    )
    for speech_id in ids:
        assert await get_plays(committed_database, speech_id) == PlayStatistics(
            plays=16, correct=16, scored=16, score_sum=800
        )


async def test_a_deleted_session_is_subtracted_in_any_order_of_events(database: Database, add: Add) -> None:
    speech_id = await commit_speech(database, add)
    remaining, event = (create_session((speech_id, "correct", 80.0)) for _ in range(2))
    deletions = [
        SessionDeleted(
            id=uuid7(), subject="s", time=datetime.now(UTC), data=DeletedSession(**dict(completed.data))
        )
        for completed in (event, create_session((speech_id, "incorrect", 10.0)))
    ]
    for completed in (remaining, event):
        await apply_once(database, QUEUE, completed, on_session_completed)
    for deleted in (deletions[0], deletions[0]):
        await apply_once(database, "content.on.session_deleted", deleted, on_session_deleted)
    assert await get_plays(database, speech_id) == PlayStatistics(1, 1, 1, 80.0)
    await apply_once(database, "content.on.session_deleted", deletions[1], on_session_deleted)
    assert await get_plays(database, speech_id) == PlayStatistics(0, 1, 0, 70.0)
