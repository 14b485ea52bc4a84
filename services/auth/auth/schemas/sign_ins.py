from typing import Annotated, Literal

from pydantic import BaseModel, Field
from shared.http.fields import RequestModel

from auth.domain.sign_ins import ACCESS_TOKEN_TTL
from auth.schemas.users import UserRead
from auth.types import Email, OpaqueToken, Password


class LoginRequest(RequestModel):
    email: Email
    password: Annotated[Password, Field(min_length=1)]


class RefreshRequest(RequestModel):
    """The refresh token of the latest response."""

    refresh_token: OpaqueToken


class LogoutRequest(RequestModel):
    """Any refresh token of the session."""

    refresh_token: OpaqueToken


class TokenPair(BaseModel):
    """An access token for the Authorization header, and a refresh token that can be used once."""

    access_token: str = Field(examples=["eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiIwMTk3In0.c2ln"])
    refresh_token: str = Field(examples=["kq3Zb0V1wq8sJm5yPZr4t7fX2cN9aH6LdE1gU0oTiYs"])
    token_type: Literal["Bearer"] = Field("Bearer", examples=["Bearer"])
    expires_in: int = Field(
        int(ACCESS_TOKEN_TTL.total_seconds()),
        description="Seconds until the access token expires.",
        examples=[900],
    )


class LoginResponse(TokenPair):
    user: UserRead
