import base64
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import pytest
from content.schemas.speeches import SpeechFilter
from content.search.cursor import SearchCursor
from shared.data.db import Database

type Add = Callable[..., Awaitable[UUID]]
type Find = Callable[..., Awaitable[dict[str, Any]]]

SPEECHES = "/api/v1/admin/speeches"


@pytest.fixture(autouse=True)
async def three_speeches(committed_database: Database, add: Add) -> None:
    async with committed_database.transaction() as session:
        for _ in range(3):
            await add(session, text="A train.")


async def test_a_cursor_is_bound_to_its_filters(editor: httpx.AsyncClient, find: Find) -> None:
    for text in (None, "train"):
        cursor = (await find(text, limit=1))["pagination"]["next_cursor"]
        assert len((await find(text, limit=2, cursor=cursor))["speeches"]) == 2
        forged = bytearray(base64.urlsafe_b64decode(cursor))
        forged[10] ^= 1
        other = {"level": "A1"} if text is None else {"search": "trains"}
        for params in (
            {"cursor": cursor, **other},
            {"cursor": cursor[:-4], "search": text},
            {"cursor": cursor[4:], "search": text},
            {"cursor": base64.urlsafe_b64encode(forged).decode(), "search": text},
        ):
            sent = {name: value for name, value in params.items() if value is not None}
            response = await editor.get(SPEECHES, params=sent)
            assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "#/query/cursor")


async def test_a_forged_cursor_with_an_impossible_page_is_refused(
    editor: httpx.AsyncClient, find: Find
) -> None:
    scope = f"speeches {SpeechFilter().model_dump_json(exclude={'page', 'limit', 'cursor'})}"
    second = SearchCursor.decode((await find(limit=1))["pagination"]["next_cursor"], scope)
    for page, status in ((3, 200), (2**32 - 1, 422)):
        cursor = replace(second, page=page).encode(scope)
        response = await editor.get(SPEECHES, params={"limit": 1, "cursor": cursor})
        assert response.status_code == status
