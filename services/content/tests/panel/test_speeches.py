import asyncio
import html
import re
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from content.commands.speeches import apply_speech_change
from content.commands.tags import create_tags
from content.domain.speeches import SpeechChange
from content.models import Speech
from content.panel.speeches import SpeechView
from content.search import ranking, sorting
from contracts.content import SpeechCreated, SpeechDeleted, SpeechUpdated
from shared.data.audit_log import AuditEntry
from shared.data.db import Database
from shared.data.storage import Storage
from shared.testing import find_hidden_fields, outbox_events
from sqlalchemy import func, select

type Add = Callable[..., Awaitable[UUID]]
type Send = Callable[..., Awaitable[httpx.Response]]

SPEECHES = "/admin/content/speeches"


async def get_stored(database: Database, speech_id: UUID) -> Speech:
    async with database.transaction() as session:
        return await session.get_one(Speech, speech_id)


async def commit_tag(database: Database, name: str) -> str:
    async with database.transaction() as session:
        return str((await create_tags(session, {name: "topic"}, actor=None))[name])


def create_fields(key: str, **overrides: Any) -> dict[str, Any]:
    return {"text": "Is it far?", "level": "A1", "type": "question", "audio_key": key, **overrides}


def select_rows(page: str, ids: list[UUID]) -> dict[str, Any]:
    return {**find_hidden_fields(page), "ids": [str(speech_id) for speech_id in ids]}


async def test_a_speech_created_in_the_panel_is_published_and_audited(
    panel: httpx.AsyncClient, send: Send, committed_database: Database, key: str, editor_id: UUID
) -> None:
    tag_id = await commit_tag(committed_database, "travel")
    created = await send(f"{SPEECHES}/create", **create_fields(key, tag_ids=[tag_id]))
    assert created.status_code == 303, created.text
    page = await panel.get(created.headers["location"])
    assert "Is it far?" in page.text
    assert "travel" in page.text
    assert 'preload="none"' in page.text
    async with committed_database.transaction() as session:
        [event] = await outbox_events(session, SpeechCreated)
        assert (event.data.duration_ms, [tag.name for tag in event.data.tags]) == (522, ["travel"])
        entries = await session.scalars(select(AuditEntry).where(AuditEntry.actor_id == editor_id))
        assert [entry.action for entry in entries] == ["speech_created"]


async def test_submitting_a_form_again_creates_nothing(
    panel: httpx.AsyncClient, committed_database: Database, key: str
) -> None:
    page = await panel.get(f"{SPEECHES}/create")
    data = {**find_hidden_fields(page.text), **create_fields(key)}
    responses = await asyncio.gather(*(panel.post(f"{SPEECHES}/create", data=data) for _ in range(3)))
    assert [response.status_code for response in responses] == [303] * 3
    async with committed_database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Speech)) == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"text": ""}, "Enter the spoken text"),
        ({"text": "x" * 5_001}, "5000"),
        ({"level": "C9"}, "Not a valid choice"),
        ({"audio_key": ""}, "Upload or record"),
        ({"audio_key": "uploads/gone.mp3"}, "no recording was uploaded"),
        ({"audio_key": "secrets/x"}, "must begin with"),
        ({"tag_ids": [str(UUID(int=1))]}, "there is no tag"),
        ({"tag_ids": ["x"]}, "UUID"),
    ],
)
async def test_errors_are_shown_next_to_their_fields(
    send: Send, committed_database: Database, key: str, wrong: dict[str, Any], message: str
) -> None:
    response = await send(f"{SPEECHES}/create", **{**create_fields(key), **wrong})
    assert response.status_code in {400, 422}
    [name] = wrong
    errors = re.search(rf'<ul class="errors" id="{name}-errors">(.*?)</ul>', response.text, re.S)
    assert errors is not None, response.text
    assert message.lower() in errors[1].lower()
    async with committed_database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Speech)) == 0


async def test_a_speech_is_edited(
    panel: httpx.AsyncClient, send: Send, committed_database: Database, speech_id: UUID
) -> None:
    # Its recording is missing, but the text can still be changed.
    fields = create_fields("seed/far.mp3", text="How far is it?", level="B1")
    edited = await send(f"{SPEECHES}/{speech_id}/edit", **fields)
    assert edited.status_code == 303, edited.text
    speech = await get_stored(committed_database, speech_id)
    assert (speech.text, speech.level, speech.revision) == ("How far is it?", "B1", 2)
    async with committed_database.transaction() as session:
        [event] = await outbox_events(session, SpeechUpdated)
    assert event.data.tags == []


