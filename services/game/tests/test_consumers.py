import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import pytest
from contracts import EVENTS, Event
from contracts.auth import UserDeleted, UserRegistered
from contracts.content import (
    SpeechCreated,
    SpeechDeleted,
    SpeechImported,
    SpeechRef,
    SpeechSnapshot,
    SpeechUpdated,
    TagRef,
)
from contracts.game import SessionCompleted
from game.commands.goals import update_goal
from game.commands.sessions import save_session
from game.consumers import subscriptions
from game.models import (
    DailyActivity,
    DailyRegistrations,
    GameSession,
    SpeechDeletion,
    SpeechRevision,
    TagName,
)
from game.receipts import ReceiptVerifier
from game.schemas.sessions import SessionCreate
from shared.data.db import Base, Database
from shared.messaging.inbox import apply_once
from shared.security.jwt import SigningKeys, StaticKeys
from shared.testing import outbox_events
from sqlalchemy import func, select
from uuid_utils.compat import uuid7

type NewBody = Callable[..., dict[str, Any]]
type NewReceipt = Callable[..., str]
type NewSnapshot = Callable[..., SpeechSnapshot]

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def create_event[E: Event](kind: type[E], data: Any, *, time: datetime = START) -> E:
    return kind.model_validate({"id": uuid7(), "time": time, "subject": "any", "data": data})


async def deliver(database: Database, *events: Event) -> list[str]:
    """Deliver each event to its consumer, as the worker does."""
    return [
        await apply_once(database, event.build_queue_name("game"), event, subscriptions[type(event)])
        for event in events
    ]


async def list_rows(database: Database, table: type[Base]) -> list[dict[str, Any]]:
    async with database.transaction() as session:
        rows = await session.execute(select(table.__table__).order_by(*table.__table__.primary_key))
        return [dict(row) for row in rows.mappings()]


def create_completed(
    user_id: UUID, *, completed_at: datetime = START, responses: tuple[str, ...] = ("correct", "skipped")
) -> SessionCompleted:
    results = [
        {"speech_id": uuid4(), "user_response": response, "response_time_ms": 1} for response in responses
    ]
    about = {"session_id": uuid4(), "user_id": user_id, "mode": "listen_only", "level": "A1"}
    return create_event(
        SessionCompleted,
        {**about, "duration_seconds": 60, "completed_at": completed_at, "results": results},
        time=completed_at,
    )


def test_every_event_for_game_has_a_consumer() -> None:
    assert set(subscriptions) == {event for event in EVENTS if "game" in event.consumers}


async def test_revisions_are_stored_alike_in_any_order_of_events(
    database: Database, new_snapshot: NewSnapshot
) -> None:
    tag = UUID(int=7)
    outcomes = []
    for order in permutations(range(3)):
        speech_id = uuid4()
        first = new_snapshot(
            speech_id=speech_id, text="One.", tags=[{"id": tag, "name": "old"}], audio_key="a"
        )
        second = first.model_copy(update={"revision": 2, "text": "Two.", "tags": []})
        third = new_snapshot(**{**first.model_dump(), "revision": 3, "tags": [{"id": tag, "name": "new"}]})
        events = (
            create_event(SpeechCreated, first),
            create_event(SpeechUpdated, second, time=START + timedelta(hours=1)),
            create_event(SpeechUpdated, third, time=START + timedelta(hours=2)),
        )
        for index in order:
            assert await deliver(database, events[index], events[index]) == ["applied", "repeated"]
        stored = [
            row for row in await list_rows(database, SpeechRevision) if row.pop("speech_id") == speech_id
        ]
        outcomes.append((stored, await list_rows(database, TagName)))
    assert [row["text"] for row in outcomes[0][0]] == ["One.", "Two.", "One."]
    assert [row["name"] for row in outcomes[0][1]] == ["new"]
    assert all(outcome == outcomes[0] for outcome in outcomes)


async def test_a_repeated_revision_keeps_the_earliest_time(
    database: Database, new_snapshot: NewSnapshot
) -> None:
    snapshot = new_snapshot()
    await deliver(
        database,
        create_event(SpeechCreated, snapshot, time=START + timedelta(days=1)),
        create_event(SpeechCreated, snapshot, time=START),
    )
    assert [row["since"] for row in await list_rows(database, SpeechRevision)] == [START]


def create_imported(*snapshots: SpeechSnapshot, time: datetime = START) -> SpeechImported:
    about = {"import_id": uuid4(), "speeches_total": len(snapshots)}
    return create_event(SpeechImported, {**about, "speeches": snapshots}, time=time)


