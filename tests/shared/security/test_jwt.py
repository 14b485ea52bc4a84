import asyncio
import base64
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from shared.errors import Unauthorized, Unavailable
from shared.security.current_user import AccessTokenVerifier
from shared.security.jwt import (
    ACCESS_TOKEN,
    MAX_KEYLESS_COOLDOWN_SECONDS,
    JwksClient,
    KeysUnavailable,
    SigningKeys,
    StaticKeys,
    create_signing_key,
)

from tests.shared.security.tokens import build_claims, build_claims_without


@pytest.mark.parametrize(
    "wrong",
    [
        build_claims(exp=int(time.time()) - 5),
        build_claims(nbf=int(time.time()) + 60),
        build_claims(iat=int(time.time()) + 60),
        build_claims(iss="someone"),
        build_claims(aud="parley-receipts"),
        build_claims(role="owner"),
        build_claims(sub="not-a-uuid"),
        build_claims(sub=7),
        *(build_claims_without(name) for name in ("exp", "iat", "iss", "aud", "sub", "jti", "role")),
    ],
)
async def test_wrong_claims_are_refused(
    keys: SigningKeys, tokens: AccessTokenVerifier, wrong: dict[str, Any]
) -> None:
    with pytest.raises(Unauthorized):
        await tokens.authenticate(keys.sign(wrong, typ=ACCESS_TOKEN))


@pytest.mark.parametrize("typ", ["JWT", "receipt+jwt", ""])
async def test_a_token_of_another_kind_is_refused(
    keys: SigningKeys, tokens: AccessTokenVerifier, typ: str
) -> None:
    with pytest.raises(Unauthorized):
        await tokens.authenticate(keys.sign(build_claims(), typ=typ))


def forge(header: dict[str, Any], key: Any, algorithm: str) -> str:
    return jwt.encode(build_claims(), key, algorithm, {"typ": ACCESS_TOKEN, **header})


def test_the_published_key_set_has_no_private_parts(keys: SigningKeys) -> None:
    assert all("d" not in key for key in keys.public["keys"])


async def test_forgeries_are_refused(keys: SigningKeys, tokens: AccessTokenVerifier) -> None:
    kid = keys.public["keys"][0]["kid"]
    foreign_key = create_signing_key()
    private = jwt.PyJWK(foreign_key, "ES256").key
    public_bytes = base64.urlsafe_b64decode(keys.public["keys"][0]["x"] + "==")
    valid_token = keys.sign(build_claims(), typ=ACCESS_TOKEN)
    for token in (
        forge({"kid": kid}, None, "none"),
        forge({"kid": kid}, public_bytes, "HS256"),
        forge({"kid": kid}, private, "ES256"),
        forge({"kid": foreign_key["kid"]}, private, "ES256"),
        forge({"kid": foreign_key["kid"], "jku": "http://127.0.0.1:1/jwks.json"}, private, "ES256"),
        forge({"kid": kid, "jwk": {k: v for k, v in foreign_key.items() if k != "d"}}, private, "ES256"),
        forge({}, private, "ES256"),
        valid_token[:-8],
        valid_token + ".x",
        "",
        "a.b.c",
        "💥",
        valid_token.replace(".", "..", 1),
    ):
        with pytest.raises(Unauthorized):
            await tokens.authenticate(token)


async def test_every_key_of_the_set_verifies_and_the_first_signs(keys: SigningKeys) -> None:
    token = keys.sign(build_claims(), typ=ACCESS_TOKEN)
    assert jwt.get_unverified_header(token)["kid"] == keys.public["keys"][0]["kid"]
    swapped = StaticKeys({"keys": keys.public["keys"][::-1]})
    await AccessTokenVerifier(swapped, issuer="parley", audience="parley-api").authenticate(token)


