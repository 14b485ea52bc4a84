"""The whole system behind its gateway, started once for all tests that ask for it."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from deploy.local.stack import Stack, started
from tests.journey import Learner


@pytest.fixture(scope="session")
def system() -> Iterator[Stack]:
    """Every server, service and the gateway, as `make run` starts them; rate limits are off."""
    os.environ["RATE_LIMIT_ENABLED"] = "false"
    with tempfile.TemporaryDirectory(prefix="parley-system-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # servers that refuse to run as root must get to their data inside
        with started(Path(folder)) as stack:
            yield stack


@pytest.fixture
async def gateway(system: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A client that has no token."""
    async with httpx.AsyncClient(base_url=system.url, timeout=20) as client:
        yield client


@pytest.fixture
async def learner(gateway: httpx.AsyncClient) -> Learner:
    """Someone who has just signed up."""
    return await Learner.signed_up(gateway)


@pytest.fixture
async def admin(gateway: httpx.AsyncClient) -> Learner:
    """The demo admin."""
    account = {"email": "admin@example.com", "password": "AdminPass123"}
    answer = await gateway.post("/api/v1/auth/login", json=account)
    return Learner(gateway, answer.json()["user"], answer.json()["access_token"])
