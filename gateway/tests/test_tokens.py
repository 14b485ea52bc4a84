"""Only tokens of ours open anything, whatever is tried; the answer never says more than that."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from shared.testing import TokenFor
from shared.tokens import ACCESS_TOKEN, SigningKeys, new_signing_key

from gateway.tests.problems import problem_of
from gateway.tests.stand_in import StandIn

PRIVATE = "/api/v1/users/me"


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    usual = {"iss": "parley", "aud": "parley-api", "sub": str(uuid4()), "jti": uuid4().hex, "role": "admin"}
    return {**usual, "iat": now, "exp": now + 900, **changes}


def _hs256(header: dict[str, str], key: bytes) -> str:
    signed = f"{_base64url(json.dumps(header).encode())}.{_base64url(json.dumps(_claims()).encode())}"
    return f"{signed}.{_base64url(hmac.digest(key, signed.encode(), hashlib.sha256))}"


def _signed_with_the_public_key(keys: SigningKeys, encoding: Encoding) -> str:
    jwk = keys.public["keys"][0]
    key = jwt.PyJWK(jwk).key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    return _hs256({"alg": "HS256", "typ": ACCESS_TOKEN, "kid": jwk["kid"]}, key)


def _unsigned(keys: SigningKeys, algorithm: str) -> str:
    header = {"alg": algorithm, "typ": ACCESS_TOKEN, "kid": keys.public["keys"][0]["kid"]}
    return f"{_base64url(json.dumps(header).encode())}.{_base64url(json.dumps(_claims()).encode())}."


def _of_a_stranger(keys: SigningKeys, **header: Any) -> str:
    """Signed well, but by a key of the attacker."""
    key = ec.generate_private_key(ec.SECP256R1())
    kid = keys.public["keys"][0]["kid"]
    return jwt.encode(_claims(), key, "ES256", {"typ": ACCESS_TOKEN, "kid": kid, **header})


def _with_its_own_key(keys: SigningKeys) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return jwt.encode(_claims(), key, "ES256", {"typ": ACCESS_TOKEN, "jwk": jwk})


def _tampered(keys: SigningKeys) -> str:
    header, _, signature = keys.sign(_claims(role="learner"), typ=ACCESS_TOKEN).split(".")
    return f"{header}.{_base64url(json.dumps(_claims()).encode())}.{signature}"


def _claiming(**changes: Any) -> Callable[[SigningKeys], str]:
    return lambda keys: keys.sign(
        {name: value for name, value in _claims(**changes).items() if value is not None}, typ=ACCESS_TOKEN
    )


FORGERIES: dict[str, Callable[[SigningKeys], str]] = {
    "expired": _claiming(exp=int(time.time()) - 60),
    "without expiry": _claiming(exp=None),
    "not valid yet": _claiming(nbf=int(time.time()) + 600),
    "another issuer": _claiming(iss="somebody"),
    "no issuer": _claiming(iss=None),
    "another audience": _claiming(aud="somebody"),
    "no audience": _claiming(aud=None),
    "alg none": lambda keys: _unsigned(keys, "none"),
    "alg NoNe": lambda keys: _unsigned(keys, "NoNe"),
    "no signature": lambda keys: _unsigned(keys, "ES256"),
    "HS256 over the public key, PEM": lambda keys: _signed_with_the_public_key(keys, Encoding.PEM),
    "HS256 over the public key, DER": lambda keys: _signed_with_the_public_key(keys, Encoding.DER),
    "HS256 over the key's name": lambda keys: _hs256(
        {"alg": "HS256"}, keys.public["keys"][0]["kid"].encode()
    ),
    "a stranger's signature under our kid": _of_a_stranger,
    "an unknown kid": lambda keys: _of_a_stranger(keys, kid="nobody"),
    "a kid that is a path": lambda keys: _of_a_stranger(keys, kid="../../../../dev/null"),
    "jku": lambda keys: _of_a_stranger(keys, jku="http://127.0.0.1:1/jwks.json"),
    "x5u": lambda keys: _of_a_stranger(keys, x5u="http://127.0.0.1:1/chain.pem"),
    "brings its own key": _with_its_own_key,
    "our kid, unpublished key": lambda keys: SigningKeys(
        {"keys": [new_signing_key() | {"kid": keys.public["keys"][0]["kid"]}]}
    ).sign(_claims(), typ=ACCESS_TOKEN),
    "claims exchanged": _tampered,
    "garbage": lambda _: "garbage",
    "three parts of garbage": lambda _: "a.b.c",
    "dots": lambda _: "..",
    "long": lambda _: "x" * 20_000,
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
async def test_a_forged_token_is_refused(
    forge: Callable[[SigningKeys], str],
    client: httpx.AsyncClient,
    signing_keys: SigningKeys,
    stand_ins: dict[str, StandIn],
) -> None:
    before = len(stand_ins["auth"].seen)
    answer = await client.get(PRIVATE, headers={"Authorization": f"Bearer {forge(signing_keys)}"})
    assert problem_of(answer)["code"] == "unauthorized"
    assert answer.status_code == 401
    assert answer.headers.get_list("www-authenticate") == ["Bearer"]
    assert not [seen for seen in stand_ins["auth"].seen[before:] if seen.target == PRIVATE]


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Basic bGVhcm5lcjpwYXNz", "Token {}", "{}"])
async def test_a_request_without_a_bearer_token_is_refused(
    authorization: str | None, client: httpx.AsyncClient, token_for: TokenFor
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization.format(token_for(uuid4()))}
    answer = await client.get(PRIVATE, headers=headers)
    assert problem_of(answer)["code"] == "unauthorized"
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_good_token_passes_and_is_forwarded(
    client: httpx.AsyncClient, bearer: dict[str, str], stand_ins: dict[str, StandIn]
) -> None:
    assert (await client.get(PRIVATE, headers=bearer)).status_code == 200
    assert stand_ins["auth"].seen[-1].all_of("authorization") == [bearer["Authorization"]]


async def test_the_scheme_may_be_written_small(client: httpx.AsyncClient, bearer: dict[str, str]) -> None:
    small = bearer["Authorization"].replace("Bearer", "bearer")
    assert (await client.get(PRIVATE, headers={"Authorization": small})).status_code == 200


async def test_a_token_in_the_address_does_not_count(client: httpx.AsyncClient, token_for: TokenFor) -> None:
    answer = await client.get(PRIVATE, params={"access_token": token_for(uuid4())})
    assert answer.status_code == 401


async def test_a_token_in_a_cookie_does_not_count(client: httpx.AsyncClient, token_for: TokenFor) -> None:
    answer = await client.get(PRIVATE, headers={"Cookie": f"access_token={token_for(uuid4())}"})
    assert answer.status_code == 401


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
    good, bad = f"Bearer {token_for(uuid4())}", f"Bearer {token_for(uuid4(), exp=1)}"
    headers = [("Authorization", value.format(good=good, bad=bad)) for value in values]
    answer = await client.get(PRIVATE, headers=headers)
    assert problem_of(answer)["code"] == "unauthorized"
