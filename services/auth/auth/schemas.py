"""What requests and responses of the auth service look like."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl, SecretStr
from shared.fields import Text

from auth.domain import ACCESS_LIFETIME, prepared


def _address(value: str) -> str:
    try:
        # Nearly no mail server takes characters beyond ASCII before the @; behind it they have an ASCII form.
        checked = validate_email(value.strip(), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise ValueError(str(error).rstrip(".")) from error
    return checked.normalized


def _prepared(value: SecretStr) -> SecretStr:
    return SecretStr(prepared(value.get_secret_value()))


def _printable(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not (text.isascii() and text.isprintable()):
        raise ValueError("must be printable ASCII")
    return value


def _short(value: HttpUrl) -> HttpUrl:
    # Measured as it is kept: spelling a host or a path out in ASCII makes it longer.
    if len(str(value)) > 2048:
        raise ValueError("must have at most 2048 characters")
    return value


Email = Annotated[str, Field(max_length=254, json_schema_extra={"format": "email"}), AfterValidator(_address)]
# The bound keeps the work of normalising small; which length a new password may have is for `domain` to say.
Password = Annotated[SecretStr, Field(max_length=1024), AfterValidator(_prepared)]
Name = Annotated[Text, Field(min_length=1, max_length=100)]
AvatarUrl = Annotated[HttpUrl, AfterValidator(_short)]
# As RFC 6749 spells tokens. What could be one but is not is wrong (401), not malformed (422).
OpaqueToken = Annotated[SecretStr, Field(min_length=1, max_length=2048), AfterValidator(_printable)]


class Registration(BaseModel):
    """What a new account needs."""

    email: Email
    password: Password
    name: Name


class Credentials(BaseModel):
    """What an account is signed in with."""

    email: Email
    password: Annotated[Password, Field(min_length=1)]


class PresentedToken(BaseModel):
    """A refresh token, as the last answer gave it."""

    refresh_token: OpaqueToken


class ProfileChanges(BaseModel):
    """What is to be changed; what is left out stays. An `avatar_url` of null removes the picture."""

    # A default without a meaning: only fields that were sent are changes, and null is no name.
    name: Name = Field(default_factory=str)
    avatar_url: AvatarUrl | None = None


class User(BaseModel):
    """An account, as its owner sees it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    email: str
    name: str
    avatar_url: str | None
    auth_provider: str
    email_verified: bool
    created_at: datetime
    updated_at: datetime


class Tokens(BaseModel):
    """An access token for the Authorization header, and a refresh token, good for one next pair."""

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of the scheme, no secret
    expires_in: int = int(ACCESS_LIFETIME.total_seconds())


class SignedIn(Tokens):
    """Tokens, and whose they are."""

    user: User
