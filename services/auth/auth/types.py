"""Types that the layers of the auth service share."""

import unicodedata
from typing import Annotated, Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field, HttpUrl, SecretStr
from shared.http.fields import Text


def normalize_password(password: str) -> str:
    """The password as it is hashed, however a keyboard composes it: OpaqueString of RFC 8265.

    Raises ValueError for control characters and lone surrogates.
    """
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in password):
        raise ValueError("must not contain control characters")
    spaced = "".join(" " if unicodedata.category(c) == "Zs" else c for c in password)
    return unicodedata.normalize("NFC", spaced)


def _address(value: str) -> str:
    try:
        # Nearly no mail server takes characters beyond ASCII before the @; behind it they have an ASCII form.
        checked = validate_email(value.strip(), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise ValueError(str(error).rstrip(".")) from error
    return checked.normalized


def _normalize(value: SecretStr) -> SecretStr:
    return SecretStr(normalize_password(value.get_secret_value()))


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
Password = Annotated[SecretStr, Field(max_length=1024), AfterValidator(_normalize)]
Name = Annotated[Text, Field(min_length=1, max_length=100)]
AvatarUrl = Annotated[HttpUrl, AfterValidator(_short)]
# As RFC 6749 spells tokens. What could be one but is not is wrong (401), not malformed (422).
OpaqueToken = Annotated[SecretStr, Field(min_length=1, max_length=2048), AfterValidator(_printable)]
SocialToken = Annotated[SecretStr, Field(min_length=1, max_length=8192), AfterValidator(_printable)]
Nonce = Annotated[SecretStr, Field(min_length=1, max_length=512), AfterValidator(_printable)]
Provider = Literal["google", "apple", "facebook"]
EmailKind = Literal["verify_email", "reset_password", "password_changed", "sign_in_added"]
TokenPurpose = Literal["verify_email", "reset_password"]
Action = Literal[
    "account_claimed",
    "account_deleted",
    "admin_appointed",
    "identity_linked",
    "identity_unlinked",
    "password_changed",
    "password_reset",
    "refresh_token_reused",
    "role_changed",
]
