import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest
from content.commands.speeches import (
    apply_speech_change,
    archive_speeches,
    create_speeches,
    delete_speech,
    delete_speeches,
)
from content.commands.tags import create_tags
from content.domain.speeches import NewSpeech, Revisions, SpeechChange
from content.errors import ChangedMeanwhile, SpeechNotFound, UnknownTag
from content.models import CatalogueChange, Speech
from content.queries.speeches import get_speech, get_speech_with_stats
from contracts.content import SpeechCreated, SpeechDeleted, SpeechUpdated
from shared.data.db import Database
from shared.testing import outbox_events
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

type Add = Callable[..., Awaitable[UUID]]


async def list_logged_numbers(session: AsyncSession) -> list[list[int]]:
    return list(await session.scalars(select(CatalogueChange.numbers).order_by(CatalogueChange.id)))


async def get_number(session: AsyncSession, speech_id: UUID) -> int:
    return (await session.scalars(select(Speech.number).where(Speech.id == speech_id))).one()


async def test_a_created_speech_is_published(session: AsyncSession, add: Add) -> None:
    speech_id = await add(session, text="Is it far?", level="B1", audio_key="k", tags=("travel", "Food"))
    [event] = await outbox_events(session, SpeechCreated)
    assert (event.data.speech_id, event.subject) == (speech_id, str(speech_id))
    assert (event.data.text, event.data.level, event.data.type) == ("Is it far?", "B1", "question")
    assert (event.data.audio_key, event.data.duration_ms, event.data.revision) == ("k", 1200, 1)
    assert [tag.name for tag in event.data.tags] == ["Food", "travel"]
    assert await list_logged_numbers(session) == [[await get_number(session, speech_id)]]


async def test_speeches_are_created_in_the_requested_order(session: AsyncSession) -> None:
    new = [
        NewSpeech(text=f"Speech {number}.", level="A1", type="answer", audio_key="k", duration_ms=1)
        for number in range(30)
    ]
    ids = await create_speeches(session, new, actor=None)
    texts = [(await get_speech(session, speech_id)).text for speech_id in ids]
    assert texts == [speech.text for speech in new]
    assert len(await outbox_events(session, SpeechCreated)) == 30
    assert [len(numbers) for numbers in await list_logged_numbers(session)] == [30]


async def test_creating_no_speeches_or_tags_is_accepted(session: AsyncSession) -> None:
    assert await create_speeches(session, [], actor=None) == []
    assert await create_tags(session, {}, actor=None) == {}
    assert await list_logged_numbers(session) == []


async def test_a_speech_with_an_unknown_tag_is_refused(session: AsyncSession, add: Add) -> None:
    unknown = uuid4()
    with pytest.raises(UnknownTag, match=str(unknown)):
        await add(session, tag_ids=frozenset({unknown}))
    speech_id = await add(session)
    with pytest.raises(UnknownTag, match=str(unknown)):
        await apply_speech_change(session, speech_id, SpeechChange(tag_ids=frozenset({unknown})), actor=None)


async def test_an_update_changes_only_the_sent_values(session: AsyncSession, add: Add) -> None:
    speech_id = await add(session, tags=("travel",))
    await apply_speech_change(session, speech_id, SpeechChange(text="Where are they?"), actor=None)
    [event] = await outbox_events(session, SpeechUpdated)
    assert (event.data.text, event.data.level, event.data.revision) == ("Where are they?", "A1", 2)
    assert [tag.name for tag in event.data.tags] == ["travel"]
    assert len(await list_logged_numbers(session)) == 2


async def test_an_update_replaces_all_tags(session: AsyncSession, add: Add) -> None:
    speech_id = await add(session, tags=("travel", "food"))
    tags = await create_tags(session, {"food": "topic", "work": "topic"}, actor=None)
    await apply_speech_change(session, speech_id, SpeechChange(tag_ids=frozenset(tags.values())), actor=None)
    await apply_speech_change(session, speech_id, SpeechChange(tag_ids=frozenset()), actor=None)
    first, second = await outbox_events(session, SpeechUpdated)
    assert [tag.name for tag in first.data.tags] == ["food", "work"]
    assert (second.data.tags, second.data.revision) == ([], 3)
    assert (await get_speech(session, speech_id)).tags == []


async def test_a_deleted_speech_is_published(session: AsyncSession, add: Add) -> None:
    speech_id = await add(session, tags=("travel",))
    number = await get_number(session, speech_id)
    await delete_speech(session, speech_id, actor=None)
    [event] = await outbox_events(session, SpeechDeleted)
    assert (event.data.speech_id, event.data.revision) == (speech_id, 2)
    assert await list_logged_numbers(session) == [[number], [number]]
    with pytest.raises(SpeechNotFound):
        await get_speech(session, speech_id)


async def test_speeches_are_archived_together(session: AsyncSession, add: Add) -> None:
    ids = [await add(session, tags=("travel",)) for _ in range(3)]
    numbers = [await get_number(session, speech_id) for speech_id in ids]
    await archive_speeches(session, ids)
    await archive_speeches(session, [])
    events = await outbox_events(session, SpeechUpdated)
    assert [event.data.speech_id for event in events] == ids
    assert all(event.data.archived_at and event.data.revision == 2 for event in events)
    assert (await list_logged_numbers(session))[-1] == numbers


async def test_speeches_are_deleted_together(session: AsyncSession, add: Add) -> None:
    ids = [await add(session, tags=("travel",)) for _ in range(3)]
    numbers = [await get_number(session, speech_id) for speech_id in ids]
    await delete_speeches(session, (await session.scalars(select(Speech).order_by(Speech.id))).all())
    assert [event.data.speech_id for event in await outbox_events(session, SpeechDeleted)] == ids
    assert (await list_logged_numbers(session))[-1] == numbers
    assert await session.scalar(select(func.count()).select_from(Speech)) == 0


async def test_a_missing_speech_cannot_be_changed(session: AsyncSession) -> None:
    with pytest.raises(SpeechNotFound):
        await apply_speech_change(session, uuid4(), SpeechChange(text="No."), actor=None)
    with pytest.raises(SpeechNotFound):
        await delete_speech(session, uuid4(), actor=None)


async def test_an_update_stores_its_time(session: AsyncSession, add: Add) -> None:
    speech_id = await add(session)
    await apply_speech_change(session, speech_id, SpeechChange(type="answer"), actor=None)
    _, stats = await get_speech_with_stats(session, speech_id)
    assert (stats.revision, stats.updated_at) == (2, await session.scalar(select(func.now())))


async def test_only_one_of_two_concurrent_updates_of_a_revision_succeeds(
    committed_database: Database, speech_id: UUID
) -> None:
    revisions = Revisions(frozenset({1}))

    async def change_late() -> None:
        async with committed_database.transaction() as session:
            await apply_speech_change(
                session, speech_id, SpeechChange(text="Second."), expected=revisions, actor=None
            )

    async with committed_database.transaction() as first:
        await apply_speech_change(
            first, speech_id, SpeechChange(text="First."), expected=revisions, actor=None
        )
        changing = asyncio.create_task(change_late())
        done, _ = await asyncio.wait({changing}, timeout=0.2)
        assert not done
    with pytest.raises(ChangedMeanwhile):
        await changing
