from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from shared.data.cache import Cache
from shared.testing import TokenFor, api_client

SPEECHES, TAGS, AUDIT = "/api/v1/admin/speeches", "/api/v1/admin/tags", "/api/v1/admin/content/audit"


@pytest.fixture
async def admin(app: FastAPI, cache: Cache, token_for: TokenFor) -> AsyncIterator[httpx.AsyncClient]:
    async with api_client(app, token=token_for(uuid4(), "admin")) as client:
        yield client


@pytest.fixture
def author() -> UUID:
    return uuid4()


@pytest.fixture
async def editor(
    app: FastAPI, cache: Cache, token_for: TokenFor, author: UUID
) -> AsyncIterator[httpx.AsyncClient]:
    async with api_client(app, token=token_for(author, "editor")) as client:
        yield client


async def list_entries(admin: httpx.AsyncClient, **filters: Any) -> list[dict[str, Any]]:
    response = await admin.get(AUDIT, params=filters)
    assert response.status_code == 200, response.text
    entries: list[dict[str, Any]] = response.json()["entries"]
    return entries[::-1]


async def test_every_change_of_a_speech_is_audited(
    admin: httpx.AsyncClient, editor: httpx.AsyncClient, author: UUID, key: str
) -> None:
    tag = (await editor.post(TAGS, json={"name": "travel", "category": "topic"})).json()["id"]
    fields = {"text": "Is it far?", "level": "A1", "type": "question", "audio_key": key}
    speech = (await editor.post(SPEECHES, json=fields)).json()
    path = f"{SPEECHES}/{speech['id']}"
    await editor.put(path, json={"text": "How far is it?", "level": "A1", "tag_ids": [tag]})
    await editor.put(path, json={"archived": True, "level": "B1"})
    await editor.put(path, json={"archived": False})
    await editor.delete(path)
    entries = await list_entries(admin, subject_id=speech["id"])
    created = {**fields, "duration_ms": 522, "tag_ids": []}
    deleted = created | {"text": "How far is it?", "level": "B1", "tag_ids": [tag]}
    assert [(entry["action"], entry["before"], entry["after"]) for entry in entries] == [
        ("speech_created", None, created),
        (
            "speech_updated",
            {"text": "Is it far?", "tag_ids": []},
            {"text": "How far is it?", "tag_ids": [tag]},
        ),
        ("speech_updated", {"level": "A1"}, {"level": "B1"}),
        ("speech_archived", {"archived": False}, {"archived": True}),
        ("speech_restored", {"archived": True}, {"archived": False}),
        ("speech_deleted", deleted, None),
    ]
    assert {entry["actor_id"] for entry in entries} == {str(author)}


async def test_every_change_of_a_tag_is_audited(
    admin: httpx.AsyncClient, editor: httpx.AsyncClient, author: UUID
) -> None:
    tag = (await editor.post(TAGS, json={"name": "travel", "category": "topic"})).json()["id"]
    await editor.put(f"{TAGS}/{tag}", json={"name": "Travel", "category": "topic"})
    await editor.delete(f"{TAGS}/{tag}")
    entries = await list_entries(admin, subject_id=tag)
    assert [(entry["action"], entry["before"], entry["after"]) for entry in entries] == [
        ("tag_created", None, {"name": "travel", "category": "topic"}),
        ("tag_updated", {"name": "travel"}, {"name": "Travel"}),
        ("tag_deleted", {"name": "Travel", "category": "topic"}, None),
    ]
    assert {entry["actor_id"] for entry in entries} == {str(author)}
    assert len(await list_entries(admin, action="tag_updated")) == 1


async def test_unchanged_and_refused_updates_are_not_audited(
    admin: httpx.AsyncClient, editor: httpx.AsyncClient, speech_id: UUID
) -> None:
    before = await list_entries(admin)
    tag = (await editor.get(f"{SPEECHES}/{speech_id}")).json()["tags"][0]
    path, of_tag = f"{SPEECHES}/{speech_id}", f"{TAGS}/{tag['id']}"
    assert (await editor.put(path, json={"text": "Is it far?", "archived": False})).status_code == 200
    assert (await editor.put(of_tag, json={"name": tag["name"]})).status_code == 200
    refused = [
        await editor.put(path, json={"text": "Is it near?"}, headers={"If-Match": '"9"'}),
        await editor.put(path, json={"text": "Is it near?", "tag_ids": [str(uuid4())]}),
        await editor.delete(path, headers={"If-Match": '"9"'}),
        await editor.delete(of_tag),
        await editor.post(TAGS, json={"name": tag["name"].upper(), "category": "topic"}),
    ]
    assert [response.status_code for response in refused] == [412, 422, 412, 409, 409]
    assert await list_entries(admin) == before


async def test_only_admins_can_read_the_audit_log(
    admin: httpx.AsyncClient, editor: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    assert (await admin.get(AUDIT)).status_code == 200
    for other in (editor, client):
        response = await other.get(AUDIT)
        assert (response.status_code, response.json()["code"]) == (403, "forbidden")


async def test_the_audit_log_is_paged_by_cursor(admin: httpx.AsyncClient, editor: httpx.AsyncClient) -> None:
    for name in ("a", "b", "c"):
        await editor.post(TAGS, json={"name": name, "category": "topic"})
    first = (await admin.get(AUDIT, params={"limit": 2})).json()
    cursor = first["pagination"]["next_cursor"]
    second = (await admin.get(AUDIT, params={"limit": 2, "cursor": cursor})).json()
    names = [entry["after"]["name"] for page in (first, second) for entry in page["entries"]]
    assert (names, second["pagination"]["next_cursor"]) == (["c", "b", "a"], None)
