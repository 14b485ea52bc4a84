"""One Envoy in front of a stand-in for each service, for most tests."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
from shared.security.jwt import SigningKeys
from shared.testing import TokenFor

from gateway.tests.envoy import Gateway, run_gateway
from gateway.tests.stand_in import StandIn, run_stand_ins

ORIGINS = r"https://app\.example\.com|http://localhost:\d+"


@pytest.fixture(scope="session")
async def stand_ins(signing_keys: SigningKeys) -> AsyncIterator[dict[str, StandIn]]:
    async with run_stand_ins(signing_keys.public) as running:
        yield running


@pytest.fixture
async def storage() -> AsyncIterator[StandIn]:
    server = StandIn("s3")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
async def gateway(stand_ins: dict[str, StandIn]) -> AsyncIterator[Gateway]:
    async with run_gateway(stand_ins, CORS_ALLOWED_ORIGINS=ORIGINS) as running:
        yield running


@pytest.fixture(scope="session")
async def client(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=gateway.url) as http_client:
        yield http_client


@pytest.fixture(scope="session")
def bearer(token_for: TokenFor) -> dict[str, str]:
    """Headers with a learner's token."""
    return {"Authorization": f"Bearer {token_for(uuid4())}"}


@pytest.fixture(scope="session")
def editor(token_for: TokenFor) -> dict[str, str]:
    """Headers with an editor's token."""
    return {"Authorization": f"Bearer {token_for(uuid4(), role='editor')}"}