async def test_the_speeches_of_an_import_are_stored(database: Database, new_snapshot: NewSnapshot) -> None:
    tags = [{"id": UUID(int=number), "name": f"tag {number}"} for number in range(1, 4)]
    snapshots = [new_snapshot(text=f"Number {number}.", tags=tags[: number % 4]) for number in range(500)]
    event = create_imported(*snapshots)
    assert await deliver(database, event, event) == ["applied", "repeated"]
    stored = {row.pop("speech_id"): row for row in await list_rows(database, SpeechRevision)}
    assert len(stored) == 500
    for snapshot in snapshots:
        row = snapshot.model_dump(mode="json", exclude={"speech_id"})
        assert stored[snapshot.speech_id] == {**row, "since": START}
    assert [row["name"] for row in await list_rows(database, TagName)] == ["tag 1", "tag 2", "tag 3"]


async def test_imports_and_changes_are_stored_alike_in_any_order_of_events(
    database: Database, new_snapshot: NewSnapshot
) -> None:
    outcomes = []
    for order in permutations(range(3)):
        first, other = new_snapshot(speech_id=uuid4()), new_snapshot(speech_id=uuid4())
        second = first.model_copy(update={"revision": 2, "text": "Two."})
        events: tuple[Event, ...] = (
            create_imported(first, other),
            create_event(SpeechUpdated, second, time=START + timedelta(hours=1)),
            create_event(SpeechDeleted, SpeechRef(speech_id=other.speech_id, revision=2)),
        )
        for index in order:
            assert await deliver(database, events[index], events[index]) == ["applied", "repeated"]
        rows = await list_rows(database, SpeechRevision)
        changed_rows = [row for row in rows if row["speech_id"] in {first.speech_id, other.speech_id}]
        outcomes.append(sorted((row["revision"], row["text"], row["since"]) for row in changed_rows))
    assert len(outcomes[0]) == 3
    assert all(outcome == outcomes[0] for outcome in outcomes)


async def test_parallel_deliveries_of_an_import_do_not_deadlock(
    committed_database: Database, new_snapshot: NewSnapshot
) -> None:
    tags = [{"id": UUID(int=number), "name": f"tag {number}"} for number in range(1, 40)]
    snapshots = [new_snapshot(tags=tags[number % 7 :: 3]) for number in range(60)]
    events = [create_imported(*snapshots[:: 1 if turn % 2 else -1]) for turn in range(8)]
    outcomes = await asyncio.gather(*(deliver(committed_database, event) for event in events))
    assert outcomes == [["applied"]] * 8
    assert len(await list_rows(committed_database, SpeechRevision)) == 60


class GrownTag(TagRef):
    added_later: str | None = None


class GrownSnapshot(SpeechSnapshot):
    tags: list[GrownTag]  # type: ignore[assignment] # as if the field were declared with another type
    added_later: str | None = None


async def test_unknown_fields_of_a_speech_are_ignored(database: Database, new_snapshot: NewSnapshot) -> None:
    tag = {"id": UUID(int=7), "name": "greetings"}
    plain = new_snapshot(tags=[tag])
    grown = GrownSnapshot.model_validate(
        {**plain.model_dump(), "added_later": "filled", "tags": [tag | {"added_later": "filled"}]}
    )
    created = create_event(SpeechCreated, grown)
    assert isinstance(created.data, GrownSnapshot)
    await deliver(database, created)
    (stored,) = await list_rows(database, SpeechRevision)
    assert stored == {**plain.model_dump(exclude={"tags"}), "tags": stored["tags"], "since": START}
    assert stored["tags"] == [{"id": str(UUID(int=7)), "name": "greetings"}]


async def test_a_deletion_keeps_the_revisions(database: Database, new_snapshot: NewSnapshot) -> None:
    snapshot = new_snapshot()
    deletion = create_event(SpeechDeleted, SpeechRef(speech_id=snapshot.speech_id, revision=2))
    await deliver(database, deletion, create_event(SpeechCreated, snapshot), deletion)
    assert [row["revision"] for row in await list_rows(database, SpeechDeletion)] == [2]
    assert [row["text"] for row in await list_rows(database, SpeechRevision)] == [snapshot.text]


