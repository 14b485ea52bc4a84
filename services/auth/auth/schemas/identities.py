"""Social sign-ins."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from auth.types import Name, Nonce, Provider, SocialToken


class SocialSignInRequest(BaseModel):
    """What a provider has given the app: an ID token, or Facebook's access token."""

    provider: Provider
    token: SocialToken
    nonce: Nonce | None = Field(
        None, description="What the app had asked the provider to put into the token, or the text it hashed."
    )
    name: Name | None = Field(
        None,
        description="For an account that is opened: Apple tells the name to the app alone, and only once.",
    )


class LinkIdentityRequest(BaseModel):
    """A social sign-in to be added to an account."""

    provider: Provider
    token: SocialToken
    nonce: Nonce | None = None


class IdentityRead(BaseModel):
    """A social sign-in of an account."""

    model_config = ConfigDict(from_attributes=True)

    provider: Provider
    linked_at: datetime


class IdentityList(BaseModel):
    """The social sign-ins of an account, oldest first."""

    identities: list[IdentityRead]
