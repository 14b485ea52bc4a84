import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from content import commands, queries
from content.commands import tags as module
from content.consumers import on_tag_renamed
from content.domain.speeches import SpeechChange
from content.errors import TagExists, TagInUse, TagNotFound
from content.schemas.tags import TagCreate, TagUpdate
from contracts.content import SpeechUpdated, TagChanged, TagRenamed
from shared.db import Database
from shared.inbox import apply
from shared.outbox import OutboxEvent
from shared.testing import recorded
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

type Add = Callable[..., Awaitable[UUID]]

TAGS = "/api/v1/admin/tags"
NOBODYS = "01900000-0000-7000-8000-000000000000"


async def tag_in(database: Database, name: str = "food") -> UUID:
    async with database.transaction() as session:
        return (await commands.create_tag(session, TagCreate(name=name, category="topic"))).id


async def test_the_life_of_a_tag(editor: httpx.AsyncClient, committing: Database) -> None:
    added = await editor.post(TAGS, json={"name": " Food ", "category": "topic"})
    tag = added.json()
    assert added.status_code == 201
    assert added.headers["location"] == f"{TAGS}/{tag['id']}"
    assert (tag["name"], tag["category"], tag["speech_count"]) == ("Food", "topic", 0)
    changed = await editor.put(f"{TAGS}/{tag['id']}", json={"category": "theme"})
    assert changed.json() == {**tag, "category": "theme"}
    assert (await editor.get(f"{TAGS}/{tag['id']}")).json() == changed.json()
    assert (await editor.get(TAGS)).json() == {"tags": [changed.json()]}
    assert (await editor.delete(f"{TAGS}/{tag['id']}")).status_code == 204
    assert (await editor.get(TAGS)).json() == {"tags": []}
    async with committing.transaction() as session:
        assert len(await recorded(session, TagChanged)) == 3
        assert await recorded(session, TagRenamed) == []


async def test_tags_are_counted(editor: httpx.AsyncClient, committing: Database, add: Add) -> None:
    async with committing.transaction() as session:
        await add(session, tags=("food", "work"))
        await add(session, tags=("food",))
        await commands.create_tags(session, {"travel": "topic"})
    counts = {tag["name"]: tag["speech_count"] for tag in (await editor.get(TAGS)).json()["tags"]}
    assert counts == {"food": 2, "travel": 0, "work": 1}


async def test_tags_come_by_category_and_name(session: AsyncSession) -> None:
    for name, category in (("work", "topic"), ("Food", "topic"), ("zoo", "place"), ("art", "topic")):
        await commands.create_tag(session, TagCreate(name=name, category=category))
    names = ["zoo", "art", "Food", "work"]
    assert [tag.name for tag in await queries.list_tags(session)] == names
    assert [tag.name for tag in await queries.list_tags_with_counts(session)] == names


@pytest.mark.parametrize(
    ("there", "same"),
    [
        ("food", " FOOD\u00a0"),
        ("Ärger", "a\u0308rger"),
        ("Straße", "STRASSE"),
        ("ΣΟΦΟΣ", "σοφος"),
        ("İstanbul", "i̇stanbul"),
        ("\ufb01sh", "FISH"),
    ],
)
async def test_names_are_the_same_in_any_case(editor: httpx.AsyncClient, there: str, same: str) -> None:
    assert (await editor.post(TAGS, json={"name": there, "category": "x"})).status_code == 201
    again = await editor.post(TAGS, json={"name": same, "category": "y"})
    assert (again.status_code, again.json()["code"]) == (409, "tag_exists")


async def test_a_dotted_capital_i_is_no_i(editor: httpx.AsyncClient) -> None:
    names = ["İzmir", "izmir", "\u0131zmir"]
    answers = [await editor.post(TAGS, json={"name": name, "category": "x"}) for name in names]
    assert [answer.status_code for answer in answers] == [201] * 3


async def test_a_name_may_change_its_case(editor: httpx.AsyncClient, committing: Database) -> None:
    food, work = await tag_in(committing, "food"), await tag_in(committing, "work")
    assert (await editor.put(f"{TAGS}/{food}", json={"name": "Food"})).json()["name"] == "Food"
    taken = await editor.put(f"{TAGS}/{work}", json={"name": "FOOD"})
    assert (taken.status_code, taken.json()["code"]) == (409, "tag_exists")
    assert (await editor.get(f"{TAGS}/{work}")).json()["name"] == "work"


