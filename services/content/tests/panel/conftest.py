from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from shared.data.cache import Cache
from shared.testing import TokenFor, api_client, find_hidden_fields

PAGE = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
CSRF = "the-value-of-the-session"


@pytest.fixture(scope="session")
def editor_id() -> UUID:
    return uuid4()


@pytest.fixture
async def panel(
    app: FastAPI, cache: Cache, token_for: TokenFor, editor_id: UUID
) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in which an editor is signed on, behind the gateway."""
    async with api_client(app, token=token_for(editor_id, "editor", csrf=CSRF)) as client:
        client.headers.update(PAGE)
        yield client


type OpenForm = Callable[[str], Awaitable[dict[str, str]]]
type Send = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def open_form(panel: httpx.AsyncClient) -> OpenForm:
    """Opens a form and returns its hidden fields: `await open_form(address)`."""

    async def read(address: str) -> dict[str, str]:
        page = await panel.get(address)
        assert page.status_code == 200, page.text
        return find_hidden_fields(page.text)

    return read


@pytest.fixture
def send(panel: httpx.AsyncClient, open_form: OpenForm) -> Send:
    """Opens a form and submits it: `await send(address, **fields)`."""

    async def fill_in(address: str, **fields: Any) -> httpx.Response:
        return await panel.post(address, data={**await open_form(address), **fields})

    return fill_in
