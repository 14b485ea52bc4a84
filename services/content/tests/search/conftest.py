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
        answer = await editor.get(SPEECHES, params=params | ({} if text is None else {"search": text}))
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        return page

    return get
