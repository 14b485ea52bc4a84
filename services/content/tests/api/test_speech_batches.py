from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from content.commands.tags import create_tags
from contracts.content import SpeechUpdated
from shared.data.db import Database
from shared.testing import outbox_events

type Add = Callable[..., Awaitable[UUID]]

BATCH, SPEECHES = "/api/v1/admin/speeches:batch", "/api/v1/admin/speeches"


@pytest.fixture
async def tags(committed_database: Database) -> dict[str, str]:
    async with committed_database.transaction() as session:
        created = await create_tags(session, dict.fromkeys(("food", "work", "sea"), "topic"), actor=None)
    return {name: str(tag_id) for name, tag_id in created.items()}


@pytest.fixture
async def ids(committed_database: Database, add: Add, tags: dict[str, str]) -> list[str]:
    """A speech about food, and one about work."""
    async with committed_database.transaction() as session:
        return [str(await add(session, tags=(name,))) for name in ("food", "work")]


async def change(editor: httpx.AsyncClient, ids: list[str], **fields: Any) -> dict[str, Any]:
    response = await editor.post(BATCH, json={"speech_ids": ids, **fields})
    assert response.status_code == 200, response.text
    outcome: dict[str, Any] = response.json()
    return outcome


async def list_tag_names(editor: httpx.AsyncClient, speech_id: str) -> list[str]:
    return [tag["name"] for tag in (await editor.get(f"{SPEECHES}/{speech_id}")).json()["tags"]]


async def test_a_batch_adds_and_removes_tags(
    editor: httpx.AsyncClient,
    client: httpx.AsyncClient,
    committed_database: Database,
    ids: list[str],
    tags: dict[str, str],
) -> None:
    food_id, work_id = ids
    assert (await client.get(f"/api/v1/speeches/{food_id}")).status_code == 200
    deleted_id = str(uuid4())
    changes = {"add_tag_ids": [tags["work"], tags["sea"]], "remove_tag_ids": [tags["food"]]}
    outcome = await change(editor, [food_id, deleted_id, work_id, food_id], **changes)
    assert (outcome["changed"], outcome["unchanged"]) == ([food_id, work_id], [])
    assert [(skip["id"], skip["code"]) for skip in outcome["skipped"]] == [(deleted_id, "speech_not_found")]
    assert await list_tag_names(editor, food_id) == await list_tag_names(editor, work_id) == ["sea", "work"]
    # The read above has cached it.
    cached = (await client.get(f"/api/v1/speeches/{food_id}")).json()
    assert [tag["name"] for tag in cached["tags"]] == ["sea", "work"]
    again = await change(editor, ids, **changes)
    assert (again["changed"], again["unchanged"]) == ([], ids)
    async with committed_database.transaction() as session:
        published = [event.data for event in await outbox_events(session, SpeechUpdated)]
    assert sorted(str(snapshot.speech_id) for snapshot in published) == sorted(ids)
    assert {snapshot.revision for snapshot in published} == {2}
    assert {tuple(tag.name for tag in snapshot.tags) for snapshot in published} == {("sea", "work")}


async def test_a_batch_archives_and_restores_speeches(
    editor: httpx.AsyncClient, committed_database: Database, ids: list[str], tags: dict[str, str]
) -> None:
    first = await change(editor, ids[:1], archived=True)
    assert first["changed"] == ids[:1]
    both = await change(editor, ids, archived=True)
    assert (both["changed"], both["unchanged"]) == (ids[1:], ids[:1])
    assert (await editor.get(SPEECHES)).json()["speeches"] == []
    restored = await change(editor, ids, archived=False, add_tag_ids=[tags["work"]])
    assert restored["changed"] == ids
    assert await list_tag_names(editor, ids[0]) == ["food", "work"]
    async with committed_database.transaction() as session:
        published = [event.data for event in await outbox_events(session, SpeechUpdated)]
    assert [snapshot.archived_at is None for snapshot in published] == [False, False, True, True]


async def test_each_change_of_a_batch_is_audited(
    app: Any, editor: httpx.AsyncClient, ids: list[str], tags: dict[str, str], token_for: Any
) -> None:
    await change(editor, ids, archived=True, remove_tag_ids=[tags["work"]])
    headers = {"Authorization": f"Bearer {token_for(uuid4(), 'admin')}"}
    log = (await editor.get("/api/v1/admin/content/audit", headers=headers)).json()["entries"]
    audited = {(entry["subject_id"], entry["action"]) for entry in log if entry["actor_id"] is not None}
    assert audited == {
        *((speech_id, "speech_archived") for speech_id in ids),
        (ids[1], "speech_updated"),
    }


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"speech_ids": []}, "#/speech_ids"),
        ({"speech_ids": [str(uuid4())] * 501}, "#/speech_ids"),
        ({"speech_ids": ["x"]}, "#/speech_ids/0"),
        ({"archived": "true"}, "#/archived"),
        ({"archived": None}, "#"),
        ({"add_tag_ids": [str(UUID(int=1))], "remove_tag_ids": [str(UUID(int=1))]}, "#"),
        ({"add_tag_ids": [str(UUID(int=1))]}, "#/tag_ids"),
        ({"tags": []}, "#/tags"),
    ],
)
async def test_an_invalid_batch_changes_nothing(
    editor: httpx.AsyncClient, ids: list[str], fields: dict[str, Any], pointer: str
) -> None:
    response = await editor.post(BATCH, json={"speech_ids": ids, "archived": True} | fields)
    assert response.status_code == 422, response.text
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
    assert len((await editor.get(SPEECHES)).json()["speeches"]) == 2


async def test_learners_cannot_send_batch_updates(client: httpx.AsyncClient) -> None:
    assert (await client.post(BATCH, json={"speech_ids": [str(uuid4())]})).status_code == 403
