from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

type Find = Callable[..., Awaitable[dict[str, Any]]]

SPEECHES = "/api/v1/admin/speeches"


@pytest.fixture
def find(editor: httpx.AsyncClient) -> Find:
    """Gets a page of speeches: `await find("search", **parameters)`."""

    async def get(text: str | None = None, **params: Any) -> dict[str, Any]:
        response = await editor.get(SPEECHES, params=params | ({} if text is None else {"search": text}))
        assert response.status_code == 200, response.text
        page: dict[str, Any] = response.json()
        return page

    return get