async def test_conflicting_edits_show_both_versions(
    panel: httpx.AsyncClient, committed_database: Database, speech_id: UUID
) -> None:
    address = f"{SPEECHES}/{speech_id}/edit"
    opened = find_hidden_fields((await panel.get(address)).text)
    async with committed_database.transaction() as session:
        tags = await create_tags(session, {"their tag": "topic"}, actor=None)
        change = SpeechChange(text="Theirs is this text.", level="C1", tag_ids=frozenset(tags.values()))
        await apply_speech_change(session, speech_id, change, actor=uuid4())
    own_input = {**create_fields("seed/far.mp3"), "text": "Mine is that text."}
    conflict = await panel.post(address, data={**opened, **own_input})
    assert conflict.status_code == 409
    assert "Theirs is this text." in conflict.text
    assert "Mine is that text." in conflict.text
    assert "their tag" in conflict.text
    assert (await get_stored(committed_database, speech_id)).text == "Theirs is this text."
    saved = await panel.post(address, data={**find_hidden_fields(conflict.text), **own_input})
    assert saved.status_code == 303
    assert (await get_stored(committed_database, speech_id)).text == "Mine is that text."


async def test_html_in_a_text_is_escaped(
    panel: httpx.AsyncClient, committed_database: Database, add: Add
) -> None:
    attack = "<script>alert(1)</script>\"'>"
    async with committed_database.transaction() as session:
        speech_id = await add(session, text=attack)
    for address in (SPEECHES, f"{SPEECHES}/{speech_id}", f"{SPEECHES}/{speech_id}/edit"):
        page = (await panel.get(address)).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page


async def test_the_list_can_be_filtered_searched_and_sorted(
    panel: httpx.AsyncClient, committed_database: Database, add: Add
) -> None:
    async with committed_database.transaction() as session:
        await add(session, text="A red train.", level="B1", tags=("travel",))
        bus = await add(session, text="A bus.", level="A1")
        await apply_speech_change(session, bus, SpeechChange(archived=True), actor=None)
    travel = await commit_tag(committed_database, "travel")

    async def find_texts(query: str) -> list[str]:
        page = (await panel.get(f"{SPEECHES}?{query}")).text
        return [
            text for text in ("A red train.", "A bus.") if f"{text}</a>" in re.sub(r"\s+</a>", "</a>", page)
        ]

    for query in (
        "",
        "level=B1",
        f"tag={travel}",
        "search=trains",
        "type=question",
        "sort=text",
        "sort=-text",
    ):
        assert await find_texts(query) == ["A red train."]
    assert await find_texts("archived=true") == ["A bus."]
    assert await find_texts("archived=all&sort=text") == ["A red train.", "A bus."]
    assert (
        await find_texts("level=C2")
        == await find_texts("audio=missing")
        == await find_texts("sort=plays")
        == []
    )


@pytest.mark.parametrize(
    "query",
    [
        "page=10000",
        "page=x",
        "level=Z9",
        "tag=x",
        "sort=id",
        "cursor=x",
        f"search={'x' * 10_000}",
        "search=%26",
    ],
)
async def test_an_invalid_list_query_shows_an_alert(panel: httpx.AsyncClient, query: str) -> None:
    page = await panel.get(f"{SPEECHES}?{query}")
    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert "Internal" not in page.text


async def test_an_action_changes_all_selected_speeches(
    panel: httpx.AsyncClient, committed_database: Database, add: Add
) -> None:
    async with committed_database.transaction() as session:
        ids = [await add(session, text=f"Text {number}.") for number in range(3)]
    tag_id = await commit_tag(committed_database, "travel")

    async def act(action: str, **fields: Any) -> str:
        page = (await panel.get(f"{SPEECHES}?archived=all")).text
        data = {**select_rows(page, [*ids, uuid4()]), **fields}
        response = await panel.post(f"{SPEECHES}/actions/{action}", data=data)
        assert response.status_code == 303, response.text
        return (await panel.get(response.headers["location"])).text

    assert "Changed: 3. The others" in await act("add-tag", tag_id=tag_id)
    assert "Nothing was changed" in await act("add-tag", tag_id=tag_id)
    assert '<div class="message warning" role="status" data-message>Choose a tag first.' in await act(
        "remove-tag", tag_id=""
    )
    assert "Changed: 3." in await act("archive")
    assert (await get_stored(committed_database, ids[0])).archived
    assert "Changed: 3." in await act("restore")
    assert "Changed: 3." in await act("remove-tag", tag_id=tag_id)
    async with committed_database.transaction() as session:
        assert len(await outbox_events(session, SpeechUpdated)) == 12