async def test_the_same_tag_is_added_once_at_the_same_time(editor: httpx.AsyncClient) -> None:
    tag = {"name": "food", "category": "topic"}
    answers = await asyncio.gather(*(editor.post(TAGS, json=tag) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": ""}, "#/name"),
        ({"name": " \t "}, "#/name"),
        ({"name": "x" * 101}, "#/name"),
        ({"name": "a\nb"}, "#/name"),
        ({"name": "a\x00"}, "#/name"),
        ({"name": "\ud800"}, "#/name"),
        ({"name": None}, "#/name"),
        ({"name": ["food"]}, "#/name"),
        ({"category": None}, "#/category"),
        ({"category": ""}, "#/category"),
        ({"category": 7}, "#/category"),
    ],
)
async def test_a_tag_that_makes_no_sense_is_refused(
    editor: httpx.AsyncClient, committing: Database, fields: dict[str, Any], pointer: str
) -> None:
    tag_id = await tag_in(committing)
    body = json.dumps({"name": "n", "category": "c"} | fields)
    headers = {"Content-Type": "application/json"}
    for method, path in (("POST", TAGS), ("PUT", f"{TAGS}/{tag_id}")):
        answer = await editor.request(method, path, content=body, headers=headers)
        assert answer.status_code == 422, answer.text
        assert pointer in [error["pointer"] for error in answer.json()["errors"]]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_tag_that_is_not_there(editor: httpx.AsyncClient, method: str) -> None:
    body = {"json": {"name": "x"}} if method == "PUT" else {}
    answer = await editor.request(method, f"{TAGS}/{NOBODYS}", **body)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (404, "tag_not_found")
    assert (await editor.request(method, f"{TAGS}/x", **body)).status_code == 422  # type: ignore[arg-type]


async def test_a_tag_in_use_is_not_deleted(editor: httpx.AsyncClient, committing: Database, add: Add) -> None:
    async with committing.transaction() as session:
        speech_id = await add(session, tags=("food",))
    [tag] = (await editor.get(TAGS)).json()["tags"]
    answer = await editor.delete(f"{TAGS}/{tag['id']}")
    assert (answer.status_code, answer.json()["code"]) == (409, "tag_in_use")
    async with committing.transaction() as session:
        await commands.apply_speech_change(session, speech_id, SpeechChange(tag_ids=frozenset()))
    assert (await editor.delete(f"{TAGS}/{tag['id']}")).status_code == 204


async def test_a_tag_is_not_deleted_while_a_speech_takes_it(committing: Database, add: Add) -> None:
    tag_id = await tag_in(committing)
    async with committing.transaction() as taking:
        await add(taking, tag_ids=frozenset({tag_id}))
        deleting = asyncio.create_task(delete_in(committing, tag_id))
        done, _ = await asyncio.wait({deleting}, timeout=0.2)
        assert not done
    with pytest.raises(TagInUse):
        await deleting


async def delete_in(database: Database, tag_id: UUID) -> None:
    async with database.transaction() as session:
        await commands.delete_tag(session, tag_id)


async def test_the_same_tags_are_added_in_any_order_at_the_same_time(committing: Database) -> None:
    async def create(names: str) -> dict[str, UUID]:
        async with committing.transaction() as session:
            return await commands.create_tags(session, dict.fromkeys(names, "topic"))

    async with committing.transaction() as holding:
        await commands.create_tags(holding, {"m": "topic"})
        # Stopped half-way, two that kept to their own order would have what the other needs next.
        creating = [asyncio.create_task(create(names)) for names in ("amz", "zma")]
        done, _ = await asyncio.wait(creating, timeout=0.2)
        assert not done
    first, second = await asyncio.gather(*creating)
    assert first == second


async def test_what_changes_nothing_tells_nothing(session: AsyncSession, add: Add) -> None:
    await add(session, tags=("food",))
    tag_id = (await commands.create_tags(session, {"food": "other"}))["food"]
    await session.execute(delete(OutboxEvent))
    await commands.update_tag(session, tag_id, TagUpdate())
    await commands.update_tag(session, tag_id, TagUpdate(name="food", category="topic"))
    assert await recorded(session, TagChanged) == []
    assert await recorded(session, TagRenamed) == []


async def test_commands_name_what_is_wrong(session: AsyncSession) -> None:
    await commands.create_tag(session, TagCreate(name="food", category="topic"))
    with pytest.raises(TagExists):
        await commands.create_tag(session, TagCreate(name="FOOD", category="topic"))
    with pytest.raises(TagNotFound):
        await commands.update_tag(session, uuid4(), TagUpdate(name="x"))
    with pytest.raises(TagNotFound):
        await commands.delete_tag(session, uuid4())


