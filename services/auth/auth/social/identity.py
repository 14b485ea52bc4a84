"""Who someone is, as far as a provider proves it."""

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
    """A person, by the provider's stable `subject`; the rest is None when absent or nothing we would keep.

    `email_verified` says that the provider vouches for the address.
    """

    provider: Provider
    subject: str
    email: str | None
    email_verified: bool
    name: str | None
    avatar_url: str | None


def build_verified_identity(
    provider: Provider, subject: Any, *, email: Any, vouched: bool, name: Any, picture: Any
) -> VerifiedIdentity:
    """What a provider states, taken over as far as it is sound. Raises InvalidSocialToken without a subject.

    People choose their names and pictures themselves, so none of it keeps anyone from signing in.
    """
    if not isinstance(subject, str) or not SUBJECT.fullmatch(subject):
        raise InvalidSocialToken("The token does not say whose it is.")
    address = _valid_or_none(_EMAIL, email)
    url = _valid_or_none(_AVATAR_URL, picture) if isinstance(picture, str) else None
    return VerifiedIdentity(
        provider=provider,
        subject=subject,
        email=address,
        email_verified=vouched and address is not None,
        name=_valid_or_none(_NAME, name),
        avatar_url=str(url) if url is not None and url.scheme == "https" else None,
    )


def _valid_or_none(kind: TypeAdapter[Any], value: Any) -> Any:
    try:
        return kind.validate_python(value)
    except ValidationError:
        return None
