"""Only valid tokens are accepted, and the response does not say why others are refused."""

from uuid import uuid4

import httpx
import pytest
from shared.security.jwt import SigningKeys
from shared.testing import TokenFor

from gateway.tests.forgeries import FORGERIES, Forge
from gateway.tests.problems import read_problem
from gateway.tests.stand_in import StandIn

PRIVATE = "/api/v1/users/me"


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
async def test_a_forged_token_is_refused(
    forge: Forge,
    client: httpx.AsyncClient,
    signing_keys: SigningKeys,
    stand_ins: dict[str, StandIn],
) -> None:
    before = len(stand_ins["auth"].requests)
    response = await client.get(PRIVATE, headers={"Authorization": f"Bearer {forge(signing_keys)}"})
    assert read_problem(response)["code"] == "unauthorized"
    assert response.status_code == 401
    assert response.headers.get_list("www-authenticate") == ["Bearer"]
    assert not [request for request in stand_ins["auth"].requests[before:] if request.target == PRIVATE]


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Basic bGVhcm5lcjpwYXNz", "Token {}", "{}"])
async def test_a_request_without_a_bearer_token_is_refused(
    authorization: str | None, client: httpx.AsyncClient, token_for: TokenFor
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization.format(token_for(uuid4()))}
    response = await client.get(PRIVATE, headers=headers)
    assert read_problem(response)["code"] == "unauthorized"
    assert response.headers["www-authenticate"] == "Bearer"


async def test_a_valid_token_passes_and_is_forwarded(
    client: httpx.AsyncClient, bearer: dict[str, str], stand_ins: dict[str, StandIn]
) -> None:
    assert (await client.get(PRIVATE, headers=bearer)).status_code == 200
    assert stand_ins["auth"].get_last(PRIVATE).list_values("authorization") == [bearer["Authorization"]]


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "bEaReR"])
async def test_the_scheme_may_be_written_in_any_case(
    scheme: str, client: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    small = bearer["Authorization"].replace("Bearer", scheme)
    assert (await client.get(PRIVATE, headers={"Authorization": small})).status_code == 200


async def test_a_token_in_the_address_is_ignored(client: httpx.AsyncClient, token_for: TokenFor) -> None:
    response = await client.get(PRIVATE, params={"access_token": token_for(uuid4())})
    assert response.status_code == 401


async def test_a_token_in_a_cookie_is_ignored(client: httpx.AsyncClient, token_for: TokenFor) -> None:
    response = await client.get(PRIVATE, headers={"Cookie": f"access_token={token_for(uuid4())}"})
    assert response.status_code == 401


@pytest.mark.parametrize(
    "values",
    [
        ["{good}", "{bad}"],
        ["{bad}", "{good}"],
        ["{good}", "{good}"],
        ["{good}, {bad}"],
        ["{good} {bad}"],
        ["{good},"],
        ["{good}."],
        ["{good}="],
        ["x {good}"],
        ["Basic {good}"],
    ],
    ids=str,
)
async def test_anything_but_exactly_one_token_is_refused(
    values: list[str], client: httpx.AsyncClient, token_for: TokenFor
) -> None:
    valid, expired = f"Bearer {token_for(uuid4())}", f"Bearer {token_for(uuid4(), exp=1)}"
    headers = [("Authorization", value.format(good=valid, bad=expired)) for value in values]
    response = await client.get(PRIVATE, headers=headers)
    assert read_problem(response)["code"] == "unauthorized"