async def spread(database: Database) -> int:
    """Deliver the renames that wait in the outbox until none follows; how many there were."""
    deliveries = 0
    while True:
        async with database.transaction() as session:
            waiting = await recorded(session, TagRenamed)
        if len(waiting) == deliveries:
            return deliveries
        for event in waiting[deliveries:]:
            # Delivered twice, as may happen to any event.
            for _ in range(2):
                await apply(database, TagRenamed.queue_of("content"), event, on_tag_renamed)
        deliveries = len(waiting)


async def test_a_new_name_is_told_of_all_speeches_chunk_by_chunk(
    database: Database, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK_SIZE", 3)
    async with database.transaction() as session:
        carrying = {await add(session, tags=("food", "work")) for _ in range(7)}
        await add(session, tags=("work",))
        food = (await commands.create_tags(session, {"food": "topic"}))["food"]
        await commands.update_tag(session, food, TagUpdate(name="cooking"))
    assert await spread(database) == 3
    async with database.transaction() as session:
        told = [event.data for event in await recorded(session, SpeechUpdated)]
    assert {each.speech_id for each in told} == carrying
    assert [each.speech_id for each in told] == sorted(carrying)
    assert {each.revision for each in told} == {2}
    assert all([tag.name for tag in each.tags] == ["cooking", "work"] for each in told)


async def test_speeches_that_are_made_during_a_rename_get_the_new_name(
    committing: Database, add: Add
) -> None:
    tag_id = await tag_in(committing)
    async with committing.transaction() as making:
        speech_id = await add(making, tag_ids=frozenset({tag_id}))
        renaming = asyncio.create_task(rename_in(committing, tag_id, "cooking"))
        done, _ = await asyncio.wait({renaming}, timeout=0.2)
        # Its snapshot with the old name is on its way; the rename must find it.
        assert not done
    await renaming
    await spread(committing)
    async with committing.transaction() as session:
        [told] = await recorded(session, SpeechUpdated)
    assert (told.data.speech_id, [tag.name for tag in told.data.tags]) == (speech_id, ["cooking"])


async def test_a_rename_that_had_to_wait_finds_what_was_made_meanwhile(
    committing: Database, add: Add
) -> None:
    tag_id = await tag_in(committing)
    async with committing.transaction() as renaming:
        # Its transaction begins before that of the speech, and gets the tag after it.
        await renaming.execute(select(1))
        async with committing.transaction() as making:
            speech_id = await add(making, tag_ids=frozenset({tag_id}))
        await commands.update_tag(renaming, tag_id, TagUpdate(name="cooking"))
    await spread(committing)
    async with committing.transaction() as session:
        told = [event.data for event in await recorded(session, SpeechUpdated)]
    assert [(each.speech_id, each.tags[0].name) for each in told] == [(speech_id, "cooking")]


async def test_a_speech_that_was_made_after_a_rename_is_not_told_of_again(
    committing: Database, add: Add
) -> None:
    tag_id = await tag_in(committing)
    async with committing.transaction() as session:
        before = await add(session, tag_ids=frozenset({tag_id}))
    for name in ("cooking", "cuisine"):
        await rename_in(committing, tag_id, name)
    async with committing.transaction() as session:
        await add(session, tag_ids=frozenset({tag_id}))
    await spread(committing)
    async with committing.transaction() as session:
        told = [event.data for event in await recorded(session, SpeechUpdated)]
    # Once for both renames: the first to be spread finds the last name.
    assert [(each.speech_id, each.revision, each.tags[0].name) for each in told] == [(before, 2, "cuisine")]


async def rename_in(database: Database, tag_id: UUID, name: str) -> None:
    async with database.transaction() as session:
        await commands.update_tag(session, tag_id, TagUpdate(name=name))


async def test_renames_during_changes_end_with_the_last_name(
    committing: Database, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK_SIZE", 2)
    tag_id = await tag_in(committing)
    ids = []
    async with committing.transaction() as session:
        ids = [await add(session, tag_ids=frozenset({tag_id})) for _ in range(5)]

    async def edit(speech_id: UUID) -> None:
        async with committing.transaction() as session:
            await commands.apply_speech_change(session, speech_id, SpeechChange(text=f"Text {uuid4()}."))

    for name in ("one", "two", "three"):
        await asyncio.gather(rename_in(committing, tag_id, name), *map(edit, ids), spread(committing))
    await spread(committing)
    async with committing.transaction() as session:
        told = [event.data for event in await recorded(session, SpeechUpdated)]
    for speech_id in ids:
        revisions = sorted((each.revision, each.tags[0].name) for each in told if each.speech_id == speech_id)
        assert revisions[-1][1] == "three"
        assert all(later == earlier + 1 for (earlier, _), (later, _) in pairwise(revisions))
