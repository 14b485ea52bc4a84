from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

from fastapi import FastAPI
from shared.panel.hostile import CSRF, attack
from shared.testing import TokenFor, api_client

type Save = Callable[..., Awaitable[str]]


async def test_bad_input_causes_no_server_error_and_no_repeated_change(
    app: FastAPI, token_for: TokenFor, save: Save
) -> None:
    rows = {"sessions": UUID(await save(datetime(2026, 3, 10, 12, tzinfo=UTC)))}
    async with api_client(app, token=token_for(uuid4(), "admin", csrf=CSRF)) as browser:
        assert await attack(app, browser, rows=rows) == []
