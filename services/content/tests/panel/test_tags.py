import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import httpx
import pytest
from content.commands.cache import InvalidateCache
from content.commands.tags import PropagateTagName, create_tag, create_tags, update_tag
from content.models import Tag
from content.queries.tags import list_cached_tags
from content.schemas.tags import TagCreate, TagUpdate
from fastapi import FastAPI
from shared.data.audit_log import AuditEntry
from shared.data.db import Database
from shared.testing import OutboxJobs, find_hidden_fields
from sqlalchemy import func, select

type Add = Callable[..., Awaitable[UUID]]
type Send = Callable[..., Awaitable[httpx.Response]]
type OpenForm = Callable[[str], Awaitable[dict[str, str]]]

TAGS = "/admin/content/tags"
# The id of no tag. It is constant because it is part of test names.
ABSENT = "01a218d8-0000-7000-8000-000000000000"


@pytest.fixture
async def tag_id(committed_database: Database) -> UUID:
    async with committed_database.transaction() as session:
        return (await create_tag(session, TagCreate(name="food", category="topic"), actor=None)).id


async def list_audited(database: Database) -> list[tuple[str, UUID | None]]:
    async with database.transaction() as session:
        entries = await session.scalars(select(AuditEntry).order_by(AuditEntry.id))
        return [(entry.action, entry.actor_id) for entry in entries]


async def count_tags(database: Database) -> int:
    async with database.transaction() as session:
        return (await session.execute(select(func.count()).select_from(Tag))).scalar_one()


async def test_a_change_is_audited_and_published_and_invalidates_the_cache(
    app: FastAPI,
    send: Send,
    committed_database: Database,
    outbox_jobs: OutboxJobs,
    tag_id: UUID,
    editor_id: UUID,
) -> None:
    async with committed_database.transaction() as session:
        assert [tag.name for tag in await list_cached_tags(app.state.cache, session)] == ["food"]
    saved = await send(f"{TAGS}/{tag_id}/edit", name="meals", category="topic")
    assert (saved.status_code, saved.headers["location"]) == (303, f"{TAGS}/{tag_id}?done=updated")
    assert await list_audited(committed_database) == [("tag_created", None), ("tag_updated", editor_id)]
    async with committed_database.transaction() as session:
        assert [tag.name for tag in await list_cached_tags(app.state.cache, session)] == ["meals"]
        assert [job.keys for job in await outbox_jobs(session, InvalidateCache)] == [["tags"], ["tags"]]
        assert [job.tag_id for job in await outbox_jobs(session, PropagateTagName)] == [tag_id]


async def test_a_tag_is_created_and_deleted(
    panel: httpx.AsyncClient, send: Send, committed_database: Database, editor_id: UUID
) -> None:
    created = await send(f"{TAGS}/create", name=" Travel ", category="topic")
    page = await panel.get(created.headers["location"])
    assert "The tag was created." in page.text
    assert "<h1>Travel</h1>" in page.text
    address = created.headers["location"].partition("?")[0]
    deleted = await send(f"{address}/delete")
    assert "The tag was deleted." in (await panel.get(deleted.headers["location"])).text
    assert (await panel.get(address)).status_code == 404
    expected = [("tag_created", editor_id), ("tag_deleted", editor_id)]
    assert await list_audited(committed_database) == expected


async def test_the_page_of_a_tag_in_use_offers_its_speeches_instead_of_deletion(
    panel: httpx.AsyncClient, committed_database: Database, add: Add
) -> None:
    async with committed_database.transaction() as session:
        await add(session, tags=("food",))
        tag_id = await session.scalar(select(Tag.id))
    page = await panel.get(f"{TAGS}/{tag_id}/delete")
    assert "1 speech has this tag" in page.text
    assert f"/admin/content/speeches?tag={tag_id}" in page.text
    assert 'class="danger"' not in page.text


async def test_a_tag_added_to_a_speech_meanwhile_is_not_deleted(
    open_form: OpenForm,
    panel: httpx.AsyncClient,
    committed_database: Database,
    add: Add,
    tag_id: UUID,
) -> None:
    fields = await open_form(f"{TAGS}/{tag_id}/delete")
    async with committed_database.transaction() as session:
        await add(session, tags=("food",))
    refused = await panel.post(f"{TAGS}/{tag_id}/delete", data=fields)
    assert refused.status_code == 409
    assert "Speeches still have this tag" in refused.text
    assert "Show these speeches" in refused.text


async def test_submitting_a_form_again_saves_once(
    open_form: OpenForm, panel: httpx.AsyncClient, committed_database: Database
) -> None:
    fields = await open_form(f"{TAGS}/create")
    forms = [{**fields, "name": f"tag {number}", "category": "topic"} for number in range(4)]
    responses = await asyncio.gather(*(panel.post(f"{TAGS}/create", data=form) for form in forms))
    assert {response.status_code for response in responses} == {303}
    assert sorted("done=repeated" in response.headers["location"] for response in responses) == [
        False,
        True,
        True,
        True,
    ]
    assert await count_tags(committed_database) == 1


