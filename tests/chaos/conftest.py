"""Fixtures of the tests that break the system."""

from functools import partial

import httpx
import pytest

from deploy.local.stack import Stack
from tests.chaos.imports import Imports, wait_until


@pytest.fixture
async def imports(system: Stack, gateway: httpx.AsyncClient) -> Imports:
    # The previous test may have killed servers that a login needs.
    return await wait_until(partial(Imports.sign_in, system), gateway, bool)
