import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from content.commands import tags as module
from content.commands.speeches import apply_speech_change
from content.commands.tags import PropagateTagName, create_tag, create_tags, delete_tag, update_tag
from content.domain.speeches import SpeechChange
from content.errors import TagExists, TagInUse, TagNotFound
from content.jobs import on_propagate_tag_name
from content.queries.tags import list_tags
from content.schemas.tags import TagCreate, TagUpdate
from contracts.content import SpeechUpdated
from shared.data.db import Database
from shared.messaging.inbox import apply_once
from shared.messaging.outbox import OutboxEvent
from shared.testing import OutboxJobs, outbox_events
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

type Add = Callable[..., Awaitable[UUID]]
type Propagate = Callable[[Database], Awaitable[int]]


async def commit_tag(database: Database, name: str = "food") -> UUID:
    async with database.transaction() as session:
        return (await create_tag(session, TagCreate(name=name, category="topic"), actor=None)).id


async def test_a_tag_is_not_deleted_while_it_is_added_to_a_speech(
    committed_database: Database, add: Add
) -> None:
    tag_id = await commit_tag(committed_database)
    async with committed_database.transaction() as taking:
        await add(taking, tag_ids=frozenset({tag_id}))
        deleting = asyncio.create_task(commit_deletion(committed_database, tag_id))
        done, _ = await asyncio.wait({deleting}, timeout=0.2)
        assert not done
    with pytest.raises(TagInUse):
        await deleting


async def commit_deletion(database: Database, tag_id: UUID) -> None:
    async with database.transaction() as session:
        await delete_tag(session, tag_id, actor=None)


async def test_concurrent_creations_of_the_same_tags_do_not_deadlock(committed_database: Database) -> None:
    async def create(names: str) -> dict[str, UUID]:
        async with committed_database.transaction() as session:
            return await create_tags(session, dict.fromkeys(names, "topic"), actor=None)

    async with committed_database.transaction() as holding:
        await create_tags(holding, {"m": "topic"}, actor=None)
        # If each inserted in its own order, each would hold a tag that the other one needs next.
        creating = [asyncio.create_task(create(names)) for names in ("amz", "zma")]
        done, _ = await asyncio.wait(creating, timeout=0.2)
        assert not done
    first, second = await asyncio.gather(*creating)
    assert first == second


async def test_an_update_to_equal_values_enqueues_nothing(session: AsyncSession, add: Add) -> None:
    await add(session, tags=("food",))
    tag_id = (await create_tags(session, {"food": "other"}, actor=None))["food"]
    await session.execute(delete(OutboxEvent))
    await update_tag(session, tag_id, TagUpdate(), actor=None)
    await update_tag(session, tag_id, TagUpdate(name="food", category="topic"), actor=None)
    assert await session.scalar(select(func.count()).select_from(OutboxEvent)) == 0


async def test_invalid_commands_are_refused_with_the_reason(session: AsyncSession) -> None:
    await create_tag(session, TagCreate(name="food", category="topic"), actor=None)
    with pytest.raises(TagExists):
        await create_tag(session, TagCreate(name="FOOD", category="topic"), actor=None)
    with pytest.raises(TagNotFound):
        await update_tag(session, uuid4(), TagUpdate(name="x"), actor=None)
    with pytest.raises(TagNotFound):
        await delete_tag(session, uuid4(), actor=None)


@pytest.fixture
def propagate(outbox_jobs: OutboxJobs) -> Propagate:
    """Delivers rename jobs until the outbox is empty; returns their number."""

    async def deliver(database: Database) -> int:
        deliveries = 0
        while True:
            async with database.transaction() as session:
                waiting = await outbox_jobs(session, PropagateTagName)
            if len(waiting) == deliveries:
                return deliveries
            for job in waiting[deliveries:]:
                # Twice, because any job may be delivered twice.
                for _ in range(2):
                    await apply_once(database, job.get_queue(), job, on_propagate_tag_name)
            deliveries = len(waiting)

    return deliver


