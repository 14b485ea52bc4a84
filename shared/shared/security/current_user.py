"""The user who makes a request, by access token."""

import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import jwt
from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict

from shared.errors import Forbidden, Unauthorized
from shared.security.jwt import ACCESS_TOKEN, KeySource, verify_with_key
from shared.security.revocation import Revocations

TOKEN_CACHE_SIZE = 5_000
"""Size of a process's cache of verified tokens, about 1 KB each."""

Role = Literal["learner", "editor", "admin"]


class Principal(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: UUID
    role: Role
    session_id: UUID | None = None
    """The sign-in that the token was issued for. It may have ended since."""
    token_version: int = 0
    csrf: str | None = None
    """The CSRF value for forms of the admin panel. Only tokens for its pages have it."""


class CachedToken(NamedTuple):
    principal: Principal
    expires_at: float
    key: jwt.PyJWK


class AccessTokenVerifier:
    def __init__(
        self, keys: KeySource, *, issuer: str, audience: str, revocations: Revocations | None = None
    ) -> None:
        self._keys, self._issuer, self._audience = keys, issuer, audience
        self._revocations = revocations
        self._cache: dict[str, CachedToken] = {}

    async def authenticate(self, token: str) -> Principal:
        """Return the user of the token. Raises Unauthorized."""
        principal = await self._verify(token)
        if self._is_revoked(principal):
            raise Unauthorized("The token was revoked; refresh it, or sign in again.")
        return principal

    async def _verify(self, token: str) -> Principal:
        # Verifying a signature takes as long as a small query.
        cached = self._cache.get(token)
        if (
            cached
            and time.time() < cached.expires_at
            and await self._keys.get(str(cached.key.key_id)) is cached.key
        ):
            return cached.principal
        claims, key = await verify_with_key(
            token, self._keys, typ=ACCESS_TOKEN, issuer=self._issuer, audience=self._audience
        )
        principal = _to_principal(claims)
        self._store(token, CachedToken(principal, float(claims["exp"]), key))
        return principal

    def _is_revoked(self, principal: Principal) -> bool:
        revocations, version = self._revocations, principal.token_version
        if revocations is None:
            return False
        return revocations.is_revoked(principal.id, version) or revocations.is_revoked(
            principal.session_id, version
        )

    def _store(self, token: str, cached: CachedToken) -> None:
        self._cache.pop(token, None)
        if len(self._cache) >= TOKEN_CACHE_SIZE:
            # The oldest entry expires first.
            del self._cache[next(iter(self._cache))]
        self._cache[token] = cached


def _to_principal(claims: dict[str, Any]) -> Principal:
    try:
        return Principal(
            id=claims["sub"],
            role=claims["role"],
            session_id=claims.get("sid"),
            token_version=claims.get("ver", 0),
            csrf=claims.get("csrf"),
        )
    except (KeyError, ValueError) as error:
        raise Unauthorized("The token is not valid.") from error


class _AccessToken(HTTPBearer):
    """The user of the access token. A single dependency, because each one costs every request."""

    async def __call__(self, request: Request) -> Principal:  # type: ignore[override] # returns the user instead of the credentials
        credentials = await super().__call__(request)
        if credentials is None:
            raise Unauthorized("Send an access token: Authorization: Bearer <token>.")
        verifier: AccessTokenVerifier = request.app.state.token_verifier
        principal = await verifier.authenticate(credentials.credentials)
        request.state.user_id = principal.id
        # The share can be acquired only once the user is known.
        if (acquire_share := getattr(request.state, "acquire_share", None)) is not None:
            await acquire_share(principal.id)
        return principal


authenticate = _AccessToken(
    scheme_name="HTTPBearer",
    auto_error=False,
    bearerFormat="JWT",
    description="An access token of POST /auth/login.",
)
CurrentUser = Annotated[Principal, Security(authenticate)]


def require_role(*roles: Role) -> Callable[[Principal], Awaitable[Principal]]:
    async def check(principal: CurrentUser) -> Principal:
        if principal.role not in roles:
            raise Forbidden("Your account is not allowed to do this.")
        return principal

    return check


CurrentEditor = Annotated[Principal, Depends(require_role("editor", "admin"))]