@pytest.mark.parametrize("query", ["sort=text", "search=x"])
async def test_page_links_reach_the_whole_list(
    panel: httpx.AsyncClient,
    committed_database: Database,
    add: Add,
    monkeypatch: pytest.MonkeyPatch,
    query: str,
) -> None:
    # Pages beyond these limits can be reached only one after another.
    monkeypatch.setattr(sorting, "MAX_SORTED_OFFSET", 2)
    monkeypatch.setattr(ranking, "MAX_RANKED", 2)
    monkeypatch.setattr(SpeechView, "limit", 1)
    async with committed_database.transaction() as session:
        for number in range(5):
            await add(session, text=f"x {number}")
    address, before = f"{SPEECHES}?{query}", []
    while address:
        page = (await panel.get(address)).text
        links = {rel: html.unescape(link) for rel, link in re.findall(r'rel="(\w+)" href="([^"]+)"', page)}
        before.append(links.get("prev"))
        address = links.get("next", "")
    assert [link is not None for link in before] == [False, True, True, False, False]
    for link in filter(None, before):
        assert (await panel.get(link)).status_code == 200


async def test_a_speech_is_deleted(
    send: Send, committed_database: Database, speech_id: UUID, panel: httpx.AsyncClient
) -> None:
    deleted = await send(f"{SPEECHES}/{speech_id}/delete")
    assert deleted.status_code == 303
    async with committed_database.transaction() as session:
        assert len(await outbox_events(session, SpeechDeleted)) == 1
    assert (await panel.get(f"{SPEECHES}/{speech_id}")).status_code == 404


async def test_scripts_can_read_only_recordings(
    panel: httpx.AsyncClient, storage: Storage, key: str, mp3: bytes
) -> None:
    table = f"imports/{uuid4()}/batch.jsonl"
    await storage.put(table, b"{}", content_type="application/json")
    address = f"{SPEECHES}/recording"
    response = await panel.get(address, params={"key": key})
    assert (response.status_code, response.content) == (200, mp3)
    assert response.headers["content-type"] == "application/octet-stream"
    for other in (
        table,
        "",
        "uploads/../imports/x",
        "uploads//x",
        "uploads/gone.mp3",
        "uploads/\x00",
        "a" * 5000,
    ):
        response = await panel.get(address, params={"key": other})
        assert response.status_code == 404, other


async def test_play_statistics_are_shown(
    panel: httpx.AsyncClient, committed_database: Database, add: Add
) -> None:
    async with committed_database.transaction() as session:
        speech_id = await add(session)
    page = (await panel.get(f"{SPEECHES}/{speech_id}")).text
    assert re.search(r"<dt>Plays</dt>\s*<dd>\s*0", page)


async def test_an_unknown_speech_is_not_found(panel: httpx.AsyncClient) -> None:
    for address in (uuid4(), f"{uuid4()}/edit", f"{uuid4()}/delete", "x"):
        assert (await panel.get(f"{SPEECHES}/{address}")).status_code == 404


async def test_the_speeches_of_an_import_are_listed(
    panel: httpx.AsyncClient, committed_database: Database, add: Add
) -> None:
    async with committed_database.transaction() as session:
        imported, _ = [await add(session, text=text) for text in ("Is it far?", "It is near.")]
        import_id = uuid4()
        (await session.get_one(Speech, imported)).import_id = import_id
    page = (await panel.get(SPEECHES, params={"import": str(import_id), "archived": "all"})).text
    assert ("Is it far?" in page, "It is near." in page, "Only this import" in page) == (True, False, True)
    assert "Only this import" not in (await panel.get(SPEECHES)).text
    assert f'href="/admin/importer/imports/{import_id}"' in (await panel.get(f"{SPEECHES}/{imported}")).text
    assert (await panel.get(SPEECHES, params={"import": "x"})).status_code == 422