async def test_a_conflicting_edit_shows_both_versions(
    open_form: OpenForm, panel: httpx.AsyncClient, committed_database: Database, tag_id: UUID
) -> None:
    fields = await open_form(f"{TAGS}/{tag_id}/edit")
    async with committed_database.transaction() as session:
        await update_tag(session, tag_id, TagUpdate(category="<i>theme</i>"), actor=uuid4())
    own_input = {"name": "meals", "category": "topic"}
    conflict = await panel.post(
        f"{TAGS}/{tag_id}/edit", data={**fields, "name": "meals", "category": "topic"}
    )
    assert conflict.status_code == 409
    assert "Another editor has changed this" in conflict.text
    assert 'value="meals"' in conflict.text
    assert "&lt;i&gt;theme&lt;/i&gt;" in conflict.text
    again = find_hidden_fields(conflict.text)
    saved = await panel.post(f"{TAGS}/{tag_id}/edit", data={**again, **own_input})
    assert saved.status_code == 303


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "FOOD", "category": "topic"}, "A tag named FOOD already exists."),
        ({"name": "", "category": "topic"}, "Give the tag a name."),
        ({"name": " ", "category": "topic"}, "Give the tag a name."),
        ({"category": "topic"}, "Give the tag a name."),
        ({"name": "x" * 101, "category": "topic"}, "at most 100 characters"),
        ({"name": "a\u0000b", "category": "topic"}, "Must not contain control characters."),
        ({"name": ["a", "b"], "category": "topic"}, "Was sent twice."),
        ({"name": "a", "category": "topic", "id": "1"}, "an unknown field: id"),
    ],
)
async def test_invalid_input_is_explained_next_to_its_field(
    send: Send, committed_database: Database, tag_id: UUID, fields: dict[str, str], message: str
) -> None:
    refused = await send(f"{TAGS}/create", **fields)
    assert refused.status_code in {409, 422}
    assert message in refused.text
    # The last case concerns a field that the form does not have.
    assert ('aria-invalid="true"' in refused.text) == (fields.keys() <= {"name", "category"})
    assert await count_tags(committed_database) == 1


async def test_html_in_a_tag_is_escaped(panel: httpx.AsyncClient, send: Send) -> None:
    created = await send(f"{TAGS}/create", name="<script>alert(1)</script>", category="'\"><b>")
    for address in (created.headers["location"], TAGS, f"{TAGS}?search=%3Cscript%3E"):
        page = (await panel.get(address)).text
        assert "<script>alert" not in page
        assert "<b>" not in page
        assert "&lt;script&gt;" in page


async def test_the_list_can_be_searched_and_sorted_and_has_a_total(
    panel: httpx.AsyncClient, committed_database: Database, add: Add
) -> None:
    async with committed_database.transaction() as session:
        await create_tags(session, {"100%": "topic", "Work": "place"}, actor=None)
        await add(session, tags=("food", "Work"))
    page = (await panel.get(f"{TAGS}?sort=-name")).text
    assert page.index(">Work<") < page.index(">food<") < page.index(">100%<")
    assert "3 tags" in page
    search_page = (await panel.get(f"{TAGS}?search=0%25")).text
    assert "1 tag found" in search_page
    assert "Work" not in search_page
    assert "Nothing matches" in (await panel.get(f"{TAGS}?search=nothing")).text


@pytest.mark.parametrize(
    "query", [f"search={'x' * 10_000}", "search=%00", "page=0", "page=x", "page=99999999999", "sort=password"]
)
async def test_an_invalid_list_query_shows_an_alert(panel: httpx.AsyncClient, query: str) -> None:
    page = await panel.get(f"{TAGS}?{query}")
    assert page.status_code == 422
    assert 'role="alert"' in page.text


async def test_pages_beyond_the_last_are_empty(panel: httpx.AsyncClient, tag_id: UUID) -> None:
    page = await panel.get(f"{TAGS}?page=1000000")
    assert page.status_code == 200
    assert "This page is beyond the end of the list." in page.text


async def test_tags_can_be_looked_up(panel: httpx.AsyncClient, tag_id: UUID) -> None:
    page = await panel.get(f"{TAGS}/lookup?term=OO")
    assert page.json() == [{"value": str(tag_id), "label": "food (topic)"}]


async def test_the_downloaded_list_contains_no_formulas(panel: httpx.AsyncClient, send: Send) -> None:
    await send(f"{TAGS}/create", name="=1+1", category="topic")
    response = await panel.get(f"{TAGS}/export.csv")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.text == '\ufeff"Name","Category","Speeches"\r\n"\'=1+1","topic","0"\r\n'


@pytest.mark.parametrize(
    "address", [f"{TAGS}/{ABSENT}", f"{TAGS}/1/edit", f"{TAGS}/{ABSENT}/delete", "/admin/content/x"]
)
async def test_an_unknown_url_returns_an_error_page(panel: httpx.AsyncClient, address: str) -> None:
    page = await panel.get(address)
    assert page.status_code == 404
    assert "Page not found" in page.text


async def test_tags_are_merged(panel: httpx.AsyncClient, committed_database: Database, tag_id: UUID) -> None:
    async with committed_database.transaction() as session:
        meals = (await create_tag(session, TagCreate(name="meals", category="topic"), actor=None)).id
    form = {"ids": [str(meals), str(tag_id)]}
    for target_id, message in (("", "Choose the tag"), (str(tag_id), "Merged: 1.")):
        page = (await panel.get(TAGS)).text
        data = {**find_hidden_fields(page), **form, "into_tag_id": target_id}
        response = await panel.post(f"{TAGS}/actions/merge", data=data)
        assert response.status_code == 303, response.text
        assert message in (await panel.get(response.headers["location"])).text
    page = (await panel.get(TAGS)).text
    assert (">meals<" in page, "1 tag" in page) == (False, True)
    async with committed_database.transaction() as session:
        assert await session.scalar(select(Tag.merged_into).where(Tag.id == meals)) == tag_id
