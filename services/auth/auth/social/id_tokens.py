"""ID tokens of OpenID Connect, as Google, Apple and Facebook's Limited Login sign them."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Any

import jwt
from shared.security.jwt import KeySource

from auth.errors import InvalidSocialToken

ALGORITHM = "RS256"
"""The algorithm that all three providers document."""
LEEWAY_SECONDS = 10
"""Allowed difference between a provider's clock and ours."""
SHA256_HEX = re.compile(r"[0-9A-Fa-f]{64}")
OPTIONS: jwt.types.Options = {
    "require": ["iss", "aud", "exp", "iat", "sub"],
    "enforce_minimum_key_length": True,
}


class IdTokenVerifier:
    def __init__(self, keys: KeySource, *, issuers: Sequence[str], audiences: Sequence[str]) -> None:
        self._keys, self._issuers, self._audiences = keys, issuers, audiences

    async def verify(self, token: str, *, nonce: str | None) -> dict[str, Any]:
        """Return the claims. Keys are looked up by `kid` only; `jku`, `x5u` and `jwk` headers are ignored."""
        try:
            claims = await self._decode(token)
        except jwt.ExpiredSignatureError:
            raise InvalidSocialToken("The token has expired; sign in with the provider again.") from None
        # `from None`: the token's content must not reach the logs through the cause.
        except (jwt.PyJWTError, ValueError):
            raise InvalidSocialToken("The token is not an ID token of this provider for this app.") from None
        _validate_nonce(claims.get("nonce"), nonce)
        return claims

    async def _decode(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        # Checked before the key lookup, so that such a token causes no fetch.
        if header.get("alg") != ALGORITHM or not isinstance(header.get("kid"), str):
            raise jwt.InvalidAlgorithmError
        key = await self._keys.get(header["kid"])
        if key is None:
            raise jwt.InvalidKeyError
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            [ALGORITHM],
            OPTIONS,
            audience=self._audiences,
            issuer=self._issuers,
            leeway=LEEWAY_SECONDS,
        )
        if not self._is_for_us(claims):
            raise jwt.InvalidAudienceError
        return claims

    def _is_for_us(self, claims: dict[str, Any]) -> bool:
        """Check that every audience and authorized party is ours (OpenID Connect Core 1.0, 3.1.3.7).

        Google names the Android client in `azp` if the token was requested on behalf of the web client.
        """
        audiences = [claims["aud"]] if isinstance(claims["aud"], str) else claims["aud"]
        client_ids = [*audiences, claims["azp"]] if "azp" in claims else audiences
        return all(party in self._audiences for party in client_ids)


def _validate_nonce(claimed: Any, sent: str | None) -> None:
    """Accept the nonce that the app passed to the provider, or the text whose SHA-256 in hex it passed."""
    if not sent and not claimed:
        return
    if not sent:
        raise InvalidSocialToken("The token contains a nonce; send the nonce of this sign-in with it.")
    if not claimed:
        raise InvalidSocialToken("The token has no nonce; pass yours to the provider, or send none.")
    expected = sent.encode("utf-8", "surrogatepass")
    if isinstance(claimed, str) and SHA256_HEX.fullmatch(claimed):
        # Anyone who sees the token sees the hash; only the text that was hashed proves anything.
        expected = hashlib.sha256(expected).hexdigest().encode()
    claimed_bytes = claimed.encode("utf-8", "surrogatepass") if isinstance(claimed, str) else b""
    if not hmac.compare_digest(claimed_bytes, expected):
        raise InvalidSocialToken("The token was issued for another nonce.")
