"""Another editor deletes what one is editing: the input is not lost, and the list is one click away."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from content.commands.speeches import delete_speech
from content.commands.tags import create_tag, delete_tag
from content.schemas.tags import TagCreate
from shared.data.db import Database
from shared.testing import find_hidden_fields

SPEECHES, TAGS = "/admin/content/speeches", "/admin/content/tags"

type Add = Callable[..., Awaitable[UUID]]
type OpenForm = Callable[[str], Awaitable[dict[str, str]]]


async def add_tag(database: Database, name: str) -> UUID:
    async with database.transaction() as session:
        return (await create_tag(session, TagCreate(name=name, category="topic"), actor=None)).id


async def remove_tag(database: Database, tag_id: UUID) -> None:
    async with database.transaction() as session:
        await delete_tag(session, tag_id, actor=None)


async def add_deleted_speech(database: Database, add: Add) -> UUID:
    async with database.transaction() as session:
        speech_id = await add(session)
        await delete_speech(session, speech_id, actor=None)
        return speech_id


async def test_the_input_for_a_deleted_tag_creates_a_new_tag(
    panel: httpx.AsyncClient, open_form: OpenForm, committed_database: Database
) -> None:
    tag_id = await add_tag(committed_database, "food")
    fields = await open_form(f"{TAGS}/{tag_id}/edit")
    await remove_tag(committed_database, tag_id)
    response = await panel.post(f"{TAGS}/{tag_id}/edit", data={**fields, "name": "Meals", "category": "home"})
    assert response.status_code == 404
    for text in ("This tag was deleted", "Meals", f'action="{TAGS}/create"', f'href="{TAGS}"'):
        assert text in response.text
    again = {**find_hidden_fields(response.text), "name": "Meals", "category": "home"}
    created = await panel.post(f"{TAGS}/create", data=again)
    assert "Meals" in (await panel.get(created.headers["location"])).text


async def test_the_input_for_a_deleted_speech_stays_on_the_page(
    panel: httpx.AsyncClient, open_form: OpenForm, committed_database: Database, add: Add, key: str
) -> None:
    async with committed_database.transaction() as session:
        speech_id = await add(session)
    fields = await open_form(f"{SPEECHES}/{speech_id}/edit")
    async with committed_database.transaction() as session:
        await delete_speech(session, speech_id, actor=None)
    fields |= {"text": "Is it near?", "level": "A1", "type": "question", "audio_key": key}
    response = await panel.post(f"{SPEECHES}/{speech_id}/edit", data=fields)
    assert response.status_code == 404
    for text in ("This speech was deleted", "Is it near?", key, f'action="{SPEECHES}/create"'):
        assert text in response.text


async def test_deleting_a_deleted_row_redirects_to_the_list(
    panel: httpx.AsyncClient, open_form: OpenForm, committed_database: Database
) -> None:
    tag_id = await add_tag(committed_database, "food")
    fields = await open_form(f"{TAGS}/{tag_id}/delete")
    await remove_tag(committed_database, tag_id)
    response = await panel.post(f"{TAGS}/{tag_id}/delete", data=fields)
    assert (response.status_code, response.headers["location"]) == (303, f"{TAGS}?done=already_deleted")
    assert "It had already been deleted." in (await panel.get(response.headers["location"])).text


async def test_the_page_of_a_deleted_row_links_to_the_list(panel: httpx.AsyncClient) -> None:
    for list_address in (SPEECHES, TAGS):
        for suffix in ("", "/edit", "/delete"):
            page = await panel.get(f"{list_address}/{uuid4()}{suffix}")
            assert page.status_code == 404
            assert "It may have been deleted" in page.text
            assert f'class="button" href="{list_address}"' in page.text


@pytest.mark.parametrize(
    ("action", "target_name"),
    [("merge", "present"), ("merge", "absent"), ("add-tag", "absent"), ("archive", "")],
)
async def test_an_action_on_a_deleted_row_reports_the_deletion(
    panel: httpx.AsyncClient, committed_database: Database, add: Add, action: str, target_name: str
) -> None:
    present, absent = await add_tag(committed_database, "food"), uuid4()
    speech_id = await add_deleted_speech(committed_database, add)
    fields: dict[str, Any] = find_hidden_fields((await panel.get(TAGS)).text)
    target = {"present": str(present), "absent": str(absent), "": ""}[target_name]
    address = f"{TAGS if action == 'merge' else SPEECHES}/actions/{action}"
    selected_id = {"present": absent, "absent": present}[target_name] if action == "merge" else speech_id
    fields |= {"ids": str(selected_id), "into_tag_id": target, "tag_id": target}
    response = await panel.post(address, data=fields)
    assert response.status_code == 303, response.text
    page = (await panel.get(response.headers["location"])).text
    assert "Nothing was changed, because something that you selected no longer exists." in page
    assert 'class="message warning"' in page
