"""The user that a request is made for, by its access token."""

import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Literal, NamedTuple
from uuid import UUID

import jwt
from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict

from shared.errors import Forbidden, Unauthorized
from shared.security.jwt import ACCESS_TOKEN, Keys, verify_with_key

REMEMBERED = 5_000
"""Tokens that a process recognises, about 1 KB each."""

Role = Literal["learner", "editor", "admin"]


class Caller(BaseModel):
    """Whoever made the request."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    role: Role
    session_id: UUID | None = None
    """The sign-in that the token comes from; it may have ended since."""


class _Seen(NamedTuple):
    """A token that was good: who it speaks for, until when, and the key that says so."""

    caller: Caller
    ends: float
    key: jwt.PyJWK


class AccessTokens:
    """Verifies the access tokens of requests.

    To verify a signature takes as long as a small query, so a token that was good is taken for good again, to
    the letter, while it has not expired and its key is still published.
    """

    def __init__(self, keys: Keys, *, issuer: str, audience: str) -> None:
        self._keys, self._issuer, self._audience = keys, issuer, audience
        self._seen: dict[str, _Seen] = {}

    async def caller(self, token: str) -> Caller:
        """Who the token speaks for. Raises Unauthorized."""
        seen = self._seen.get(token)
        if seen and time.time() < seen.ends and await self._keys.get(str(seen.key.key_id)) is seen.key:
            return seen.caller
        claims, key = await verify_with_key(
            token, self._keys, typ=ACCESS_TOKEN, issuer=self._issuer, audience=self._audience
        )
        try:
            caller = Caller(id=claims["sub"], role=claims["role"], session_id=claims.get("sid"))
        except (KeyError, ValueError) as error:
            raise Unauthorized("The token is not valid.") from error
        self._remember(token, _Seen(caller, float(claims["exp"]), key))
        return caller

    def _remember(self, token: str, seen: _Seen) -> None:
        self._seen.pop(token, None)
        if len(self._seen) >= REMEMBERED:
            # The oldest: it is the first to expire.
            del self._seen[next(iter(self._seen))]
        self._seen[token] = seen


class _AccessToken(HTTPBearer):
    """Whoever the token in the header speaks for, in one dependency, which every request resolves."""

    async def __call__(self, request: Request) -> Caller:  # type: ignore[override] # no credentials, who they are
        credentials = await super().__call__(request)
        if credentials is None:
            raise Unauthorized("Send an access token: Authorization: Bearer <token>.")
        tokens: AccessTokens = request.app.state.tokens
        return await tokens.caller(credentials.credentials)


_caller = _AccessToken(
    scheme_name="HTTPBearer",
    auto_error=False,
    bearerFormat="JWT",
    description="An access token of POST /auth/login.",
)
CurrentUser = Annotated[Caller, Security(_caller)]


def has_role(*roles: Role) -> Callable[[Caller], Awaitable[Caller]]:
    """A dependency that lets only these roles pass."""

    async def check(caller: CurrentUser) -> Caller:
        if caller.role not in roles:
            raise Forbidden("Your account may not do this.")
        return caller

    return check


Editor = Annotated[Caller, Depends(has_role("editor", "admin"))]
