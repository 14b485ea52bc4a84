"""ID tokens of OpenID Connect: what Google, Apple and Facebook's Limited Login sign."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

import jwt
from shared.security.jwt import Keys

from auth.errors import InvalidSocialToken

ALGORITHM = "RS256"
"""The one that all three document."""
LEEWAY_SECONDS = 10
"""How far a provider's clock may be from ours."""
OPTIONS: jwt.types.Options = {
    "require": ["iss", "aud", "exp", "iat", "sub"],
    "enforce_minimum_key_length": True,
}


class IdTokenVerifier:
    """Verifies the ID tokens of one provider, issued for one of our own clients (the audiences)."""

    def __init__(self, keys: Keys, *, issuers: Sequence[str], audiences: Sequence[str]) -> None:
        self._keys, self._issuers, self._audiences = keys, issuers, audiences

    async def verify(self, token: str, *, nonce: str | None) -> dict[str, Any]:
        """The claims of the token. Raises InvalidSocialToken and, without any key, KeysUnavailable.

        Only keys that we looked up by `kid` count: `jku`, `x5u` and `jwk` headers are never read.
        """
        try:
            claims = await self._signed(token)
        except jwt.ExpiredSignatureError:
            raise InvalidSocialToken("The token has expired; sign in with the provider again.") from None
        # What the token says must not end up in a log, so no cause is kept.
        except (jwt.PyJWTError, ValueError):
            raise InvalidSocialToken("The token is no ID token of this provider for this app.") from None
        _check_nonce(claims.get("nonce"), nonce)
        return claims

    async def _signed(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        # Looked at before the key, so that nothing is fetched for what cannot be right.
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
        if not self._is_ours(claims):
            raise jwt.InvalidAudienceError
        return claims

    def _is_ours(self, claims: dict[str, Any]) -> bool:
        """OpenID Connect Core 1.0, section 3.1.3.7: no audience beside us, no stranger who got the token.

        Google names the Android client in `azp` when the token was asked for on behalf of the web client.
        """
        audiences = [claims["aud"]] if isinstance(claims["aud"], str) else claims["aud"]
        parties = [*audiences, claims["azp"]] if "azp" in claims else audiences
        return all(party in self._audiences for party in parties)


def _check_nonce(stated: Any, sent: str | None) -> None:
    """Apps hand the provider their nonce, or (for Apple's and Google's SDKs) the SHA-256 of it in hex."""
    if not sent and not stated:
        return
    if not sent:
        raise InvalidSocialToken("The token was issued for a nonce; send the nonce of this sign-in with it.")
    if not stated:
        raise InvalidSocialToken("The token carries no nonce; hand yours to the provider, or send none.")
    raw = sent.encode("utf-8", "surrogatepass")
    accepted = (raw, hashlib.sha256(raw).hexdigest().encode())
    found = stated.encode("utf-8", "surrogatepass") if isinstance(stated, str) else b""
    # Both are compared in any case: the time must not tell which of them was nearer.
    if not any([hmac.compare_digest(found, each) for each in accepted]):
        raise InvalidSocialToken("The token was issued for another nonce.")