async def test_a_rename_publishes_all_speeches_of_the_tag_in_chunks(
    database: Database, add: Add, propagate: Propagate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK_SIZE", 3)
    async with database.transaction() as session:
        carrying = {await add(session, tags=("food", "work")) for _ in range(7)}
        await add(session, tags=("work",))
        food_id = (await create_tags(session, {"food": "topic"}, actor=None))["food"]
        await update_tag(session, food_id, TagUpdate(name="cooking"), actor=None)
    assert await propagate(database) == 3
    async with database.transaction() as session:
        published = [event.data for event in await outbox_events(session, SpeechUpdated)]
    assert {speech.speech_id for speech in published} == carrying
    assert [speech.speech_id for speech in published] == sorted(carrying)
    assert {speech.revision for speech in published} == {2}
    assert all([tag.name for tag in speech.tags] == ["cooking", "work"] for speech in published)


async def test_speeches_created_during_a_rename_get_the_new_name(
    committed_database: Database, add: Add, propagate: Propagate
) -> None:
    tag_id = await commit_tag(committed_database)
    async with committed_database.transaction() as making:
        speech_id = await add(making, tag_ids=frozenset({tag_id}))
        renaming = asyncio.create_task(commit_rename(committed_database, tag_id, "cooking"))
        done, _ = await asyncio.wait({renaming}, timeout=0.2)
        # The rename waits for the speech, whose snapshot has the old name, and then finds it.
        assert not done
    await renaming
    await propagate(committed_database)
    async with committed_database.transaction() as session:
        [published] = await outbox_events(session, SpeechUpdated)
    assert (published.data.speech_id, [tag.name for tag in published.data.tags]) == (speech_id, ["cooking"])


async def test_a_rename_that_waited_includes_speeches_created_before_it(
    committed_database: Database, add: Add, propagate: Propagate
) -> None:
    tag_id = await commit_tag(committed_database)
    async with committed_database.transaction() as renaming:
        # The rename's transaction begins before the speech's, and locks the tag after it.
        await renaming.execute(select(1))
        async with committed_database.transaction() as making:
            speech_id = await add(making, tag_ids=frozenset({tag_id}))
        await update_tag(renaming, tag_id, TagUpdate(name="cooking"), actor=None)
    await propagate(committed_database)
    async with committed_database.transaction() as session:
        published = [event.data for event in await outbox_events(session, SpeechUpdated)]
    assert [(speech.speech_id, speech.tags[0].name) for speech in published] == [(speech_id, "cooking")]


async def test_a_speech_created_after_a_rename_is_not_published_again(
    committed_database: Database, add: Add, propagate: Propagate
) -> None:
    tag_id = await commit_tag(committed_database)
    async with committed_database.transaction() as session:
        before = await add(session, tag_ids=frozenset({tag_id}))
    for name in ("cooking", "cuisine"):
        await commit_rename(committed_database, tag_id, name)
    async with committed_database.transaction() as session:
        await add(session, tag_ids=frozenset({tag_id}))
    await propagate(committed_database)
    async with committed_database.transaction() as session:
        published = [event.data for event in await outbox_events(session, SpeechUpdated)]
    # One revision for both renames: the first job already reads the last name.
    assert [(speech.speech_id, speech.revision, speech.tags[0].name) for speech in published] == [
        (before, 2, "cuisine")
    ]


async def commit_rename(database: Database, tag_id: UUID, name: str) -> None:
    async with database.transaction() as session:
        await update_tag(session, tag_id, TagUpdate(name=name), actor=None)


async def test_concurrent_renames_and_edits_publish_the_last_name(
    committed_database: Database, add: Add, propagate: Propagate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK_SIZE", 2)
    tag_id = await commit_tag(committed_database)
    ids = []
    async with committed_database.transaction() as session:
        ids = [await add(session, tag_ids=frozenset({tag_id})) for _ in range(5)]

    async def edit(speech_id: UUID) -> None:
        async with committed_database.transaction() as session:
            await apply_speech_change(session, speech_id, SpeechChange(text=f"Text {uuid4()}."), actor=None)

    for name in ("one", "two", "three"):
        await asyncio.gather(
            commit_rename(committed_database, tag_id, name), *map(edit, ids), propagate(committed_database)
        )
    await propagate(committed_database)
    async with committed_database.transaction() as session:
        published = [event.data for event in await outbox_events(session, SpeechUpdated)]
    for speech_id in ids:
        revisions = sorted(
            (speech.revision, speech.tags[0].name) for speech in published if speech.speech_id == speech_id
        )
        assert revisions[-1][1] == "three"
        assert all(later == earlier + 1 for (earlier, _), (later, _) in pairwise(revisions))


async def test_tags_are_found_in_any_case(session: AsyncSession) -> None:
    first = await create_tags(session, {"Food": "topic", "Ärger": "feeling"}, actor=None)
    again = await create_tags(
        session, {"FOOD": "other", "food": "other", "ärger": "x", "work": "topic"}, actor=None
    )
    assert again["FOOD"] == again["food"] == first["Food"]
    assert again["ärger"] == first["Ärger"]
    tags = {tag.name: tag.category for tag in await list_tags(session)}
    assert tags == {"Food": "topic", "Ärger": "feeling", "work": "topic"}
