from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

from fastapi import FastAPI
from shared.panel.hostile import CSRF, attack
from shared.testing import TokenFor, api_client

type Add = Callable[..., Awaitable[UUID]]


async def test_bad_input_causes_no_server_error_and_no_repeated_change(
    app: FastAPI, token_for: TokenFor, stored: Add
) -> None:
    rows: dict[str, Any] = {"imports": await stored(state="completed")}
    async with api_client(app, token=token_for(uuid4(), "admin", csrf=CSRF)) as browser:
        assert await attack(app, browser, rows=rows) == []
