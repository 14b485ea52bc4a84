from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from shared.http.app import create_api
from shared.testing import api_client

from tests.shared.http.demo import router


@pytest.fixture
async def client(settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with api_client(create_api(settings, router, title="Test")) as client:
        yield client