class Jwks:
    """A JWKS address that can change its keys and stop responding."""

    def __init__(self) -> None:
        self.keys = SigningKeys({"keys": [create_signing_key()]})
        self.others: list[Any] = []
        self.fetches = 0
        self.away = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.fetches += 1
                time.sleep(0.05)
                self.send_response(503 if outer.away else 200)
                self.end_headers()
                self.wfile.write(json.dumps({"keys": [*outer.others, *outer.keys.public["keys"]]}).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def kid(self) -> str:
        return str(self.keys.public["keys"][0]["kid"])


@pytest.fixture
def jwks() -> Iterator[Jwks]:
    jwks = Jwks()
    yield jwks
    jwks.server.shutdown()
    jwks.server.server_close()


async def test_many_requests_share_one_fetch(jwks: Jwks) -> None:
    keys = JwksClient(jwks.url)
    results = await asyncio.gather(*(keys.get(jwks.kid) for _ in range(50)))
    assert all(results)
    assert jwks.fetches == 1


async def test_a_new_key_is_fetched_and_unknown_ones_are_not_fetched_repeatedly(jwks: Jwks) -> None:
    keys = JwksClient(jwks.url, cooldown_seconds=0.2)
    await keys.get(jwks.kid)
    for _ in range(20):
        assert await keys.get("invented") is None
    assert jwks.fetches <= 2
    jwks.keys = SigningKeys({"keys": [create_signing_key()]})
    await asyncio.sleep(0.25)
    assert await keys.get(jwks.kid) is not None


async def test_cached_keys_are_used_during_an_outage(jwks: Jwks) -> None:
    keys = JwksClient(jwks.url, max_age_seconds=0.0, cooldown_seconds=0.0)
    await keys.get(jwks.kid)
    jwks.away = True
    assert await keys.get(jwks.kid) is not None


@pytest.mark.timed
async def test_no_request_waits_for_keys_that_are_already_known(jwks: Jwks) -> None:
    keys = JwksClient(jwks.url, max_age_seconds=0.0, cooldown_seconds=0.0)
    await keys.get(jwks.kid)
    assert await asyncio.wait_for(keys.get(jwks.kid), 0.02) is not None
    async with asyncio.timeout(10):
        while jwks.fetches < 2:  # noqa: ASYNC110 - another thread counts
            await asyncio.sleep(0.01)


def create_rsa_key(kid: str, **overrides: Any) -> dict[str, Any]:
    key: dict[str, Any] = RSAAlgorithm.to_jwk(
        rsa.generate_private_key(65537, 2048).public_key(), as_dict=True
    )
    return {**key, "kid": kid, "use": "sig", "alg": "RS256", **overrides}


async def test_keys_for_other_purposes_are_skipped(jwks: Jwks) -> None:
    curve = {"kty": "OKP", "crv": "X25519", "kid": "curve"}
    jwks.others = [None, {}, {"kid": "x"}, curve, create_rsa_key("rsa"), create_rsa_key("enc", use="enc")]
    access_keys, provider_keys = JwksClient(jwks.url), JwksClient(jwks.url, algorithm="RS256")
    assert await access_keys.get(jwks.kid) is not None
    assert await access_keys.get("rsa") is None
    key = await provider_keys.get("rsa")
    assert key is not None
    assert key.algorithm_name == "RS256"
    for kid in (jwks.kid, "enc", "curve"):
        assert await provider_keys.get(kid) is None


async def test_a_response_without_keys_keeps_the_known_ones(jwks: Jwks) -> None:
    keys = JwksClient(jwks.url, cooldown_seconds=0.0)
    known_kid = jwks.kid
    assert await keys.get(known_kid) is not None
    jwks.keys = SigningKeys({"keys": [create_signing_key()]})
    jwks.keys.public["keys"].clear()
    assert await keys.get("unknown") is None
    assert jwks.fetches == 2
    assert await keys.get(known_kid) is not None


async def test_a_failure_of_an_injected_fetch_makes_keys_unavailable() -> None:
    async def fail(_: str) -> Any:
        raise Unavailable("The provider is away.")

    with pytest.raises(KeysUnavailable):
        await JwksClient("https://example.com/keys", fetch=fail).get("any")


async def test_closing_cancels_a_renewal(jwks: Jwks) -> None:
    started, fetched = asyncio.Event(), asyncio.Event()

    async def fetch_slowly(_: str) -> Any:
        if started.is_set():
            await fetched.wait()
        started.set()
        return jwks.keys.public

    keys = JwksClient(jwks.url, max_age_seconds=0.0, cooldown_seconds=0.0, fetch=fetch_slowly)
    await keys.get(jwks.kid)
    await keys.get(jwks.kid)
    (renewal,) = [task for task in asyncio.all_tasks() if "_refresh" in str(task.get_coro())]
    keys.close()
    await asyncio.wait([renewal], timeout=5)
    assert renewal.cancelled()


async def test_without_any_key_requests_are_unavailable(jwks: Jwks) -> None:
    jwks.away = True
    with pytest.raises(KeysUnavailable):
        await JwksClient(jwks.url).get(jwks.kid)


async def test_without_any_key_the_next_fetch_follows_soon(jwks: Jwks) -> None:
    keys = JwksClient(jwks.url, cooldown_seconds=60)
    jwks.away = True
    await keys.fetch_ahead()
    jwks.away = False
    await asyncio.sleep(MAX_KEYLESS_COOLDOWN_SECONDS)
    assert await keys.get(jwks.kid) is not None


async def test_keys_that_were_fetched_ahead_are_not_fetched_again(jwks: Jwks) -> None:
    keys = JwksClient(jwks.url)
    await keys.fetch_ahead()
    jwks.away = True
    assert await keys.get(jwks.kid) is not None
