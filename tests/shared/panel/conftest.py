from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from shared.data.db import Database
from shared.http.app import create_api
from shared.panel import Panel
from shared.testing import TokenFor, api_client

from tests.shared.panel.demo import CSRF, PAGE, LogView, NoteView, SecretView, StatusView


@pytest.fixture
def app(settings: Any, committed_database: Database) -> FastAPI:
    # The pages commit, and the tables are truncated after each test.
    app = create_api(settings, title="Test")
    Panel(app, service="content").add_views(NoteView, LogView, SecretView, StatusView)
    return app


type Browse = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def browser(app: FastAPI, token_for: TokenFor) -> AsyncIterator[httpx.AsyncClient]:
    """An editor's browser, as the gateway passes its requests on."""
    async with api_client(app, token=token_for(uuid4(), "editor", csrf=CSRF)) as client:
        client.headers.update(PAGE)
        yield client


type Note = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def write_note(browser: httpx.AsyncClient) -> Note:
    """Send the form of a note: `await write_note(headers={…}, csrf_token=…)`."""

    async def send(headers: dict[str, str] | None = None, **fields: str) -> httpx.Response:
        defaults = {"csrf_token": CSRF, "submission_id": str(uuid4()), "text": "Hello"}
        return await browser.post("/admin/content/notes/create", data=defaults | fields, headers=headers)

    return send
