"""The whole system behind its gateway, started once for all tests.

With TEST_SYSTEM=running, the tests use the system that `make up` or `make run` has started with
RATE_LIMIT_ENABLED=false. Tests that look behind the gateway are skipped.
"""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from deploy.local import running_system
from deploy.local.__main__ import FOLDER
from deploy.local.stack import Stack, run_stack
from tests.journey import Learner


class SystemFromOutside:
    """A running system that tests can reach only as clients do."""

    def __init__(self, system: running_system.RunningSystem) -> None:
        self.url, self.email_folder = system.url, system.email_folder

    def __getattr__(self, name: str) -> Any:
        pytest.skip(f"{name} of the system cannot be seen from outside")


@pytest.fixture(scope="session")
def system() -> Iterator[Stack]:
    """Start all servers, services and the gateway like `make run`, without rate limits."""
    if os.environ.get("TEST_SYSTEM") == "running":
        yield cast(Stack, SystemFromOutside(running_system.find(FOLDER)))
        return
    os.environ["RATE_LIMIT_ENABLED"] = "false"
    with tempfile.TemporaryDirectory(prefix="parley-system-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # servers that refuse to run as root must reach their data inside
        with run_stack(Path(folder)) as stack:
            yield stack


@pytest.fixture
async def gateway(system: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """Provide a client without a token."""
    async with httpx.AsyncClient(base_url=system.url, timeout=20) as client:
        yield client


@pytest.fixture
async def learner(gateway: httpx.AsyncClient) -> Learner:
    """Sign up a new learner."""
    return await Learner.sign_up(gateway)


@pytest.fixture
async def admin(gateway: httpx.AsyncClient) -> Learner:
    """Log in as the demo admin."""
    return await Learner.sign_in(gateway, "admin@example.com", "AdminPass123")
