"""A person's identity at a provider."""

import re
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from auth.errors import InvalidSocialToken
from auth.types import AvatarUrl, Email, Name, Provider

SUBJECT = re.compile(r"[!-~]{1,255}")
"""OpenID Connect Core 1.0, section 2: at most 255 ASCII characters."""

_EMAIL: TypeAdapter[Any] = TypeAdapter(Email)
_NAME: TypeAdapter[Any] = TypeAdapter(Name)
_AVATAR_URL: TypeAdapter[Any] = TypeAdapter(AvatarUrl)


@dataclass(frozen=True, kw_only=True)
class VerifiedIdentity:
    """A person, identified by the provider's stable `subject`. Absent or unusable values are None.

    `email_verified` means that the provider has verified the address.
    """

    provider: Provider
    subject: str
    email: str | None
    email_verified: bool
    name: str | None
    avatar_url: str | None


def build_verified_identity(
    provider: Provider, subject: Any, *, email: Any, email_verified: bool, name: Any, picture: Any
) -> VerifiedIdentity:
    """Build an identity from a provider's claims. Raises InvalidSocialToken without a subject.

    Users choose their names and pictures themselves, so unusable ones are dropped and do not stop a sign-in.
    """
    if not isinstance(subject, str) or not SUBJECT.fullmatch(subject):
        raise InvalidSocialToken("The token does not name a user.")
    address = _valid_or_none(_EMAIL, email)
    url = _valid_or_none(_AVATAR_URL, picture) if isinstance(picture, str) else None
    return VerifiedIdentity(
        provider=provider,
        subject=subject,
        email=address,
        email_verified=email_verified and address is not None,
        name=_valid_or_none(_NAME, name),
        avatar_url=str(url) if url is not None and url.scheme == "https" else None,
    )


def _valid_or_none(adapter: TypeAdapter[Any], value: Any) -> Any:
    try:
        return adapter.validate_python(value)
    except ValidationError:
        return None
