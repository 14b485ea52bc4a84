"""Archiving and restoring of speeches."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from content.commands.tags import PropagateTagName, propagate_tag_name
from contracts.content import SpeechUpdated
from fastapi import FastAPI
from shared.data.db import Database
from shared.testing import outbox_events

SPEECHES, TAGS = "/api/v1/admin/speeches", "/api/v1/admin/tags"


async def archive(editor: httpx.AsyncClient, speech_id: UUID, archived: bool = True) -> dict[str, Any]:
    response = await editor.put(f"{SPEECHES}/{speech_id}", json={"archived": archived})
    assert response.status_code == 200, response.text
    changed: dict[str, Any] = response.json()
    return changed


async def list_updates(database: Database) -> list[SpeechUpdated]:
    async with database.transaction() as session:
        return await outbox_events(session, SpeechUpdated)


async def test_a_speech_is_archived_and_restored(
    editor: httpx.AsyncClient, committed_database: Database, speech_id: UUID
) -> None:
    before = (await editor.get(f"{SPEECHES}/{speech_id}")).json()
    assert (before["archived"], before["archived_at"]) == (False, None)
    archived = await archive(editor, speech_id)
    assert (archived["archived"], archived["revision"]) == (True, 2)
    assert archived["archived_at"] == archived["updated_at"]
    restored = await archive(editor, speech_id, False)
    assert restored == before | {"revision": 3, "updated_at": restored["updated_at"]}
    first, second = await list_updates(committed_database)
    assert first.data.archived_at is not None
    assert (first.data.archived_at.isoformat(), first.data.revision) == (
        archived["archived_at"].replace("Z", "+00:00"),
        2,
    )
    assert (second.data.archived_at, second.data.revision) == (None, 3)


@pytest.mark.parametrize("archived", [True, False])
async def test_archiving_or_restoring_again_changes_nothing(
    editor: httpx.AsyncClient, committed_database: Database, speech_id: UUID, archived: bool
) -> None:
    await archive(editor, speech_id)
    changed = await archive(editor, speech_id, archived)
    events = len(await list_updates(committed_database))
    assert await archive(editor, speech_id, archived) == changed
    assert len(await list_updates(committed_database)) == events


async def test_archived_speeches_are_listed_only_on_request(
    editor: httpx.AsyncClient, committed_database: Database, speech_id: UUID
) -> None:
    [tag, _] = (await editor.get(f"{SPEECHES}/{speech_id}")).json()["tags"]
    await archive(editor, speech_id)
    filters: tuple[dict[str, str], ...] = (
        {},
        {"search": "far"},
        {"level": "A1"},
        {"type": "question", "tag_id": tag["id"]},
    )
    for speech_filter in filters:
        for archived, expected_count in ((None, 0), ("false", 0), ("true", 1), ("all", 1)):
            params = speech_filter | ({"archived": archived} if archived else {})
            page = (await editor.get(SPEECHES, params=params)).json()
            assert (len(page["speeches"]), page["pagination"]["total"]) == (expected_count, expected_count), (
                params
            )
    await archive(editor, speech_id, False)
    for archived, expected_count in ((None, 1), ("true", 0), ("all", 1)):
        page = (await editor.get(SPEECHES, params={"archived": archived} if archived else {})).json()
        assert len(page["speeches"]) == expected_count


async def test_an_archived_speech_can_be_read_but_not_drawn(
    app: FastAPI, speech_id: UUID, editor: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    draw = {"level": "A1", "limit": 1}
    assert (await client.post("/api/v1/game/speeches/random", json=draw)).status_code == 200
    await archive(editor, speech_id)
    # Before and after the catalogue is refreshed.
    for _ in range(2):
        response = await client.post("/api/v1/game/speeches/random", json=draw)
        assert (response.status_code, response.json()["code"]) == (404, "no_speeches_match")
        await app.state.catalogue.refresh()
    assert (await client.get(f"/api/v1/speeches/{speech_id}")).status_code == 200
    await archive(editor, speech_id, False)
    await app.state.catalogue.refresh()
    assert (await client.post("/api/v1/game/speeches/random", json=draw)).status_code == 200


async def test_archiving_an_older_revision_is_refused(editor: httpx.AsyncClient, speech_id: UUID) -> None:
    await archive(editor, speech_id)
    response = await editor.put(
        f"{SPEECHES}/{speech_id}", json={"archived": False}, headers={"If-Match": '"1"'}
    )
    assert (response.status_code, response.json()["code"]) == (412, "changed_meanwhile")


@pytest.mark.parametrize("archived", [None, "true", 1, "2026-01-01T00:00:00Z", {}])
async def test_archived_must_be_a_boolean(
    editor: httpx.AsyncClient, speech_id: UUID, archived: object
) -> None:
    response = await editor.put(f"{SPEECHES}/{speech_id}", json={"archived": archived})
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "#/archived")


@pytest.mark.parametrize("archived", ["", "yes", "1", "TRUE"])
async def test_an_unknown_filter_for_archived_speeches_is_refused(
    editor: httpx.AsyncClient, archived: str
) -> None:
    response = await editor.get(SPEECHES, params={"archived": archived})
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "#/query/archived")


async def test_a_tag_of_an_archived_speech_is_in_use(editor: httpx.AsyncClient, speech_id: UUID) -> None:
    [tag, _] = (await archive(editor, speech_id))["tags"]
    assert (await editor.get(f"{TAGS}/{tag['id']}")).json()["speech_count"] == 1
    assert (await editor.delete(f"{TAGS}/{tag['id']}")).json()["code"] == "tag_in_use"


async def test_renaming_a_tag_updates_archived_speeches(
    editor: httpx.AsyncClient, committed_database: Database, speech_id: UUID, outbox_jobs: Any
) -> None:
    archived = await archive(editor, speech_id)
    await editor.put(f"{TAGS}/{archived['tags'][0]['id']}", json={"name": "meals"})
    async with committed_database.transaction() as session:
        [job] = await outbox_jobs(session, PropagateTagName)
        await propagate_tag_name(session, job)
    *_, renamed = await list_updates(committed_database)
    assert "meals" in [tag.name for tag in renamed.data.tags]
    assert renamed.data.archived_at is not None


async def test_an_archived_speech_can_be_changed_and_deleted(
    editor: httpx.AsyncClient, speech_id: UUID
) -> None:
    await archive(editor, speech_id)
    changed = (await editor.put(f"{SPEECHES}/{speech_id}", json={"text": "Is it near?"})).json()
    assert (changed["text"], changed["archived"]) == ("Is it near?", True)
    assert (await editor.delete(f"{SPEECHES}/{speech_id}")).status_code == 204
