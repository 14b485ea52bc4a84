import base64
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from shared.errors import Unauthorized
from shared.http.app import create_api
from shared.security.current_user import AccessTokenVerifier
from shared.security.jwt import ACCESS_TOKEN, SigningKeys, StaticKeys
from shared.testing import TokenFor, api_client
from uuid_utils.compat import uuid7

from tests.shared.http.demo import read_problem, router
from tests.shared.security.tokens import USER, build_claims


@pytest.fixture
async def client(settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with api_client(create_api(settings, router, title="Test")) as client:
        yield client


async def test_a_valid_token_identifies_the_caller(keys: SigningKeys, tokens: AccessTokenVerifier) -> None:
    caller = await tokens.authenticate(keys.sign(build_claims(role="editor"), typ=ACCESS_TOKEN))
    assert (caller.id, caller.role) == (USER, "editor")


async def test_a_cached_token_is_valid_only_in_its_exact_form(
    keys: SigningKeys, tokens: AccessTokenVerifier
) -> None:
    token = keys.sign(build_claims(), typ=ACCESS_TOKEN)
    assert await tokens.authenticate(token) == await tokens.authenticate(token)
    head, payload, signature = token.split(".")
    forged = base64.urlsafe_b64encode(json.dumps(build_claims(role="admin")).encode()).rstrip(b"=").decode()
    for other in (f"{head}.{forged}.{signature}", f"{head}.{payload}.{signature[:-2]}", f"{head}.{payload}."):
        with pytest.raises(Unauthorized):
            await tokens.authenticate(other)


async def test_a_cached_token_expires(
    keys: SigningKeys, tokens: AccessTokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = keys.sign(build_claims(exp=int(time.time()) - 1), typ=ACCESS_TOKEN)
    await tokens.authenticate(token)  # within the leeway
    monkeypatch.setattr("shared.security.jwt.LEEWAY_SECONDS", 0)
    with pytest.raises(Unauthorized, match="expired"):
        await tokens.authenticate(token)


async def test_a_cached_token_becomes_invalid_with_its_key(keys: SigningKeys) -> None:
    published = StaticKeys(keys.public)
    tokens = AccessTokenVerifier(published, issuer="parley", audience="parley-api")
    token = keys.sign(build_claims(), typ=ACCESS_TOKEN)
    await tokens.authenticate(token)
    published._keys.clear()
    with pytest.raises(Unauthorized):
        await tokens.authenticate(token)


async def test_the_number_of_cached_tokens_is_limited(
    keys: SigningKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.security.current_user.TOKEN_CACHE_SIZE", 2)
    tokens = AccessTokenVerifier(StaticKeys(keys.public), issuer="parley", audience="parley-api")
    for number in (1, 2, 3, 1):
        await tokens.authenticate(keys.sign(build_claims(jti=str(number)), typ=ACCESS_TOKEN))
    assert len(tokens._cache) == 2


async def test_only_a_bearer_token_authenticates_a_request(
    client: httpx.AsyncClient, token_for: TokenFor
) -> None:
    user = uuid7()
    valid = {"Authorization": f"Bearer {token_for(user)}"}
    assert (await client.get("/mine", headers=valid)).json() == str(user)
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"}):
        response = await client.get("/mine", headers=headers)
        read_problem(response, status=401, code="unauthorized")
        assert response.headers["www-authenticate"] == "Bearer"


async def test_routes_for_a_role_refuse_other_roles(client: httpx.AsyncClient, token_for: TokenFor) -> None:
    for role, status in (("learner", 403), ("editor", 200), ("admin", 200)):
        headers = {"Authorization": f"Bearer {token_for(uuid7(), role)}"}
        assert (await client.get("/edit", headers=headers)).status_code == status
