"""Every operation that needs a token rejects every invalid token, at the gateway and behind it."""

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from shared.security.jwt import ACCESS_TOKEN, SigningKeys

from deploy.local.stack import Stack
from deploy.services import RECEIPT_SIGNING_KEYS, SIGNING_KEYS
from gateway.tests.forgeries import FORGERIES, MISUSED, OWNER, build_claims, get_kid
from tests.journey import Learner
from tests.operations import OPERATIONS, Operation, build_example

pytestmark = pytest.mark.journey

INTERNAL = Operation("GET", "/internal/users/me/export", {})
"""Reachable only behind the gateway, so the document does not contain it."""
PRIVATE = [operation for operation in OPERATIONS if operation.private]
ADMIN = [operation for operation in PRIVATE if operation.path.startswith("/api/v1/admin/")]
AT_ONCE = 20

type Headers = Mapping[str, str]


@pytest.fixture(scope="session")
def keys(system: Stack) -> SigningKeys:
    """Load the keys with which the running system signs access tokens."""
    return SigningKeys.load(system.plan.vault.get_key_path(SIGNING_KEYS))


@pytest.fixture(scope="session")
def receipt_keys(system: Stack) -> SigningKeys:
    """Load the keys with which receipts are signed."""
    return SigningKeys.load(system.plan.vault.get_key_path(RECEIPT_SIGNING_KEYS))


@pytest.fixture(scope="session")
async def refused(system: Stack, keys: SigningKeys, receipt_keys: SigningKeys) -> dict[str, Headers]:
    """Return headers of requests that must be rejected, by their flaw."""
    tokens = {}
    async with httpx.AsyncClient(base_url=system.url, timeout=20) as client:
        account = {"email": f"{uuid4().hex}@example.com", "password": "Correct4Horse", "name": "Eve"}
        signed_in = (await client.post("/api/v1/auth/register", json=account)).json()
        eve = Learner(client, signed_in["user"], signed_in["access_token"])
        tokens["a refresh token"] = signed_in["refresh_token"]
        tokens["a receipt"] = (await eve.score("good.wav")).json()["receipt"]
    OWNER.set(get_owner(eve.token))
    tokens |= {name: forge(keys) for name, forge in {**FORGERIES, **MISUSED}.items()}
    tokens["signed by scoring"] = receipt_keys.sign(build_claims(), typ=ACCESS_TOKEN)
    disguised = _read_jwk(system, RECEIPT_SIGNING_KEYS) | {"kid": get_kid(keys)}
    tokens["signed by scoring under our kid"] = SigningKeys({"keys": [disguised]}).sign(
        build_claims(), typ=ACCESS_TOKEN
    )
    valid_token = keys.sign(build_claims(), typ=ACCESS_TOKEN)
    values = {name: f"Bearer {token}" for name, token in tokens.items()} | {
        "empty": "",
        "no token": "Bearer",
        "another scheme": f"Basic {valid_token}",
        "no scheme": valid_token,
        "two tokens": f"Bearer {valid_token} {valid_token}",
    }
    return {"none": {}} | {name: {"Authorization": value} for name, value in values.items()}


def get_owner(token: str) -> dict[str, str]:
    """Return the claims that bind a forged token to a signed-in learner."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return {"sub": claims["sub"], "sid": claims["sid"]}


def _read_jwk(system: Stack, file: str) -> dict[str, Any]:
    key: dict[str, Any] = json.loads(system.plan.vault.get_key_path(file).read_text())["keys"][0]
    return key


@pytest.fixture(scope="session")
async def service_urls(system: Stack) -> dict[str, str]:
    """Find the service that serves a path, according to each service's own document."""
    urls = {INTERNAL.path: f"http://127.0.0.1:{system.ports['game-api']}"}
    async with httpx.AsyncClient() as client:
        for service in system.apis:
            address = f"http://127.0.0.1:{system.ports[f'{service}-api']}"
            document = (await client.get(f"{address}/openapi.json")).json()
            urls |= dict.fromkeys(document["paths"], address)
    return urls


