from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from shared.data.db import Database
from shared.testing import TokenFor, api_client

PAGE = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
CSRF = "the-value-of-the-session"

type Add = Callable[..., Awaitable[UUID]]


@pytest.fixture
async def panel(app: FastAPI, token_for: TokenFor, editor_id: UUID) -> AsyncIterator[httpx.AsyncClient]:
    """An editor's browser, with headers as the gateway forwards them."""
    async with api_client(app, token=token_for(editor_id, "editor", csrf=CSRF)) as client:
        client.headers.update(PAGE)
        yield client


@pytest.fixture
def stored(committed_database: Database, add_import: Add) -> Add:
    """Adds an import in a separate transaction."""

    async def add(**overrides: Any) -> UUID:
        async with committed_database.transaction() as session:
            return await add_import(session, **overrides)

    return add
