from datetime import timedelta
from uuid import UUID, uuid4

from shared.clock import utc_now
from shared.security.current_user import Role
from shared.security.jwt import ACCESS_TOKEN

from auth.domain.sign_ins import ACCESS_TOKEN_TTL
from auth.tokens.signing_keys import SigningKeyStore


class AccessTokenIssuer:
    def __init__(self, keys: SigningKeyStore, *, issuer: str, audience: str) -> None:
        self._keys, self._issuer, self._audience = keys, issuer, audience

    def issue(
        self,
        user_id: UUID,
        role: Role,
        *,
        session_id: UUID,
        version: int,
        ttl: timedelta = ACCESS_TOKEN_TTL,
        **claims: str,
    ) -> str:
        now = int(utc_now().timestamp())
        registered = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(user_id),
            "sid": str(session_id),
            "role": role,
            "ver": version,
            "iat": now,
            "exp": now + int(ttl.total_seconds()),
            "jti": uuid4().hex,
        }
        return self._keys.sign(claims | registered, typ=ACCESS_TOKEN)
