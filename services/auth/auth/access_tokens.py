"""Access tokens: what this service signs and all services verify."""

import time
from uuid import UUID, uuid4

import jwt
from shared.tokens import ACCESS_TOKEN, Role, SigningKeys

from auth.domain import ACCESS_LIFETIME
from auth.settings import AuthSettings


class KeysMissing(SystemExit):
    """There is nothing to sign with. Uncaught, it ends the process with its line."""


def signing_keys(settings: AuthSettings) -> SigningKeys:
    """The keys of SIGNING_KEYS_FILE. Raises KeysMissing if they cannot be used."""
    path = settings.signing_keys_file
    if path is None:
        raise KeysMissing("SIGNING_KEYS_FILE is not set: name a file with a private JWK set (EC, P-256).")
    try:
        keys = SigningKeys.load(path)
        keys.sign({}, typ=ACCESS_TOKEN)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, jwt.PyJWTError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a private JWK set (EC, P-256)"
        raise KeysMissing(f"SIGNING_KEYS_FILE cannot be used: {path}: {reason}.") from error
    return keys


class AccessTokenIssuer:
    """Signs access tokens of 15 minutes."""

    def __init__(self, keys: SigningKeys, *, issuer: str, audience: str) -> None:
        self._keys, self._issuer, self._audience = keys, issuer, audience

    def issue(self, user_id: UUID, role: Role) -> str:
        """A token that speaks for the user, in this role, until it expires."""
        now = int(time.time())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(user_id),
            "role": role,
            "iat": now,
            "exp": now + int(ACCESS_LIFETIME.total_seconds()),
            "jti": uuid4().hex,
        }
        return self._keys.sign(claims, typ=ACCESS_TOKEN)