async def test_activity_is_counted_once_and_by_utc_day(database: Database, learner: UUID) -> None:
    late = create_completed(learner, completed_at=datetime.fromisoformat("2026-03-02T01:30:00+02:00"))
    further_session = create_completed(learner, responses=("correct", "correct", "incorrect"))
    next_day = create_completed(learner, completed_at=START + timedelta(days=1))
    assert await deliver(database, late, further_session, late, next_day) == [
        "applied",
        "applied",
        "repeated",
        "applied",
    ]
    figures = ("day", "sessions", "sentences", "correct", "seconds")
    assert [tuple(row[name] for name in figures) for row in await list_rows(database, DailyActivity)] == [
        (date(2026, 3, 1), 2, 5, 3, 120),
        (date(2026, 3, 2), 1, 2, 1, 60),
    ]


async def test_activity_is_counted_on_the_learners_local_day(database: Database, learner: UUID) -> None:
    event = create_completed(learner, completed_at=datetime(2026, 3, 1, 23, 30, tzinfo=UTC))
    in_tokyo = event.data.model_copy(update={"utc_offset_minutes": 540})
    await deliver(database, event, create_event(SessionCompleted, in_tokyo))
    assert [row["day"].day for row in await list_rows(database, DailyActivity)] == [1, 2]


@pytest.fixture
async def played(
    database: Database,
    learner: UUID,
    speeches: list[SpeechSnapshot],
    receipt_keys: SigningKeys,
    new_body: NewBody,
    new_receipt: NewReceipt,
) -> SessionCompleted:
    """The event of a saved session with a used receipt."""
    body = new_body()
    about = {"scorer": "new-2", "phonemes": [["TH", 2, 120.5]]}
    body["results"][0]["receipt"] = new_receipt(learner, text=speeches[0].text, score=90.0, **about)
    async with database.transaction() as session:
        await save_session(
            session,
            learner,
            new=SessionCreate.model_validate(body),
            key="k",
            receipts=ReceiptVerifier(StaticKeys(receipt_keys.public)),
        )
        (event,) = await outbox_events(session, SessionCompleted)
    return event


OF_LEARNERS = {
    table.name: table.c.user_id if "user_id" in table.c else table.c.session_id
    for table in Base.metadata.sorted_tables
    if {"user_id", "session_id"} & set(table.columns.keys())
}
"""Tables with data on learners, by the column that identifies the learner."""


async def count_rows(database: Database) -> dict[str, int]:
    async with database.transaction() as session:
        return {
            name: await session.scalar(select(func.count(column))) or 0
            for name, column in OF_LEARNERS.items()
        }


async def test_only_the_id_of_a_deleted_user_remains(
    database: Database, learner: UUID, played: SessionCompleted
) -> None:
    other = create_completed(uuid4())
    await deliver(database, played, other)
    async with database.transaction() as session:
        await update_goal(session, learner, sentences_per_day=20)
    before = {
        "game_sessions": 1,
        "game_results": 3,
        "used_receipts": 1,
        "daily_activity": 2,
        "daily_goals": 1,
        "practised_speeches": 2,
        "practised_tags": 1,
        "practised_scorers": 1,
        "practised_phonemes": 1,
        "uncounted_sessions": 1,
        # Not of the skipped result.
        "reviews": 2,
    }
    assert await count_rows(database) == {**before, "erased_users": 0}
    deleted, again = (create_event(UserDeleted, {"user_id": learner}) for _ in range(2))
    deletion = {**dict.fromkeys(before, 0), "daily_activity": 1, "erased_users": 1}
    assert await deliver(database, deleted, deleted) == ["applied", "repeated"]
    assert await count_rows(database) == deletion
    # A second event for the same account.
    assert await deliver(database, again) == ["applied"]
    assert await count_rows(database) == deletion


async def test_registrations_are_counted_by_utc_day_and_kept_after_deletion(
    database: Database, learner: UUID
) -> None:
    late = datetime(2026, 3, 2, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    events = [create_event(UserRegistered, {"user_id": learner}, time=time) for time in (START, late, START)]
    assert await deliver(database, *events, events[0]) == ["applied"] * 3 + ["repeated"]
    await deliver(database, create_event(UserDeleted, {"user_id": learner}))
    stored = [(row["day"], row["registrations"]) for row in await list_rows(database, DailyRegistrations)]
    assert stored == [(date(2026, 3, 1), 3)]


async def test_a_session_saved_after_the_deletion_is_erased(
    database: Database, learner: UUID, played: SessionCompleted
) -> None:
    stored = (await list_rows(database, GameSession))[0]
    await deliver(database, create_event(UserDeleted, {"user_id": learner}))
    # As if the session had been saved with the access token, which stays valid for some minutes.
    async with database.transaction() as session:
        session.add(GameSession(**stored))
    await deliver(database, played)
    left = await count_rows(database)
    assert left.pop("erased_users") == 1
    assert set(left.values()) == {0}
