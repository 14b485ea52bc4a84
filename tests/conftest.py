"""The whole system behind its gateway, started once for all tests that need it."""

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
    """Start all servers, services and the gateway like `make run`, without rate limits."""
    os.environ["RATE_LIMIT_ENABLED"] = "false"
    with tempfile.TemporaryDirectory(prefix="parley-system-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # servers that refuse to run as root must reach their data inside
        with started(Path(folder)) as stack:
            yield stack


@pytest.fixture
async def gateway(system: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """Provide a client without a token."""
    async with httpx.AsyncClient(base_url=system.url, timeout=20) as client:
        yield client


@pytest.fixture
async def learner(gateway: httpx.AsyncClient) -> Learner:
    """Sign up a new learner."""
    return await Learner.signed_up(gateway)


@pytest.fixture
async def admin(gateway: httpx.AsyncClient) -> Learner:
    """Log in as the demo admin."""
    return await Learner.signed_in(gateway, "admin@example.com", "AdminPass123")
