"""Sign-ins."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from auth.domain.sign_ins import ACCESS_TOKEN_TTL
from auth.schemas.users import UserRead
from auth.types import Email, OpaqueToken, Password


class LoginRequest(BaseModel):
    """What an account is signed in with."""

    email: Email
    password: Annotated[Password, Field(min_length=1)]


class RefreshRequest(BaseModel):
    """A refresh token, as the last answer gave it."""

    refresh_token: OpaqueToken


class TokenPair(BaseModel):
    """An access token for the Authorization header, and a refresh token, good for one next pair."""

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of the scheme, no secret
    expires_in: int = int(ACCESS_TOKEN_TTL.total_seconds())


class LoginResponse(TokenPair):
    """TokenPair, and whose they are."""

    user: UserRead
