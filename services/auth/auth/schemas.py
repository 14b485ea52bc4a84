"""What requests and responses of the auth service look like."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl, SecretStr
from shared.http.fields import Text
from shared.security.current_user import Role

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

SocialToken = Annotated[SecretStr, Field(min_length=1, max_length=8192), AfterValidator(_printable)]
Nonce = Annotated[SecretStr, Field(min_length=1, max_length=512), AfterValidator(_printable)]
Provider = Literal["google", "apple", "facebook"]


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


class IdentityLink(BaseModel):
    """A social sign-in to be added to an account."""

    provider: Provider
    token: SocialToken
    nonce: Nonce | None = None


class Forgotten(BaseModel):
    """Whose password is to be set anew."""

    email: Email


class NewPassword(BaseModel):
    """A password, and the token of the link that allows to set it."""

    token: OpaqueToken
    password: Password


class LinkToken(BaseModel):
    """The token of a link that was sent by e-mail."""

    token: OpaqueToken


class PasswordChange(BaseModel):
    """The password as it is, and as it is to be."""

    current_password: Annotated[Password, Field(min_length=1)]
    new_password: Password


class RoleChange(BaseModel):
    """The role that a user is to have."""

    role: Role


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


class LinkedIdentity(BaseModel):
    """A social sign-in of an account."""

    model_config = ConfigDict(from_attributes=True)

    provider: Provider
    linked_at: datetime


class LinkedIdentities(BaseModel):
    """The social sign-ins of an account, oldest first."""

    identities: list[LinkedIdentity]


class Account(User):
    """An account, as admins see it."""

    role: Role


class Page(BaseModel):
    """Which part of a list, newest first."""

    limit: int = Field(50, ge=1, le=200)
    cursor: UUID | None = Field(None, description="The `next_cursor` of the page before.")


class AccountFilter(Page):
    """Which accounts."""

    email: Annotated[Text, Field(max_length=254, description="The address, or how it begins.")] | None = None
    role: Role | None = None


class AuditFilter(Page):
    """Which entries of the audit log."""

    subject_id: UUID | None = None
    action: Annotated[Text, Field(max_length=40)] | None = None


class Pagination(BaseModel):
    """How the list goes on; `next_cursor` is null at its end."""

    limit: int
    next_cursor: UUID | None


class AccountPage(BaseModel):
    """Accounts, newest first."""

    users: list[Account]
    pagination: Pagination


class AuditLogEntry(BaseModel):
    """Who did what to whom. Without an actor it was done by the system, or by a link in an e-mail."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    at: datetime
    actor_id: UUID | None
    action: str
    subject_id: UUID
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditPage(BaseModel):
    """The audit log, newest first."""

    entries: list[AuditLogEntry]
    pagination: Pagination


class HeldIdentity(LinkedIdentity):
    """A social sign-in with all that is held on it."""

    subject: str
    email: str | None = Field(validation_alias="email_key")


class HeldSignIn(BaseModel):
    """A sign-in on one device."""

    model_config = ConfigDict(from_attributes=True)

    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class AccountData(BaseModel):
    """Everything the auth service holds on a learner, but for the hashes of passwords and tokens."""

    model_config = ConfigDict(from_attributes=True)

    profile: Account
    has_password: bool
    password_set_at: datetime
    identities: list[HeldIdentity]
    sign_ins: list[HeldSignIn]
    audit_log: list[AuditLogEntry]
