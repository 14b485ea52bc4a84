"""The gateway keeps its keys while auth is down, and replaces them when auth publishes others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
from shared.security.jwt import ACCESS_TOKEN, SigningKeys, create_signing_key
from shared.testing import TokenFor

from gateway.tests.envoy import run_gateway
from gateway.tests.problems import read_problem
from gateway.tests.stand_in import StandIn, run_stand_ins

JWKS = "/.well-known/jwks.json"
FETCH_INTERVAL = 1.0
REFETCH_DELAY = 0.2
SHORT_INTERVALS = {
    "cache_duration: 60s": f"cache_duration: {FETCH_INTERVAL}s",
    "failed_refetch_duration: 2s": f"failed_refetch_duration: {REFETCH_DELAY}s",
}


@dataclass
class System:
    """A gateway that fetches auth's keys every second."""

    auth: StandIn
    client: httpx.AsyncClient

    async def get_status(self, token: str) -> int:
        """Return the status of a request with this token."""
        response = await self.client.get("/api/v1/game/stats", headers={"Authorization": f"Bearer {token}"})
        return response.status_code


@asynccontextmanager
async def run_system(jwks: dict[str, Any], *, auth_up: bool = True) -> AsyncIterator[System]:
    async with run_stand_ins(jwks) as stand_ins:
        if not auth_up:
            await stand_ins["auth"].stop()
        async with (
            run_gateway(stand_ins, changes=SHORT_INTERVALS) as gateway,
            httpx.AsyncClient(base_url=gateway.url) as client,
        ):
            yield System(stand_ins["auth"], client)


async def test_tokens_stay_valid_while_auth_is_down_or_publishes_invalid_keys(
    signing_keys: SigningKeys, token_for: TokenFor
) -> None:
    async with run_system(signing_keys.public) as system:
        await system.auth.stop()
        await asyncio.sleep(2.5 * FETCH_INTERVAL)
        assert await system.get_status(token_for(uuid4())) == 200
        await system.auth.start()
        invalid_documents: list[Any] = [{"keys": []}, {"keys": [{"kty": "EC"}]}, ""]
        for invalid_document in invalid_documents:
            system.auth.documents[JWKS] = invalid_document
            await asyncio.sleep(3 * REFETCH_DELAY)
            assert await system.get_status(token_for(uuid4())) == 200, invalid_document


async def test_a_new_key_is_accepted_and_a_removed_one_refused(
    signing_keys: SigningKeys, token_for: TokenFor
) -> None:
    rotated = SigningKeys({"keys": [create_signing_key()]})
    async with run_system(signing_keys.public) as system:
        claims = {"iss": "parley", "aud": "parley-api", "exp": 4_000_000_000, "sub": str(uuid4())}
        fresh = rotated.sign(claims, typ=ACCESS_TOKEN)
        assert [await system.get_status(fresh), await system.get_status(token_for(uuid4()))] == [401, 200]

        system.auth.documents[JWKS] = rotated.public
        await asyncio.sleep(2 * FETCH_INTERVAL)
        assert await system.get_status(fresh) == 200
        assert await system.get_status(token_for(uuid4())) == 401


async def test_a_gateway_that_never_fetched_keys_is_unavailable(
    signing_keys: SigningKeys, token_for: TokenFor
) -> None:
    async with run_system(signing_keys.public, auth_up=False) as system:
        token = token_for(uuid4())
        response = await system.client.get("/api/v1/game/stats", headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 503
        assert read_problem(response)["code"] == "keys_unavailable"
        assert response.headers["retry-after"] == "5"
        assert (await system.client.get("/api/v1/tags")).status_code == 200
        assert await system.get_status("not-a-token") == 401

        await system.auth.start()
        await asyncio.sleep(3 * REFETCH_DELAY)
        assert await system.get_status(token) == 200
