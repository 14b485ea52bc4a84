import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from content.commands import tag_merges
from content.commands.speeches import apply_speech_change
from content.commands.tag_merges import MergeTags, merge_tag
from content.commands.tags import create_tags
from content.domain.speeches import SpeechChange
from content.errors import TagBeingMerged
from content.jobs import on_merge_tags
from content.models import SpeechTag, Tag
from contracts.content import SpeechUpdated
from shared.data.db import Database
from shared.messaging.inbox import apply_once
from shared.testing import OutboxJobs, outbox_events
from sqlalchemy import select

type Add = Callable[..., Awaitable[UUID]]
type Deliver = Callable[[Database], Coroutine[Any, Any, int]]

TAGS, SPEECHES = "/api/v1/admin/tags", "/api/v1/admin/speeches"


@pytest.fixture
def deliver(outbox_jobs: OutboxJobs) -> Deliver:
    """Delivers merge jobs, each twice, until the outbox is empty; returns their number."""

    async def deliver(database: Database) -> int:
        deliveries = 0
        while True:
            async with database.transaction() as session:
                waiting = await outbox_jobs(session, MergeTags)
            if len(waiting) == deliveries:
                return deliveries
            for job in waiting[deliveries:]:
                for _ in range(2):
                    await apply_once(database, job.get_queue(), job, on_merge_tags)
            deliveries = len(waiting)

    return deliver


async def commit_tags(database: Database, *names: str) -> dict[str, UUID]:
    async with database.transaction() as session:
        return await create_tags(session, dict.fromkeys(names, "topic"), actor=None)


async def get_carried_tags(database: Database) -> dict[UUID, set[UUID]]:
    tag_ids: dict[UUID, set[UUID]] = {}
    async with database.transaction() as session:
        for speech_id, tag_id in await session.execute(select(SpeechTag.speech_id, SpeechTag.tag_id)):
            tag_ids.setdefault(speech_id, set()).add(tag_id)
    return tag_ids


async def test_a_merge_adds_the_other_tag_to_speeches(
    editor: httpx.AsyncClient,
    committed_database: Database,
    add: Add,
    deliver: Deliver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tag_merges, "CHUNK_SIZE", 2)
    tags = await commit_tags(committed_database, "meals", "food", "work")
    async with committed_database.transaction() as session:
        merged = [
            await add(session, tags=names) for names in (("meals",), ("meals", "food"), ("meals", "work"))
        ]
        other = await add(session, tags=("work",))
        await apply_speech_change(session, merged[0], SpeechChange(archived=True), actor=None)
    path = f"{TAGS}/{tags['meals']}/merge"
    response = await editor.post(path, json={"into_tag_id": str(tags["food"])})
    assert (response.status_code, response.json()["name"]) == (202, "food")
    # Editors and learners no longer see the tag, although its speeches have not been moved yet.
    for list_path in (TAGS, "/api/v1/tags"):
        names = [tag["name"] for tag in (await editor.get(list_path)).json()["tags"]]
        assert names == ["food", "work"]
    assert (await editor.get(f"{TAGS}/{tags['meals']}")).status_code == 404
    again = await editor.post(path, json={"into_tag_id": str(tags["food"])})
    assert again.status_code == 202
    assert await deliver(committed_database) == 2
    food_id, work_id = tags["food"], tags["work"]
    assert await get_carried_tags(committed_database) == {
        merged[0]: {food_id},
        merged[1]: {food_id},
        merged[2]: {food_id, work_id},
        other: {work_id},
    }
    async with committed_database.transaction() as session:
        assert tags["meals"] not in set(await session.scalars(select(Tag.id)))
        published = [event.data for event in await outbox_events(session, SpeechUpdated)]
    last = {speech.speech_id: {tag.id for tag in speech.tags} for speech in published}
    assert last == {merged[0]: {food_id}, merged[1]: {food_id}, merged[2]: {food_id, work_id}}
    late = await editor.post(path, json={"into_tag_id": str(food_id)})
    assert (late.status_code, late.json()["code"]) == (404, "tag_not_found")


async def test_a_merge_is_audited_once(
    editor: httpx.AsyncClient, committed_database: Database, token_for: Callable[..., str]
) -> None:
    tags = await commit_tags(committed_database, "meals", "food")
    for _ in range(2):
        await editor.post(f"{TAGS}/{tags['meals']}/merge", json={"into_tag_id": str(tags["food"])})
    headers = {"Authorization": f"Bearer {token_for(uuid4(), 'admin')}"}
    log = (await editor.get("/api/v1/admin/content/audit", headers=headers)).json()["entries"]
    [entry] = [entry for entry in log if entry["action"] == "tag_merged"]
    assert entry["subject_id"] == str(tags["meals"])
    assert entry["before"] == {"name": "meals", "category": "topic"}
    assert entry["after"] == {"merged_into": str(tags["food"])}


async def test_a_speech_tagged_during_the_merge_is_moved(
    committed_database: Database, add: Add, deliver: Deliver
) -> None:
    tags = await commit_tags(committed_database, "meals", "food")
    async with committed_database.transaction() as session:
        await merge_tag(session, tags["meals"], into_tag_id=tags["food"], actor=None)
    async with committed_database.transaction() as session:
        # From a form opened before the merge, and by an import.
        late = await add(session, tag_ids=frozenset({tags["meals"]}))
        imported = await add(session, tags=("Meals",))
    await deliver(committed_database)
    assert await get_carried_tags(committed_database) == {late: {tags["food"]}, imported: {tags["food"]}}


async def test_a_speech_tagged_at_the_end_of_the_merge_is_moved(
    committed_database: Database, add: Add, deliver: Deliver
) -> None:
    tags = await commit_tags(committed_database, "meals", "food")
    async with committed_database.transaction() as session:
        await merge_tag(session, tags["meals"], into_tag_id=tags["food"], actor=None)
    async with committed_database.transaction() as taking:
        late = await add(taking, tag_ids=frozenset({tags["meals"]}))
        delivering = asyncio.create_task(deliver(committed_database))
        done, _ = await asyncio.wait({delivering}, timeout=0.2)
        assert not done
    await delivering
    assert await get_carried_tags(committed_database) == {late: {tags["food"]}}


async def test_merges_cannot_be_chained(committed_database: Database) -> None:
    tags = await commit_tags(committed_database, "a", "b", "c")

    async def merge(tag: str, target: str) -> None:
        async with committed_database.transaction() as session:
            await merge_tag(session, tags[tag], into_tag_id=tags[target], actor=None)

    await merge("a", "b")
    for tag, target in (("b", "a"), ("b", "c"), ("c", "a"), ("a", "c")):
        with pytest.raises(TagBeingMerged):
            await merge(tag, target)
    await merge("c", "b")


async def test_an_invalid_merge_is_refused(editor: httpx.AsyncClient, committed_database: Database) -> None:
    tags = {name: str(tag_id) for name, tag_id in (await commit_tags(committed_database, "a", "b")).items()}
    for tag, target, status, code in (
        (tags["a"], tags["a"], 422, "validation_failed"),
        (tags["a"], str(uuid4()), 422, "unknown_tag"),
        (tags["a"], "x", 422, "validation_failed"),
        (str(uuid4()), tags["a"], 404, "tag_not_found"),
    ):
        response = await editor.post(f"{TAGS}/{tag}/merge", json={"into_tag_id": target})
        assert (response.status_code, response.json()["code"]) == (status, code)
    assert len((await editor.get(TAGS)).json()["tags"]) == 2
