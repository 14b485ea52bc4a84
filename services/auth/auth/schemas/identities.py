from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from shared.http.fields import RequestModel

from auth.types import AuthorizationCode, Name, Nonce, Password, Provider, SocialToken


class ProviderToken(RequestModel):
    """A provider's token: an ID token, or Facebook's access token."""

    provider: Provider = Field(examples=["google"])
    token: SocialToken
    nonce: Nonce | None = Field(
        None,
        description="The nonce that the app passed to the provider. If it passed the SHA-256 of a text in "
        "hex, send that text: a nonce of 64 hexadecimal digits in a token is always taken for a hash.",
        examples=["n-0S6_WzA2Mj"],
    )
    authorization_code: AuthorizationCode | None = Field(
        None,
        description="Apple's code for this sign-in. With it, deleting the account revokes Apple's grant.",
        examples=["c4f8a1d0e5b74b0f9d3a2c6e8f1b7d9a.0.srtzt.Qm1p7w"],
    )


class LinkIdentityRequest(ProviderToken):
    """The token, and the account's password unless you signed in within the last ten minutes."""

    password: Annotated[Password, Field(min_length=1)] | None = Field(
        None, description="The account's password.", examples=["Correct4Horse"]
    )


class SocialSignInRequest(ProviderToken):
    name: Name | None = Field(
        None,
        description="The name for a new account. Apple gives it only to the app, and only once.",
        examples=["Ada"],
    )


class IdentityRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    provider: Provider = Field(examples=["google"])
    linked_at: datetime = Field(examples=["2026-05-01T12:00:00Z"])


class IdentityList(BaseModel):
    """The account's identities, oldest first."""

    identities: list[IdentityRead]