async def collect_responses(
    address: str, operation: Operation, requests: Mapping[str, Headers]
) -> dict[str, httpx.Response]:
    """Send the operation with each of these headers and return the responses."""
    semaphore = asyncio.Semaphore(AT_ONCE)

    async with httpx.AsyncClient(base_url=address, timeout=20) as client:

        async def request(headers: Headers) -> httpx.Response:
            async with semaphore:
                return await client.request(operation.method, operation.address, headers=headers)

        gathered = await asyncio.gather(*map(request, requests.values()))
    return dict(zip(requests, gathered, strict=True))


def is_accepted(response: httpx.Response) -> bool:
    """Return whether a response differs from the one that every invalid token gets."""
    if response.status_code != 401 or response.headers["content-type"] != "application/problem+json":
        return True
    challenge = response.headers.get_list("www-authenticate")
    return response.json()["code"] != "unauthorized" or challenge != ["Bearer"]


def test_operations_without_a_token_are_listed_as_public() -> None:
    public = [operation for operation in OPERATIONS if not operation.private]
    unexpected = [
        operation
        for operation in public
        if not re.match(r"POST /api/v1/auth/|GET .*/(tags|jwks\.json)$", str(operation))
    ]
    assert not unexpected
    assert len(PRIVATE) > len(public)


@pytest.mark.parametrize("operation", PRIVATE, ids=str)
async def test_no_invalid_token_passes_the_gateway(
    operation: Operation, system: Stack, refused: dict[str, Headers]
) -> None:
    responses = await collect_responses(system.url, operation, refused)
    assert {
        name: (response.status_code, response.text)
        for name, response in responses.items()
        if is_accepted(response)
    } == {}


@pytest.mark.parametrize("operation", [*PRIVATE, INTERNAL], ids=str)
async def test_no_invalid_token_passes_a_service(
    operation: Operation, service_urls: dict[str, str], refused: dict[str, Headers]
) -> None:
    responses = await collect_responses(service_urls[operation.path], operation, refused)
    assert {
        name: (response.status_code, response.text)
        for name, response in responses.items()
        if is_accepted(response)
    } == {}


@pytest.mark.parametrize("path", ["/api/v1/users/me", "/api/v1/game/stats", "/api/v1/speech/capabilities"])
async def test_the_valid_form_of_each_token_is_accepted(
    path: str, system: Stack, service_urls: dict[str, str], keys: SigningKeys, learner: Learner
) -> None:
    OWNER.set(get_owner(learner.token))
    valid_headers = {"good": {"Authorization": f"Bearer {keys.sign(build_claims(), typ=ACCESS_TOKEN)}"}}
    for address in (system.url, service_urls[path]):
        responses = await collect_responses(address, Operation("GET", path, {}), valid_headers)
        assert responses["good"].status_code == 200


@pytest.mark.parametrize("operation", ADMIN, ids=str)
async def test_learners_cannot_use_the_operations_of_admins(
    operation: Operation, system: Stack, service_urls: dict[str, str], learner: Learner
) -> None:
    for address in (system.url, service_urls[operation.path]):
        response = (await collect_responses(address, operation, {"learner": learner.headers}))["learner"]
        assert (response.status_code, response.json()["code"]) == (403, "forbidden")


RAISED = {"role": "admin", "roles": ["admin"], "is_admin": True, "user": {"role": "admin"}}
OPEN_TO_ALL = [operation for operation in OPERATIONS if operation.body and operation not in ADMIN]


@pytest.mark.parametrize("operation", OPEN_TO_ALL, ids=str)
async def test_no_field_of_a_body_raises_a_role(
    operation: Operation, gateway: httpx.AsyncClient, learner: Learner
) -> None:
    body = build_example(operation.body or {}) | RAISED
    response = await gateway.request(operation.method, operation.address, json=body, headers=learner.headers)
    assert response.status_code < 500
    account = {"email": learner.user["email"], "password": "Correct4Horse"}
    signed_in = await gateway.post("/api/v1/auth/login", json=account)
    for content in (response.json() if response.content else {}, signed_in.json()):
        if "access_token" in content:
            assert read_role(content["access_token"]) == "learner"
    assert signed_in.status_code == 200


def read_role(token: str) -> str:
    """Return the role in an access token."""
    return str(jwt.decode(token, options={"verify_signature": False})["role"])
