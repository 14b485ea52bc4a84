"""Tokens signed with ES256: keys, key sets, signing and verification."""

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import httpx
import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from shared.errors import Unauthorized, Unavailable

log = structlog.get_logger(__name__)

ALGORITHM = "ES256"
ACCESS_TOKEN = "at+jwt"  # noqa: S105 - the media type of RFC 9068, not a secret
LEEWAY_SECONDS = 2
"""Tolerated difference between the clocks of two machines."""
MAX_KEYLESS_COOLDOWN_SECONDS = 0.5
"""Without any key, a process cannot work, so it retries sooner."""
REQUIRED_CLAIMS = ["iss", "aud", "exp", "iat", "sub", "jti"]


class KeysUnavailable(Unavailable):
    """No public key was ever fetched, and none can be fetched now."""

    code = "keys_unavailable"


def create_signing_key() -> dict[str, Any]:
    """Generate a private EC key on P-256 as a JWK. Its `kid` is the start of its thumbprint (RFC 7638)."""
    key: dict[str, Any] = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)
    members = json.dumps({name: key[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    digest = hashlib.sha256(members.encode()).digest()
    return key | {"kid": base64.urlsafe_b64encode(digest)[:16].decode()}


class SigningKeys:
    """Private EC keys of a JWK set. The first one signs, all of them verify."""

    def __init__(self, jwks: dict[str, Any]) -> None:
        self._keys = {key["kid"]: jwt.PyJWK(key, ALGORITHM) for key in jwks["keys"]}
        self._current = jwks["keys"][0]["kid"]
        public = ("kty", "crv", "x", "y", "kid")
        self.public = {
            "keys": [{k: key[k] for k in public} | {"alg": ALGORITHM, "use": "sig"} for key in jwks["keys"]]
        }

    @classmethod
    def load(cls, path: Path) -> "SigningKeys":
        """Read a JWK set. Raises OSError, ValueError or KeyError."""
        return cls(json.loads(path.read_text()))

    def sign(self, claims: dict[str, Any], *, typ: str) -> str:
        headers = {"typ": typ, "kid": self._current}
        return jwt.encode(claims, self._keys[self._current].key, ALGORITHM, headers)


class KeySource(Protocol):
    """A source of public keys: the key with an id, or None."""

    async def get(self, kid: str) -> jwt.PyJWK | None: ...


class StaticKeys:
    def __init__(self, jwks: dict[str, Any]) -> None:
        self._keys = {key["kid"]: jwt.PyJWK(key, ALGORITHM) for key in jwks["keys"]}

    async def get(self, kid: str) -> jwt.PyJWK | None:
        return self._keys.get(kid)


type Fetch = Callable[[str], Awaitable[Any]]


async def _fetch(url: str) -> Any:
    async with httpx.AsyncClient(timeout=2.0) as client:
        return (await client.get(url)).raise_for_status().json()


def parse_keys(jwks: Any, algorithm: str) -> dict[str, jwt.PyJWK]:
    """Return the keys for this algorithm, by id. Raises ValueError, KeyError or TypeError without any."""
    keys = {}
    for key in jwks["keys"]:
        with suppress(jwt.PyJWTError, KeyError, TypeError, ValueError, AttributeError):
            if key.get("use", "sig") == "sig" and key.get("alg", algorithm) == algorithm:
                keys[key["kid"]] = jwt.PyJWK(key, algorithm)
    if not keys:
        raise ValueError("no usable key")
    return keys


class JwksClient:
    """Public keys from a JWKS URL, cached for `max_age_seconds`, and without limit while the URL is down.

    Concurrent requests share one fetch. An unknown `kid` fetches early, at most once in `cooldown_seconds`.
    A response without a usable key changes nothing. A custom `fetch` may raise Unavailable.
    """

    def __init__(
        self,
        url: str,
        *,
        algorithm: str = ALGORITHM,
        max_age_seconds: float = 300.0,
        cooldown_seconds: float = 5.0,
        fetch: Fetch = _fetch,
    ) -> None:
        self._url, self._algorithm, self._fetch = url, algorithm, fetch
        self._max_age, self._cooldown = max_age_seconds, cooldown_seconds
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._lock = asyncio.Lock()
        self._renewal: asyncio.Task[None] | None = None

    async def fetch_ahead(self) -> None:
        """Fetch the keys before the first request needs them. Failures are only logged."""
        await self._refresh(requested_at=time.monotonic())

    async def get(self, kid: str) -> jwt.PyJWK | None:
        now = time.monotonic()
        if kid not in self._keys:
            await self._refresh(requested_at=now)
        elif now - self._fetched_at > self._max_age and (self._renewal is None or self._renewal.done()):
            # A request with a known key must not wait for a URL that may hang.
            self._renewal = asyncio.create_task(self._refresh(requested_at=now))
        if not self._keys:
            raise KeysUnavailable("Tokens cannot be verified right now; try again in a moment.")
        return self._keys.get(kid)

    def close(self) -> None:
        if self._renewal is not None:
            self._renewal.cancel()

    async def _refresh(self, *, requested_at: float) -> None:
        async with self._lock:
            cooldown = self._cooldown if self._keys else min(self._cooldown, MAX_KEYLESS_COOLDOWN_SECONDS)
            if self._tried_at >= requested_at or time.monotonic() - self._tried_at < cooldown:
                return
            try:
                self._keys = parse_keys(await self._fetch(self._url), self._algorithm)
                self._fetched_at = time.monotonic()
            except (httpx.HTTPError, Unavailable, ValueError, KeyError, TypeError) as error:
                log.warning("jwks_not_fetched", url=self._url, reason=type(error).__name__)
            finally:
                self._tried_at = time.monotonic()


async def verify(token: str, keys: KeySource, *, typ: str, issuer: str, audience: str) -> dict[str, Any]:
    """Return the claims of a token signed by one of the keys. Raises Unauthorized for every other token.

    Accepts only ES256, only the given `typ` (RFC 8725, section 3.11), and only keys looked up by `kid`: the
    `jku`, `x5u` and `jwk` headers are never read.
    """
    claims, _ = await verify_with_key(token, keys, typ=typ, issuer=issuer, audience=audience)
    return claims


async def verify_with_key(
    token: str, keys: KeySource, *, typ: str, issuer: str, audience: str
) -> tuple[dict[str, Any], jwt.PyJWK]:
    """Return the claims and the key that signed them. Raises Unauthorized."""
    try:
        header = jwt.get_unverified_header(token)
        key = await keys.get(header["kid"]) if isinstance(header.get("kid"), str) else None
        if key is None or header.get("typ", "").lower() != typ:
            raise Unauthorized("The token was not issued for this purpose.")
        options: jwt.types.Options = {"require": REQUIRED_CLAIMS}
        claims = jwt.decode(
            token, key, [ALGORITHM], options, audience=audience, issuer=issuer, leeway=LEEWAY_SECONDS
        )
        return claims, key
    except jwt.ExpiredSignatureError as error:
        raise Unauthorized("The token has expired.") from error
    except (jwt.PyJWTError, ValueError, AttributeError) as error:
        raise Unauthorized("The token is not valid.") from error
